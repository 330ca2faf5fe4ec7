"""The draws of a reply: the distribution they follow, the numbers they use up, what is learnt, what is taken back."""

import math
import statistics
from typing import Any

import pytest
import torch

from inference.sampling import Breakers, Sampler, SamplingParams, distribution
from tests.inference.plain_sampling import PlainSampler

NEUTRAL = {"temperature": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}
CHAINS: dict[str, dict[str, Any]] = {
    "default": {},
    "greedy": {"temperature": 0.0, "repetition_penalty": 1.3},
    "neutral": NEUTRAL,
    "dynamic": {"dynatemp_range": 0.7, "dynatemp_exponent": 1.5, "typical_p": 0.9},
    "choosy": {"top_k": 30, "top_p": 0.9, "top_n_sigma": 2.5, "frequency_penalty": 0.2, "presence_penalty": 0.3},
    "playful": {"xtc_probability": 0.5, "xtc_threshold": 0.05, "dry_multiplier": 0.8, "penalty_last_n": -1},
    "mirostat 1": {**NEUTRAL, "mirostat": 1, "mirostat_tau": 3.0, "top_p": 0.99},
    "mirostat 2": {"mirostat": 2, "mirostat_tau": 4.0, "temperature": 1.3},
    "the other way round": {
        "top_k": 40,
        "xtc_probability": 0.4,
        "mirostat": 2,
        "samplers": ("temperature", "mirostat", "xtc", "min_p", "top_k", "dry", "penalties"),
        "dry_multiplier": 1.0,
    },
}  # fmt: skip


def params(name: str, **wishes: Any) -> SamplingParams:
    return SamplingParams(**{**CHAINS[name], **wishes})


def logits_of(step: int, size: int, spread: float = 2.5) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(step)) * spread


@pytest.mark.parametrize("size", [50, 6007])
@pytest.mark.parametrize("name", CHAINS)
def test_with_the_same_noise_the_same_tokens_as_by_definition(name: str, size: int) -> None:
    """Shared noise: both use the same numbers. A draw can differ only where one falls on the border of two tokens."""
    table = {3: [()], 5: [(7, 8)]}
    wishes = params(name, seed=11)
    context = [token % 50 for token in range(3, 70, 3)] * 2
    fast, plain = Sampler(wishes, context, lambda _: table), PlainSampler(wishes, context, table)
    for step in range(60 if size == 50 else 12):
        logits = logits_of(step % 7, size)  # few contexts, so that there is something to repeat
        token = fast.draw(logits)
        fast.accept(token)
        assert token == plain.draw(logits), f"at token {step}"
        assert fast.mu == pytest.approx(plain.mu, abs=1e-4)


@pytest.mark.parametrize("name", CHAINS)
def test_draws_are_as_frequent_as_they_are_probable(name: str) -> None:
    """4,000 draws: inside the support, cosine above 0.99, each within 5 standard deviations (2 in a million)."""
    logits, context = logits_of(1, 300, 2.0), [5, 6, 7, 5, 6]
    wishes = params(name, seed=7)
    sampler = Sampler(wishes, context)
    counts = torch.bincount(torch.tensor([sampler.draw(logits) for _ in range(4000)]), minlength=300).double()
    probabilities = distribution(logits, wishes, context).double()
    assert not bool((counts > 0)[probabilities == 0].any())
    assert float(torch.nn.functional.cosine_similarity(counts, probabilities, 0)) > 0.99
    deviation = (4000 * probabilities * (1 - probabilities)).sqrt()
    assert bool(((counts - 4000 * probabilities).abs() <= 5 * deviation + 3).all())


@pytest.mark.parametrize("name", CHAINS)
def test_a_draw_uses_up_as_many_numbers_whatever_the_probabilities_are(name: str) -> None:
    one, other = Sampler(params(name, seed=3)), Sampler(params(name, seed=3))
    for step in range(5):
        one.draw(torch.tensor([0.0, 1.0] + [-math.inf] * 60))
        other.draw(logits_of(step, 62))
    flat = torch.zeros(100_000)
    assert one.draw(flat) == other.draw(flat)


def test_what_a_seed_draws_stays_what_it_was() -> None:
    """By hand: torch's generator of seed 5 gives 0.8303, 0.1261, 0.9075, and the sums are 0.1, 0.3, 0.6, 1."""
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    generator = torch.Generator().manual_seed(5)
    numbers = [float(torch.rand((), generator=generator, dtype=torch.float64)) for _ in range(20)]
    expected = [next(token for token, end in enumerate((0.1, 0.3, 0.6, 1.0)) if number < end) for number in numbers]
    sampler = Sampler(SamplingParams(seed=5, **NEUTRAL))
    assert [sampler.draw(logits) for _ in range(20)] == expected


def test_without_a_seed_samplers_differ() -> None:
    """Two of 10 tokens from 10,000 equally probable ones: the same once in 10^40."""
    one, other = ([Sampler(SamplingParams(**NEUTRAL)).draw(torch.zeros(10_000)) for _ in range(10)] for _ in range(2))
    assert one != other


def test_a_grammar_and_bans_come_before_everything() -> None:
    logits = torch.tensor([9.0, 8.0, 1.0, 0.5, 0.0])
    allowed = torch.tensor([False, False, True, True, True])
    for name, wishes in CHAINS.items():
        sampler = Sampler(params(name, seed=1))
        drawn = {sampler.draw(logits, allowed, without=(3,)) for _ in range(300)}
        assert drawn <= {2, 4}, name
        kept = Sampler(params(name)).distribution(logits, allowed)
        assert kept[:2].tolist() == [0, 0]
        assert float(kept.sum()) == pytest.approx(1.0, abs=1e-6), wishes
    with pytest.raises(ValueError, match=r"^No token may be drawn here: the grammar allows none\.$"):
        sampler.draw(logits, torch.zeros(5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"^No token may be drawn here: the grammar and the bans together leave none"):
        sampler.draw(logits, allowed, without=(2, 3, 4))


@pytest.mark.parametrize("name", CHAINS)
def test_undo_restores_context_mu_and_parameters(name: str) -> None:
    first, second = params(name, seed=2), params("mirostat 2", mirostat_tau=2.0, seed=2)
    sampler = Sampler(first, [1, 2, 3])
    states = []
    for step in range(8):
        states.append((sampler.distribution(logits_of(99, 80)), sampler.mu, sampler.params))
        sampler.accept(sampler.draw(logits_of(step, 80)))
        if step == 3:
            sampler.switch(second)
    for back, (shown, mu, wishes) in zip((3, 1, 4), (states[5], states[4], states[0]), strict=True):
        sampler.undo(back)
        assert torch.equal(sampler.distribution(logits_of(99, 80)), shown)
        assert (sampler.mu, sampler.params) == (mu, wishes)
    with pytest.raises(AssertionError, match="1 tokens to take back, 0 accepted"):
        sampler.undo(1)


def test_what_is_drawn_after_undo_is_a_new_draw() -> None:
    """Fifty tokens taken back and drawn again from 10,000: some differ but for once in 10^200."""
    sampler = Sampler(SamplingParams(seed=1, **NEUTRAL))
    flat, drawn = torch.zeros(10_000), []
    for _ in range(2):
        drawn.append([sampler.draw(flat) for _ in range(50)])
        for token in drawn[-1]:
            sampler.accept(token)
        sampler.undo(50)
    assert drawn[0] != drawn[1]


def test_switch_goes_on_with_seed_context_and_the_same_target() -> None:
    logits = logits_of(4, 80)
    sampler = Sampler(params("mirostat 2", seed=4), [1, 2])
    sampler.accept(sampler.draw(logits))
    mu = sampler.mu
    sampler.switch(params("mirostat 2", repetition_penalty=2.0, seed=9))
    assert sampler.mu == mu != 8.0
    said = next(token for token in range(80) if sampler.distribution(logits)[token] > 0.01)
    sampler.accept(said)
    assert sampler.distribution(logits)[said] < 0.01  # the context went on
    sampler.switch(params("mirostat 2", mirostat_tau=2.0))
    assert sampler.mu == 4.0
    one, other = (Sampler(params("default", seed=8)) for _ in range(2))
    other.switch(params("neutral", seed=1))
    other.switch(params("default", seed=2))
    assert [one.draw(logits) for _ in range(9)] == [other.draw(logits) for _ in range(9)]


def test_mirostat_learns_from_nothing_but_what_was_drawn() -> None:
    sampler = Sampler(params("mirostat 2", min_p=0.0))
    sampler.accept(2)
    assert sampler.mu == 8.0  # nothing was drawn yet
    sampler.draw(torch.tensor([0.0, 0.0, -math.inf]))
    sampler.accept(2)
    assert sampler.mu == 8.0  # the token was no candidate
    sampler.draw(torch.tensor([0.0, 0.0, -math.inf]))
    sampler.accept(1)
    assert sampler.mu == pytest.approx(8.0 - 0.1 * (1.0 - 4.0))  # one bit, four wished for


@pytest.mark.parametrize("tau", [3.0, 4.5])
@pytest.mark.parametrize("mirostat", [1, 2])
def test_mirostat_holds_its_target_on_a_source_like_language(mirostat: int, tau: float) -> None:
    """Zipf's law with exponents from 0.9 to 1.5 over 5,000 tokens, as certain and uncertain places alternate: the mean
    surprise of 3,000 tokens is within 3 % of tau, though without mirostat it is 5 to 9 bits from place to place."""
    ranks = torch.arange(1, 5001).log()
    sampler = Sampler(SamplingParams(mirostat=mirostat, mirostat_tau=tau, seed=1, **NEUTRAL))
    surprises = []
    for step in range(3300):
        logits = -(0.9 + 0.1 * (step % 7)) * ranks
        token = sampler.draw(logits)
        sampler.accept(token)
        surprises.append(-float(torch.log_softmax(logits, 0)[token]) / math.log(2))
    assert statistics.mean(surprises[300:]) == pytest.approx(tau, rel=0.03)


PIECES = ["a", "/", ":", "):", " x", "\n", "\n\n", "*", "**", "He", "</", "s", ">", "</s", "s>", "a<"]


def encode(text: str) -> list[int]:
    """Greedy: the longest piece that fits."""
    ids = []
    while text:
        piece = max((piece for piece in PIECES if text.startswith(piece)), key=len)
        ids.append(PIECES.index(piece))
        text = text[len(piece) :]
    return ids


def test_breakers_are_found_in_whatever_tokens_they_may_be_written_with() -> None:
    breakers = Breakers(lambda: PIECES, encode)
    table = breakers((":", "\n", "</s>"))
    whole = {PIECES[token] for token, tails in table.items() if () in tails}
    assert whole == {":", "):", "\n", "\n\n"}
    begun = {PIECES[token]: [[PIECES[t] for t in tail] for tail in tails] for token, tails in table.items() if tails[0]}
    assert begun == {"</": [["s>"]], "</s": [[">"]], "a<": [["/", "s>"]]}
    assert breakers((":", "\n", "</s>")) is table  # read once
