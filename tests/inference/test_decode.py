"""The decoder against transformers' own generate, and options against their definition, on a tiny real model."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
import torch

from inference.cache import CHUNK, PrefixCache
from inference.decode import pick, reply, shift, weigh
from inference.network import Network, network_of
from inference.sampling import SamplingParams
from tests.inference.tiny_models import made

Run = Callable[[Any], Any]
Reader: TypeAlias = tuple[Network, PrefixCache]
GREEDY = {"temperature": 0.0, "repetition_penalty": 1.0, "min_p": 0.0}
CONTROLS = frozenset({2})


class Numbers:
    """Text that is the token ids themselves, so that a reply shows which tokens were drawn."""

    stopped = False

    def push(self, token: int) -> str:
        return f"{token} "

    def flush(self) -> str:
        return ""


@pytest.fixture(scope="module")
def network(tiny: Any) -> Network:
    return network_of(tiny)


@pytest.fixture
def reader(network: Network) -> Reader:
    return network, PrefixCache(1 << 30)


def prompt(length: int, seed: int = 0) -> list[int]:
    return torch.randint(3, 211, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def written(run: Run, reader: Reader, tokens: list[int], **wishes: Any) -> list[int]:
    text: Any = Numbers()
    pieces, _ = run(reply(*reader, tokens, SamplingParams(**wishes), text, CONTROLS))
    return [int(number) for number in "".join(pieces).split()]


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
    reader = (network_of(kind), PrefixCache(1 << 30))
    for _ in range(2):  # the second time from the cache
        assert written(run, reader, tokens, max_tokens=40, **GREEDY) == expected


def test_the_same_seed_is_the_same_reply_whatever_was_read_before(reader: Reader, run: Run) -> None:
    tokens = prompt(2 * CHUNK + 3)
    cold = written(run, reader, tokens, seed=5, max_tokens=30, temperature=1.5)
    warm = written(run, reader, tokens, seed=5, max_tokens=30, temperature=1.5)
    assert cold == warm
    assert len(cold) > 10
    others = [written(run, reader, tokens, seed=seed, max_tokens=30, temperature=1.5) for seed in (6, 7)]
    assert cold not in others


def test_replies_that_take_turns_do_not_disturb_each_other(reader: Reader, run: Run) -> None:
    tokens = prompt(CHUNK + 3)
    alone = [written(run, reader, tokens, seed=seed, max_tokens=12) for seed in (1, 2)]
    texts: list[Any] = [Numbers(), Numbers()]
    both = [
        reply(*reader, tokens, SamplingParams(seed=seed, max_tokens=12), text, CONTROLS)
        for seed, text in zip((1, 2), texts, strict=True)
    ]
    together: list[str] = ["", ""]
    torch.manual_seed(99)  # nothing is drawn from the global generator
    with torch.inference_mode():
        for _ in range(30):
            for row, steps in enumerate(both):
                together[row] += next(steps, None) or ""
    assert [[int(number) for number in text.split()] for text in together] == alone


def test_without_a_seed_replies_differ(reader: Reader, run: Run) -> None:
    """Two random replies of 20 tokens from a hot model agree less than once in 10^20."""
    tokens = prompt(9)
    assert written(run, reader, tokens, max_tokens=20, temperature=3.0, min_p=0.0) != written(
        run, reader, tokens, max_tokens=20, temperature=3.0, min_p=0.0
    )


def test_a_reply_is_no_longer_than_wished_and_reads_no_token_in_vain(reader: Reader, run: Run) -> None:
    assert len(written(run, reader, prompt(5), max_tokens=1, **GREEDY)) == 1


def test_a_control_token_ends_the_reply(reader: Reader, run: Run) -> None:
    tokens = prompt(2 * CHUNK + 10)
    free = written(run, reader, tokens, max_tokens=10, **GREEDY)
    text: Any = Numbers()
    last = free[4]
    pieces, _ = run(reply(*reader, tokens, SamplingParams(max_tokens=10, **GREEDY), text, frozenset({last})))
    assert [int(piece) for piece in pieces] == free[: free.index(last)]


def test_the_penalty_sees_so_many_tokens_back_and_no_further(reader: Reader, run: Run) -> None:
    """A penalty that makes what it sees impossible, and a token that would be said: seen at -64, unseen at -65."""
    never = {**GREEDY, "repetition_penalty": 1e9, "max_tokens": 1}
    window = SamplingParams().penalty_last_n
    tokens = prompt(window + 20)
    said = written(run, reader, tokens, **never)[0]
    assert said not in tokens[-window:]
    tokens[-window - 1] = said
    assert written(run, reader, tokens, **never) == [said]
    tokens[-window] = said
    assert written(run, reader, tokens, **never) != [said]


def test_the_penalty_leaves_the_end_of_turn_alone(reader: Reader, run: Run) -> None:
    tokens = prompt(30)
    said = written(run, reader, tokens, max_tokens=1, **GREEDY)[0]
    tokens[0] = said
    assert written(run, reader, tokens, max_tokens=1, **GREEDY) == [said]
    wishes = SamplingParams(max_tokens=1, **{**GREEDY, "repetition_penalty": 1e9})
    text: Any = Numbers()
    pieces, _ = run(reply(*reader, tokens, wishes, text, frozenset()))
    assert pieces != [f"{said} "]
    pieces, _ = run(reply(*reader, tokens, wishes, text, frozenset({said})))
    assert pieces == []


@pytest.mark.parametrize("options", [[[9], [17], [9, 30]], [[5, 6, 7], [5, 6], [80, 81, 82, 83]], [[4]]])
@pytest.mark.parametrize("length", [7, 2 * CHUNK + 5])
def test_options_weigh_what_their_tokens_do_after_the_prompt(
    kind: Any, run: Run, options: list[list[int]], length: int
) -> None:
    tokens, reader = prompt(length), (network_of(kind), PrefixCache(0))
    _, scores = run(weigh(*reader, tokens, options))
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
