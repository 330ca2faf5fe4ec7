"""Guidance against its formula and its definition without any cache, on a tiny real model; scale 1 costs nothing."""

from typing import Any

import pytest
import torch

from inference.batch import Batch
from inference.cache import PrefixCache
from inference.decode import drafts, reply
from inference.family import network_of
from inference.guidance import Guidance, guided
from inference.network import Network
from inference.sampling import SamplingParams
from inference.writer import Wish
from tests.inference.conftest import Run
from tests.inference.counting import Counting


@pytest.fixture(scope="module")
def network(tiny: Any) -> Network:
    return network_of(tiny)


def prompt(length: int, seed: int) -> list[int]:
    return torch.randint(3, 211, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def wish(negative: list[int] | None, scale: float, **wishes: Any) -> Wish:
    greedy: dict[str, Any] = {"temperature": 0.0, "repetition_penalty": 1.0, "min_p": 0.0, "max_tokens": 15}
    params = SamplingParams(**(greedy | wishes))
    return Wish(prompt(20, 1), params, lambda ids: "", frozenset(), negative=negative, scale=scale)


def written(run: Run, network: Network, wanted: Wish) -> list[int]:
    _, tokens = run(reply(Batch(network, PrefixCache(0)), wanted))
    return list(tokens)


def test_the_formula_by_hand() -> None:
    positive, negative = torch.tensor([0.5, 0.25, 0.25]).log() + 3, torch.tensor([0.25, 0.25, 0.5]).log() - 1
    assert torch.allclose(guided(positive, negative, 1.0).exp(), torch.tensor([0.5, 0.25, 0.25]))
    assert torch.allclose(guided(positive, negative, 0.0).exp(), torch.tensor([0.25, 0.25, 0.5]))
    assert torch.allclose(guided(positive, negative, 2.0).exp(), torch.tensor([1.0, 0.25, 0.125]))


@pytest.mark.parametrize("scale", [0.5, 1.7, 3.0])
def test_a_guided_reply_is_the_definition_read_without_any_cache(
    tiny: Any, network: Network, run: Run, scale: float
) -> None:
    negative, expected = prompt(70, 2), []
    wanted = wish(negative, scale)
    with torch.inference_mode():
        for _ in range(15):
            towards, away = (
                torch.log_softmax(tiny(torch.tensor([[*before, *expected]])).logits[0, -1].float(), 0)
                for before in (wanted.prompt, negative)
            )
            expected.append(int((away + scale * (towards - away)).argmax()))
    assert written(run, network, wanted) == expected
    assert expected != written(run, network, wish(None, 1.0))


def test_the_negative_row_is_read_with_the_others_and_without_guidance_there_is_none(
    network: Network, run: Run
) -> None:
    counting = Counting(network)
    run(reply(Batch(counting, PrefixCache(0)), wish(prompt(10, 2), 2.0)))
    assert counting.reads == [[20], [10], *[[1, 1]] * 14]
    counting.reads.clear()
    run(reply(Batch(counting, PrefixCache(0)), wish(None, 1.0)))
    assert counting.reads == [[20], *[[1]] * 14]


def test_guided_drafts_share_both_prompts_and_are_what_guided_replies_are(network: Network, run: Run) -> None:
    counting, wishes = Counting(network), {"temperature": 1.0, "seed": 4}
    _, written_drafts = run(drafts(Batch(counting, PrefixCache(0)), wish(prompt(10, 2), 2.0, **wishes), 3, None))
    assert counting.reads == [[20], [10], *[[1] * 6] * 14]
    assert len(written_drafts) == 3


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"^The scale of guidance must be 0 or more, not"):
        Guidance([], scale)
