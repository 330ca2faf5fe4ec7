"""The decoder against transformers' own generate, and options against their definition, on a tiny real model."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from inference.batch import Batch
from inference.cache import CHUNK, PrefixCache
from inference.decode import reply
from inference.family import network_of
from inference.network import Network
from inference.sampling import SamplingParams
from inference.weigh import pick, shift, weigh
from inference.writer import Wish
from tests.inference.tiny_models import made

Run = Callable[[Any], Any]
GREEDY = {"temperature": 0.0, "repetition_penalty": 1.0, "min_p": 0.0}
CONTROLS = frozenset({2})


def numbers(ids: Sequence[int]) -> str:
    """Text that is the token ids themselves, so that a reply shows which tokens were drawn."""
    return "".join(f"{id} " for id in ids)


@pytest.fixture(scope="module")
def network(tiny: Any) -> Network:
    return network_of(tiny)


@pytest.fixture
def batch(network: Network) -> Batch:
    return Batch(network, PrefixCache(1 << 30))


def prompt(length: int, seed: int = 0) -> list[int]:
    return torch.randint(3, 211, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def wish(tokens: list[int], controls: frozenset[int] = CONTROLS, **wishes: Any) -> Wish:
    return Wish(tokens, SamplingParams(**wishes), numbers, controls)


def written(run: Run, batch: Batch, tokens: list[int], **wishes: Any) -> list[int]:
    pieces, returned = run(reply(batch, wish(tokens, **wishes)))
    said = [int(number) for number in "".join(pieces).split()]
    assert said == returned
    return said


def mean_log_probability(model: Any, tokens: list[int], option: list[int]) -> float:
    """The definition: read prompt and option at once, without any cache."""
    with torch.inference_mode():
        logits = model(torch.tensor([tokens + option])).logits[0].double()
    picked = torch.log_softmax(logits, -1)[len(tokens) - 1 : -1].gather(1, torch.tensor(option)[:, None])
    return float(picked.mean())


@pytest.fixture(scope="module", params=["llama", "mistral", "gemma3"])
def kind(request: pytest.FixtureRequest) -> Any:
    return made(request.param)


@pytest.mark.parametrize("length", [3, CHUNK, 2 * CHUNK + 10])
def test_greedy_is_generate_token_by_token(kind: Any, run: Run, length: int) -> None:
    tokens = prompt(length)
    ids = torch.tensor([tokens])
    whole = kind.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=40)
    expected = whole[0, length:].tolist()
    expected = expected[: expected.index(2)] if 2 in expected else expected
    assert len(expected) > 5
    batch = Batch(network_of(kind), PrefixCache(1 << 30))
    for _ in range(2):  # the second time from the cache
        assert written(run, batch, tokens, max_tokens=40, **GREEDY) == expected


def test_the_same_seed_is_the_same_reply_whatever_was_read_before(batch: Batch, run: Run) -> None:
    tokens = prompt(2 * CHUNK + 3)
    cold = written(run, batch, tokens, seed=5, max_tokens=30, temperature=1.5)
    warm = written(run, batch, tokens, seed=5, max_tokens=30, temperature=1.5)
    assert cold == warm
    assert len(cold) > 10
    others = [written(run, batch, tokens, seed=seed, max_tokens=30, temperature=1.5) for seed in (6, 7)]
    assert cold not in others


def test_replies_that_take_turns_do_not_disturb_each_other(batch: Batch, run: Run) -> None:
    tokens = prompt(CHUNK + 3)
    alone = [written(run, batch, tokens, seed=seed, max_tokens=12) for seed in (1, 2)]
    both = [reply(batch, wish(tokens, seed=seed, max_tokens=12)) for seed in (1, 2)]
    together: list[str] = ["", ""]
    torch.manual_seed(99)  # nothing is drawn from the global generator
    with torch.inference_mode():
        for _ in range(30):
            for row, steps in enumerate(both):
                together[row] += next(steps, None) or ""
    assert [[int(number) for number in text.split()] for text in together] == alone


def test_without_a_seed_replies_differ(batch: Batch, run: Run) -> None:
    """Two random replies of 20 tokens from a hot model agree less than once in 10^20."""
    tokens = prompt(9)
    assert written(run, batch, tokens, max_tokens=20, temperature=3.0, min_p=0.0) != written(
        run, batch, tokens, max_tokens=20, temperature=3.0, min_p=0.0
    )


def test_a_reply_is_no_longer_than_wished_and_reads_no_token_in_vain(batch: Batch, run: Run) -> None:
    assert len(written(run, batch, prompt(5), max_tokens=1, **GREEDY)) == 1


def test_a_control_token_ends_the_reply(batch: Batch, run: Run) -> None:
    tokens = prompt(2 * CHUNK + 10)
    free = written(run, batch, tokens, max_tokens=10, **GREEDY)
    last = free[4]
    assert written(run, batch, tokens, controls=frozenset({last}), max_tokens=10, **GREEDY) == free[: free.index(last)]


def test_the_penalty_sees_so_many_tokens_back_and_no_further(batch: Batch, run: Run) -> None:
    """A penalty that makes what it sees impossible, and a token that would be said: seen at -64, unseen at -65."""
    never = {**GREEDY, "repetition_penalty": 1e9, "max_tokens": 1}
    window = SamplingParams().penalty_last_n
    tokens = prompt(window + 20)
    said = written(run, batch, tokens, **never)[0]
    assert said not in tokens[-window:]
    tokens[-window - 1] = said
    assert written(run, batch, tokens, **never) == [said]
    tokens[-window] = said
    assert written(run, batch, tokens, **never) != [said]


def test_the_penalty_leaves_the_end_of_turn_alone(batch: Batch, run: Run) -> None:
    tokens = prompt(30)
    said = written(run, batch, tokens, max_tokens=1, **GREEDY)[0]
    tokens[0] = said
    assert written(run, batch, tokens, max_tokens=1, **GREEDY) == [said]
    never = {**GREEDY, "max_tokens": 1, "repetition_penalty": 1e9}
    assert written(run, batch, tokens, controls=frozenset(), **never) != [said]
    assert written(run, batch, tokens, controls=frozenset({said}), **never) == []


@pytest.mark.parametrize("options", [[[9], [17], [9, 30]], [[5, 6, 7], [5, 6], [80, 81, 82, 83]], [[4]]])
@pytest.mark.parametrize("length", [7, 2 * CHUNK + 5])
def test_options_weigh_what_their_tokens_do_after_the_prompt(
    kind: Any, run: Run, options: list[list[int]], length: int
) -> None:
    tokens, batch = prompt(length), Batch(network_of(kind), PrefixCache(0))
    _, scores = run(weigh(batch, tokens, options))
    expected = [mean_log_probability(kind, tokens, option) for option in options]
    assert scores == pytest.approx(expected, abs=1e-4)


def test_a_bias_multiplies_what_the_model_believes() -> None:
    scores = [math.log(0.2), math.log(0.8)]
    assert shift(scores, [0.0, 0.0], 1.0) == pytest.approx([0.2, 0.8])
    assert shift(scores, [math.log(4), 0.0], 1.0) == pytest.approx([0.5, 0.5])
    assert shift(scores, [math.log(2), 0.0], 2.0) == pytest.approx([0.5, 0.5])
    assert shift(scores, [math.log(4), 0.0], 0.0) == pytest.approx([0.2, 0.8])


def test_without_a_seed_the_likeliest_is_picked_and_with_seeds_each_as_often_as_probable() -> None:
    """1,000 seeds: within 5 standard deviations of 250."""
    assert pick([0.2, 0.5, 0.3], None) == 1
    assert [pick([0.0, 1.0], seed) for seed in range(20)] == [1] * 20
    firsts = sum(pick([0.25, 0.75], seed) == 0 for seed in range(1000))
    assert abs(firsts - 250) <= 5 * math.sqrt(1000 * 0.25 * 0.75)
    assert pick([0.25, 0.75], 11) == pick([0.25, 0.75], 11)
