"""What was read before is reused, to the last bit, and leaves when it takes too much room."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import pytest
import torch

from inference.cache import CHUNK, Past, PrefixCache
from inference.family import network_of
from inference.loader import Loaded
from inference.network import Network, Segment
from inference.prefill import prefill


class Counting:
    """A network that notes how many tokens it is asked to read, and what was read before."""

    def __init__(self, network: Network, prefix_bytes: int = 1 << 30) -> None:
        self.network, self.device, self.form, self.past = network, network.device, network.form, network.past
        self.prefixes = PrefixCache(prefix_bytes)

    def read(self, segments: Sequence[Segment]) -> list[torch.Tensor]:
        READ.extend(len(segment.tokens) for segment in segments)
        return self.network.read(segments)


READ: list[int] = []
LogitsAfter: TypeAlias = Callable[[Counting, list[int]], torch.Tensor]


@pytest.fixture(autouse=True)
def _read_nothing_yet() -> None:
    READ.clear()


def prompt(length: int, seed: int = 0) -> list[int]:
    return torch.randint(3, 211, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


@pytest.fixture(scope="module")
def network(tiny: Any) -> Network:
    return network_of(tiny)


@pytest.fixture
def reader(network: Network) -> Counting:
    return Counting(network)


@pytest.fixture
def logits_after(run: Callable[[Any], Any]) -> LogitsAfter:
    def read_all(reader: Counting, tokens: list[int]) -> torch.Tensor:
        _, (past, logits) = run(prefill(reader, reader.prefixes, tokens, 1))
        assert past.length == len(tokens)
        return cast(torch.Tensor, logits)

    return read_all


def test_a_prompt_is_read_in_chunks_one_step_each(reader: Counting) -> None:
    steps = prefill(reader, reader.prefixes, prompt(2 * CHUNK + 5), 1)
    with torch.inference_mode():
        assert (next(steps), next(steps)) == (None, None)
        with pytest.raises(StopIteration):
            next(steps)
    assert READ == [CHUNK, CHUNK, 5]


def test_chunks_give_the_models_own_logits(reader: Counting, tiny: Any, logits_after: LogitsAfter) -> None:
    tokens = prompt(3 * CHUNK + 7)
    with torch.inference_mode():
        expected = tiny(torch.tensor([tokens])).logits[0, -1]
    torch.testing.assert_close(logits_after(reader, tokens), expected)


@pytest.mark.parametrize(
    ("length", "common", "read"),
    [
        (3 * CHUNK + 9, 3 * CHUNK + 9, [9]),  # the same again: only the rest that is no whole chunk
        (3 * CHUNK + 9, 2 * CHUNK, [CHUNK, 9]),
        (3 * CHUNK + 9, 2 * CHUNK - 1, [CHUNK, CHUNK, 9]),
        (3 * CHUNK, 3 * CHUNK, [CHUNK]),  # the last token's logits are wanted, so its chunk is read
        (CHUNK - 1, CHUNK - 1, [CHUNK - 1]),
        (1, 1, [1]),
    ],
)
def test_only_what_is_new_is_read(
    reader: Counting, length: int, common: int, read: list[int], logits_after: LogitsAfter
) -> None:
    first = prompt(length)
    second = [*first[:common], *prompt(length - common, seed=1)]
    logits_after(reader, first)
    READ.clear()
    warm = logits_after(reader, second)
    assert read == READ
    cold = logits_after(Counting(reader.network, 0), second)
    assert torch.equal(warm, cold)


def test_the_starter_model_in_its_packed_form_is_exact_too(starter: Loaded, logits_after: LogitsAfter) -> None:
    first, second = prompt(2 * CHUNK + 20), prompt(2 * CHUNK + 40, seed=1)
    second[:CHUNK] = first[:CHUNK]
    reader = Counting(network_of(starter.model))
    cold = logits_after(reader, first)
    assert torch.equal(logits_after(reader, first), cold)
    warm = logits_after(reader, second)
    assert READ[-2:] == [CHUNK, 40]
    assert torch.equal(logits_after(Counting(reader.network, 0), second), warm)


def test_a_longer_turn_reads_on_where_the_shorter_ended(reader: Counting, logits_after: LogitsAfter) -> None:
    tokens = prompt(4 * CHUNK + 3)
    logits_after(reader, tokens[: 2 * CHUNK + 30])
    READ.clear()
    logits_after(reader, tokens)
    assert READ == [CHUNK, CHUNK, 3]


def test_what_follows_does_not_reach_into_the_cache(
    reader: Counting, logits_after: LogitsAfter, run: Callable[[Any], Any]
) -> None:
    tokens = prompt(CHUNK + 1)
    before = logits_after(reader, tokens)
    _, (past, _) = run(prefill(reader, reader.prefixes, tokens, 5))
    with torch.inference_mode():
        past.keys[0].fill_(7.0)
    assert torch.equal(logits_after(reader, tokens), before)


def test_the_least_recently_used_leave_and_the_bytes_are_true(network: Network, logits_after: LogitsAfter) -> None:
    size = 2 * 2 * 2 * CHUNK * 12 * 4  # layers x (keys, values) x heads x tokens x head dimension x float32
    reader = Counting(network, 4 * size)
    a, b, c = (prompt(2 * CHUNK + 1, seed) for seed in range(3))
    logits_after(reader, a)
    logits_after(reader, b)
    assert reader.prefixes.bytes == 4 * size
    logits_after(reader, a)  # now b is the older one
    logits_after(reader, c)
    assert reader.prefixes.bytes == 4 * size
    READ.clear()
    logits_after(reader, a)
    assert READ == [1]
    READ.clear()
    logits_after(reader, b)
    assert READ == [CHUNK, CHUNK, 1]


def test_a_half_forgotten_prompt_keeps_its_beginning(network: Network, logits_after: LogitsAfter) -> None:
    size = 2 * 2 * 2 * CHUNK * 12 * 4
    reader = Counting(network, 2 * size)
    tokens = prompt(2 * CHUNK + 1)
    logits_after(reader, tokens)
    logits_after(reader, prompt(CHUNK + 1, seed=5))  # pushes one block out: it must be the second of `tokens`
    READ.clear()
    logits_after(reader, tokens)
    assert READ == [CHUNK, 1]


def test_without_room_nothing_is_kept_and_all_is_well(network: Network, logits_after: LogitsAfter) -> None:
    reader = Counting(network, 0)
    logits_after(reader, prompt(2 * CHUNK + 1))
    logits_after(reader, prompt(2 * CHUNK + 1))
    assert READ == [CHUNK, CHUNK, 1] * 2
    assert reader.prefixes.bytes == 0


def test_a_past_that_is_too_small_says_so(network: Network) -> None:
    past = network.past(3)
    with torch.inference_mode(), pytest.raises(AssertionError, match="4 tokens do not fit into a past of 3"):
        network.read([Segment(past, prompt(4))])
    assert past.length == 0


def test_a_past_goes_back_but_never_into_what_is_shared(network: Network) -> None:
    past = network.past(9)
    with torch.inference_mode():
        network.read([Segment(past, prompt(6))])
        past.rewind(5)
        branch: Past | None = network.past(4, trunk=past)
        assert branch is not None
        assert (branch.length, branch.own) == (5, 0)
        network.read([Segment(branch, prompt(3))])
    with pytest.raises(AssertionError, match="cannot go back to 4"):
        branch.rewind(4)
    with pytest.raises(AssertionError, match="cannot go back to 4"):
        past.rewind(4)
    branch.rewind(6)
    assert branch.length == 6
    branch = None
    past.rewind(0)
    assert past.length == 0
