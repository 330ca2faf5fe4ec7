"""Ragged reading against transformers' own: the same logits, the same greedy tokens, whatever else is in the batch."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    JambaConfig,
    JambaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
)

from inference.family import network_of
from inference.job import ModelMissing
from inference.network import Network, Segment
from tests.inference.tiny_models import KINDS, SIZES, made

CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(scope="module", params=list(KINDS))
def model(request: pytest.FixtureRequest) -> Any:
    return made(request.param)


@pytest.fixture(scope="module")
def network(model: Any) -> Network:
    return network_of(model)


@pytest.fixture(autouse=True)
def _inference() -> Any:
    with torch.inference_mode():
        yield


def prompt(length: int, seed: int = 0) -> list[int]:
    return torch.randint(3, 211, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def plain(model: Any, tokens: Sequence[int]) -> Tensor:
    """transformers' own logits (T, V), read at once."""
    logits: Tensor = model(torch.tensor([list(tokens)]), use_cache=False).logits[0]
    return logits


def test_a_prompt_in_pieces_reads_as_at_once(model: Any, network: Network) -> None:
    """70 tokens are more than twice the window of the models that have one."""
    tokens = prompt(70)
    expected, past = plain(model, tokens), network.past(70)
    for start, end in ((0, 1), (1, 40), (40, 66), (66, 67), (67, 70)):
        [logits] = network.read([Segment(past, tokens[start:end], every=True)])
        torch.testing.assert_close(logits, expected[start:end], **CLOSE)
        assert past.length == end


def test_greedy_is_generate_token_by_token(model: Any, network: Network) -> None:
    tokens = prompt(35)
    ids = torch.tensor([tokens])
    whole = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=40, min_new_tokens=40
    )
    expected, past, found = whole[0, 35:].tolist(), network.past(75), []
    [logits] = network.read([Segment(past, tokens)])
    while len(found) < 40:
        logits[2] = -torch.inf  # generate suppresses the end of sequence until min_new_tokens
        found.append(int(logits.argmax()))
        [logits] = network.read([Segment(past, found[-1:])])
    assert found == expected


def test_rows_of_different_lengths_read_together_as_each_alone(model: Any, network: Network) -> None:
    rows = [prompt(length, seed=length) for length in (50, 3, 1, 26)]
    pasts = [network.past(60) for _ in rows]
    cuts = [47, 2, 0, 25]  # all at once: prompts of several lengths, then three tokens, one, the first, one
    network.read([Segment(past, row[:cut]) for past, row, cut in zip(pasts, rows, cuts, strict=True) if cut])
    found = network.read(
        [
            Segment(past, row[cut:], every=number == 0)
            for number, (past, row, cut) in enumerate(zip(pasts, rows, cuts, strict=True))
        ]
    )
    for number, (row, logits) in enumerate(zip(rows, found, strict=True)):
        expected = plain(model, row)
        torch.testing.assert_close(logits, expected[47:] if number == 0 else expected[-1], **CLOSE)


def test_branches_share_a_trunk_and_do_not_see_each_other(model: Any, network: Network) -> None:
    trunk, twig = network.past(40), prompt(2, seed=9)
    tokens = prompt(38)
    network.read([Segment(trunk, tokens)])
    branches = [prompt(length, seed=length) for length in (1, 5, 30)]
    pasts = [network.past(len(branch) + 1, trunk=trunk) for branch in branches]
    found = network.read([Segment(past, branch, every=True) for past, branch in zip(pasts, branches, strict=True)])
    for branch, logits in zip(branches, found, strict=True):
        torch.testing.assert_close(logits, plain(model, tokens + branch)[38:], **CLOSE)
    lone = network.past(2)
    further = [network.past(2, trunk=pasts[1]), lone, *pasts]  # a branch of a branch, one of its own, and branches
    found = network.read([Segment(past, twig[:1]) for past in further])
    before = [tokens + branches[1], [], *(tokens + branch for branch in branches)]
    for logits, read in zip(found, before, strict=True):
        torch.testing.assert_close(logits, plain(model, [*read, twig[0]])[-1], **CLOSE)
    [logits] = network.read([Segment(trunk, twig)])  # a trunk may go on: its branches do not see it
    torch.testing.assert_close(logits, plain(model, tokens + twig)[-1], **CLOSE)


def test_after_going_back_other_words_follow(model: Any, network: Network) -> None:
    tokens, others, past = prompt(40), prompt(12, seed=1), network.past(60)
    network.read([Segment(past, tokens)])
    past.rewind(30)
    [logits] = network.read([Segment(past, others)])
    torch.testing.assert_close(logits, plain(model, tokens[:30] + others)[-1], **CLOSE)


def test_a_model_is_left_as_it_was(model: Any, network: Network) -> None:
    before = model.config._attn_implementation
    network.read([Segment(network.past(5), prompt(5))])
    assert model.config._attn_implementation == before != "mien_ragged"


def test_angles_that_depend_on_the_longest_row_do_not_reach_the_others() -> None:
    """Phi 3's long rotary angles are for sequences over 32 tokens; a short row beside a long one keeps the short."""
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 6, "long_factor": [7.0] * 6}
    torch.manual_seed(0)
    config = Phi3Config(
        **{name: size for name, size in SIZES.items() if name != "head_dim"},
        original_max_position_embeddings=32,
        rope_parameters=rope | {"original_max_position_embeddings": 32},
    )
    network = network_of(Phi3ForCausalLM(config).eval())
    rows, alone = [prompt(40), prompt(6, seed=1)], []
    for row in rows:
        alone += network.read([Segment(network.past(40), row)])
    together = network.read([Segment(network.past(40), row) for row in rows])
    assert torch.equal(torch.stack(together), torch.stack(alone))


SMALL: dict[str, Any] = {"vocab_size": 211, "hidden_size": 16, "num_hidden_layers": 2}
REFUSED = {
    "mamba": lambda: MambaForCausalLM(MambaConfig(**SMALL, state_size=4)),
    "jamba": lambda: JambaForCausalLM(
        JambaConfig(**SMALL, intermediate_size=16, num_attention_heads=2, num_key_value_heads=1, mamba_d_state=4)
    ),
    "bloom": lambda: BloomForCausalLM(BloomConfig(**SMALL, n_head=2, initializer_range=0.3)),
}


@pytest.mark.parametrize("kind", list(REFUSED))
def test_a_model_of_another_kind_is_refused_in_one_sentence(kind: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(ModelMissing, match=rf"^Models like this one \({kind}\) keep more than keys and values"):
        network_of(REFUSED[kind]().eval())
