import pytest
import torch

from avatar.conditioning import Conditioning, between


def drawn(seed: int, pooled: bool = True) -> Conditioning:
    generator = torch.Generator().manual_seed(seed)
    return Conditioning(
        torch.randn(5, 48, generator=generator) * 3, torch.randn(16, generator=generator) if pooled else None
    )


def test_the_ends_are_the_conditionings_themselves() -> None:
    a, b = drawn(1), drawn(2)
    assert torch.equal(between(a, b, 0).tokens, a.tokens)
    assert torch.equal(between(a, b, 1).pooled, b.pooled)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_between_turns_by_the_share_of_the_angle_and_grows_by_the_share_of_the_length(share: float) -> None:
    a, b = Conditioning(torch.tensor([[2.0, 0.0]])), Conditioning(torch.tensor([[0.0, 4.0]]))
    found = between(a, b, share).tokens[0]
    angle = torch.tensor(share * torch.pi / 2)
    assert torch.allclose(found, (2 + 2 * share) * torch.stack((angle.cos(), angle.sin())), atol=1e-5)


def test_each_token_and_the_pooled_one_keep_the_length_of_a_prompt() -> None:
    a, b = drawn(1), drawn(2)
    middle = between(a, b, 0.5)
    expected = (a.tokens.norm(dim=-1) + b.tokens.norm(dim=-1)) / 2
    assert torch.allclose(middle.tokens.norm(dim=-1), expected, rtol=1e-4)
    assert middle.pooled is not None and middle.pooled.norm() > 0.99 * min(a.pooled.norm(), b.pooled.norm())  # type: ignore[union-attr]


def test_equal_opposite_and_empty_tokens_stay_numbers() -> None:
    a = Conditioning(torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]))
    b = Conditioning(torch.tensor([[1.0, 2.0], [-1.0, -2.0], [3.0, 4.0]]))
    found = between(a, b, 0.25).tokens
    assert found.isfinite().all() and torch.allclose(found[0], a.tokens[0])
    assert torch.allclose(between(a, a, 0.5).tokens, a.tokens)


def test_conditionings_of_two_models_are_refused() -> None:
    with pytest.raises(ValueError, match="same model"):
        between(drawn(1), drawn(2, pooled=False), 0.5)
