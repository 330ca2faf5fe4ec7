"""What holds for any logits: samplers equal their plain definitions, cuts only ever cut, penalties only ever lower."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.sampling import SamplingParams, distribution
from inference.sampling.candidates import FEW, GROUP, Candidates
from inference.sampling.cuts import SORTED
from inference.sampling.params import ORDER
from tests.inference.plain_sampling import plain_probabilities

NEUTRAL = {"temperature": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}


def neutral_but(**wishes: Any) -> SamplingParams:
    return SamplingParams(**{**NEUTRAL, **wishes})


# on a grid, so that different logits are not the same after rounding
LOGITS = st.lists(st.integers(-1900, 1900).map(lambda n: n / 64), min_size=1, max_size=40, unique=True)
SHARE = st.floats(0, 1)
WISHES = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0.2, 3),
        "dynatemp_range": st.floats(0, 1),
        "dynatemp_exponent": st.floats(0.2, 3),
        "top_k": st.integers(0, 45),
        "top_p": SHARE,
        "min_p": st.floats(0, 1.2),
        "typical_p": SHARE,
        "top_n_sigma": st.floats(-1, 4),
        "xtc_probability": SHARE,
        "xtc_threshold": st.floats(0, 0.5),
        "dry_multiplier": st.floats(0, 2),
        "dry_base": st.floats(1, 3),
        "dry_allowed_length": st.integers(1, 3),
        "dry_penalty_last_n": st.integers(-1, 8),
        "repetition_penalty": st.floats(1, 2),
        "frequency_penalty": st.floats(0, 1),
        "presence_penalty": st.floats(0, 1),
        "penalty_last_n": st.integers(-1, 8),
        "mirostat": st.sampled_from((0, 1, 2)),
        "mirostat_tau": st.floats(0.1, 5),
        "samplers": st.permutations(ORDER).map(tuple),
    },
)


@given(LOGITS, WISHES, st.data())
@settings(deadline=None, max_examples=300)
def test_any_chain_sums_to_one_and_keeps_something(
    logits: list[float], wishes: dict[str, Any], data: st.DataObject
) -> None:
    context = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=12))
    found = distribution(torch.tensor(logits), SamplingParams(**wishes), context).double()
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-6)
    assert float(found.min()) >= 0


@given(st.sampled_from(ORDER), LOGITS, WISHES, st.data())
@settings(deadline=None, max_examples=300)
def test_each_sampler_equals_its_definition(
    name: str, logits: list[float], wishes: dict[str, Any], data: st.DataObject
) -> None:
    context = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=12))
    params = SamplingParams(**{**wishes, "samplers": (name,)})
    found = distribution(torch.tensor(logits), params, context).double()
    expected = torch.tensor(plain_probabilities(torch.tensor(logits), params, context), dtype=torch.float64)
    kept, wanted = found > 1e-30, expected > 1e-30  # less than that is zero in float32
    if torch.equal(kept, wanted):
        assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    else:  # a token exactly on a cut may fall to either side by rounding: at most that one token more or less
        assert int((kept != wanted).sum()) <= 2


@pytest.mark.parametrize("spread", [0.01, 1.0, 4.0])
@pytest.mark.parametrize("size", [FEW - 1, 5 * FEW + 7])  # looked at one by one, and in groups with a rest
@pytest.mark.parametrize(
    "wishes",
    [
        {"top_p": 0.1},
        {"top_p": 0.9},
        {"top_p": 0.999},
        {"top_k": 3},
        {"top_k": 2 * SORTED},
        {"min_p": 0.2},
        {"min_p": 1e-4},
        {"typical_p": 0.5},
        {"typical_p": 0.95},
        {"top_n_sigma": 1.5},
        {"xtc_probability": 1.0, "xtc_threshold": 0.001},
        {"mirostat": 1, "mirostat_tau": 3.0},
        {"mirostat": 2, "mirostat_tau": 4.0},
        {"top_k": 400, "temperature": 1.3, "top_p": 0.8, "samplers": ("temperature", "top_k", "top_p")},
    ],
)
def test_a_vocabulary_is_cut_where_a_full_sort_would(spread: float, size: int, wishes: dict[str, Any]) -> None:
    logits = torch.randn(size, generator=torch.Generator().manual_seed(1)) * spread
    found = distribution(logits, neutral_but(**wishes)).double()
    expected = torch.tensor(plain_probabilities(logits, neutral_but(**wishes)), dtype=torch.float64)
    assert int(((found > 0) != (expected > 0)).sum()) <= (1 if spread < 1 else 0)  # where the next one is 1e-9 off
    assert float((found - expected).abs().sum()) / 2 <= 1e-4 if spread < 1 else 1e-6
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("top_p", [0.2, 0.5, 0.97])
def test_equal_logits_are_kept_in_the_order_of_ids(top_p: float) -> None:
    logits = torch.zeros(3 * FEW + 5)
    found = distribution(logits, neutral_but(top_p=top_p))
    assert int((found > 0).sum()) == math.ceil(top_p * len(logits) - 1e-3)
    assert torch.equal((found > 0).nonzero().squeeze(1), torch.arange(int((found > 0).sum())))
    assert distribution(logits, neutral_but(top_k=70)).nonzero().squeeze(1).tolist() == list(range(70))


@given(st.integers(1, FEW + 3 * GROUP), st.integers(1, 300), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_the_likeliest_are_those_of_a_sort(size: int, count: int, seed: int) -> None:
    logits = np.random.default_rng(seed).integers(-50, 50, size).astype(np.float32)
    kept = Candidates(None, logits).likeliest(count)
    expected = np.sort(np.argsort(-logits, kind="stable")[:count])
    assert [kept.token(place) for place in range(len(kept))] == expected.tolist()


TIGHTER = {  # a cut and how its parameter lets less and less through
    "top_k": lambda a, b: (max(a, 1), max(b, 1)),
    "top_p": lambda a, b: (a / 100, b / 100),
    "min_p": lambda a, b: (1 - a / 100, 1 - b / 100),
    "typical_p": lambda a, b: (a / 100, b / 100),
    "top_n_sigma": lambda a, b: (max(a, 1) / 25, max(b, 1) / 25),
    "xtc_threshold": lambda a, b: (a / 200, b / 200),
    "mirostat_tau": lambda a, b: (max(a, 1) / 20, max(b, 1) / 20),
}


@pytest.mark.parametrize("mirostat", [1, 2])
@pytest.mark.parametrize("name", TIGHTER)
@given(LOGITS, st.integers(0, 100), st.integers(0, 100))
@settings(deadline=None, max_examples=40)
def test_a_tighter_cut_keeps_a_part_of_what_a_looser_one_does(
    name: str, mirostat: int, logits: list[float], one: int, other: int
) -> None:
    tight, loose = TIGHTER[name](min(one, other), max(one, other))
    also = {"xtc_threshold": {"xtc_probability": 1.0}, "mirostat_tau": {"mirostat": mirostat}}.get(name, {})
    kept, more = (distribution(torch.tensor(logits), neutral_but(**{name: v}, **also)) > 0 for v in (tight, loose))
    assert bool(kept.any())
    assert bool((kept <= more).all())


@given(LOGITS.filter(lambda logits: len(logits) > 1), st.data())
@settings(deadline=None, max_examples=100)
def test_penalties_never_raise_what_was_said_above_what_was_not(logits: list[float], data: st.DataObject) -> None:
    """The odds of a token that was said against one that was not."""
    unseen = data.draw(st.integers(0, len(logits) - 1))
    seen = [token for token in range(len(logits)) if token != unseen]
    context = data.draw(st.lists(st.sampled_from(seen), min_size=1, max_size=12))
    names = ("repetition_penalty", "frequency_penalty", "presence_penalty", "dry_multiplier")
    wishes = {name: data.draw(st.floats(1 if name == "repetition_penalty" else 0, 2)) for name in names}
    # biased so that the two are as likely as each other, and neither too unlikely to compare
    before = distribution(torch.tensor(logits), neutral_but(), context).double().log()
    after = distribution(torch.tensor(logits), neutral_but(**wishes), context).double().log()
    for token in set(context):
        if min(before[token], after[unseen], before[unseen]) > -60:
            assert after[token] - after[unseen] <= before[token] - before[unseen] + 1e-4


@given(LOGITS, st.data())
@settings(deadline=None, max_examples=60)
def test_neutral_parameters_change_nothing(logits: list[float], data: st.DataObject) -> None:
    context = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=12))
    neutral = neutral_but(
        dynatemp_exponent=3.0, xtc_threshold=0.01, dry_base=3.0, dry_allowed_length=1, mirostat_tau=0.1
    )
    expected = torch.softmax(torch.tensor(logits).double(), 0)
    assert distribution(torch.tensor(logits), neutral, context).tolist() == pytest.approx(expected.tolist(), abs=1e-6)


@given(LOGITS, WISHES, st.sampled_from(ORDER), st.data())
@settings(deadline=None, max_examples=100)
def test_a_sampler_that_is_not_named_does_nothing(
    logits: list[float], wishes: dict[str, Any], name: str, data: st.DataObject
) -> None:
    context = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=12))
    own = {
        "penalties": ("repetition_penalty", "frequency_penalty", "presence_penalty"),
        "dry": ("dry_multiplier",),
        "temperature": ("temperature", "dynatemp_range"),
        "xtc": ("xtc_probability",),
    }.get(name, (name,))
    params = SamplingParams(**wishes)
    without = replace(params, samplers=tuple(other for other in params.samplers if other != name))
    off = {key: getattr(neutral_but(), key) for key in own}
    found, expected = (distribution(torch.tensor(logits), p, context) for p in (without, replace(params, **off)))
    assert torch.equal(found, expected)
