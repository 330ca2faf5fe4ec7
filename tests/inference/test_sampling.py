"""Samplers are right by their definition: values by hand, published values, and properties over random logits."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.sampling import Sampler, SamplingParams, distribution

NEARBY = [parent / "shared" / "data" / "samplers" for parent in Path(__file__).parents]
SAMPLERS = next((folder for folder in NEARBY if folder.exists()), NEARBY[3])
NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}


def neutral_but(**wishes: Any) -> SamplingParams:
    return SamplingParams(**{**NEUTRAL, **wishes})


def logs(probabilities: Sequence[float]) -> torch.Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log().float()


def plain(logits: torch.Tensor, params: SamplingParams, context: Sequence[int]) -> list[float]:
    """The definition, one token at a time in Python floats: what `distribution` must equal."""
    scores = {token: float(score) for token, score in enumerate(logits)}
    for token in set(context):
        score = scores[token]
        scores[token] = score * params.repetition_penalty if score < 0 else score / params.repetition_penalty
    likeliest = sorted(scores, key=lambda token: -scores[token])[: params.top_k or None]
    top = scores[likeliest[0]]
    weights = [math.exp(scores[token] - top) for token in likeliest]
    mass, nucleus = 0.0, []
    for token, weight in zip(likeliest, weights, strict=True):
        nucleus.append(token)
        mass += weight / sum(weights)
        if mass >= params.top_p - 1e-7 and params.top_p < 1:
            break
    kept = [token for token in nucleus if math.exp(scores[token] - top) >= min(params.min_p, 1.0)]
    hot = {token: math.exp((scores[token] - top) / params.temperature) for token in kept}
    return [hot.get(token, 0.0) / sum(hot.values()) for token in scores]


@pytest.mark.parametrize(
    ("probabilities", "wishes", "expected"),
    [
        ((0.1, 0.2, 0.3, 0.4), {}, (0.1, 0.2, 0.3, 0.4)),
        ((0.1, 0.2, 0.3, 0.4), {"temperature": 0.0}, (0, 0, 0, 1)),
        ((0.2, 0.8), {"temperature": 0.5}, (0.04 / 0.68, 0.64 / 0.68)),
        ((0.36, 0.64), {"temperature": 2.0}, (0.6 / 1.4, 0.8 / 1.4)),
        ((0.1, 0.2, 0.3, 0.4), {"top_k": 2}, (0, 0, 3 / 7, 4 / 7)),
        ((0.1, 0.2, 0.3, 0.4), {"top_k": 9}, (0.1, 0.2, 0.3, 0.4)),
        ((0.3, 0.1, 0.1, 0.5), {"top_p": 0.8}, (3 / 8, 0, 0, 5 / 8)),
        ((0.1, 0.2, 0.3, 0.4), {"top_p": 0.0}, (0, 0, 0, 1)),
        ((0.1, 0.2, 0.3, 0.4), {"min_p": 0.5}, (0, 2 / 9, 3 / 9, 4 / 9)),
        ((0.1, 0.2, 0.3, 0.4), {"min_p": 7.0}, (0, 0, 0, 1)),
        # top-p counts what top-k left: 4/7 alone does not reach 0.6
        ((0.1, 0.2, 0.3, 0.4), {"top_k": 2, "top_p": 0.6}, (0, 0, 3 / 7, 4 / 7)),
        ((0.1, 0.2, 0.3, 0.4), {"top_k": 2, "top_p": 0.5}, (0, 0, 0, 1)),
        # temperature comes last: the cut sees 0.36 < 0.6 * 0.64, not the flattened 0.75
        ((0.36, 0.64), {"min_p": 0.6, "temperature": 2.0}, (0, 1)),
        ((0.64, 0.36), {"top_p": 0.6, "temperature": 9.0}, (1, 0)),
    ],
)
def test_by_hand(probabilities: Sequence[float], wishes: dict[str, float], expected: Sequence[float]) -> None:
    found = distribution(logs(probabilities), neutral_but(**wishes))
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_a_seen_token_is_less_likely_whatever_the_sign_of_its_logit() -> None:
    logits = torch.tensor([-0.1, 0.1, 3.0])
    found = distribution(logits, neutral_but(repetition_penalty=2.0), context=[0, 1, 1, 0])
    expected = torch.softmax(torch.tensor([-0.2, 0.05, 3.0]), 0)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert logits.tolist() == pytest.approx([-0.1, 0.1, 3.0])  # not modified


def published(file: str, samplers: set[str]) -> list[Any]:
    """One pytest parameter per case of a published table; one skipped parameter when the table is not there."""
    path = SAMPLERS / file
    if not path.exists():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"{path} is not on this machine"))]
    cases = json.loads(path.read_text())
    return [
        pytest.param(case, id=f"{case['sampler']}-{n}") for n, case in enumerate(cases) if case["sampler"] in samplers
    ]


@pytest.mark.parametrize("case", published("llamacpp.json", {"temp", "top_k", "top_p", "min_p", "penalties"}))
def test_llama_cpp_agrees(case: dict[str, Any]) -> None:
    if case.get("freq") or case.get("presence"):
        pytest.skip("frequency and presence penalties are not offered")
    value = {"temp": "temp", "top_k": "k", "penalties": "repeat"}.get(case["sampler"], "p")
    name = {"temp": "temperature", "penalties": "repetition_penalty"}.get(case["sampler"], case["sampler"])
    params = neutral_but(**{name: case[value]})
    found = distribution(logs(case["probs"]), params, case.get("last_tokens", ()))
    kept = sorted((p for p in found.tolist() if p > 1e-5), reverse=True)
    assert kept == pytest.approx(sorted((p for p in case["expected"] if p), reverse=True), abs=1e-5)


@pytest.mark.parametrize("case", published("transformers.json", {"top_k", "top_p", "min_p"}))
def test_transformers_agrees(case: dict[str, Any]) -> None:
    name = case["sampler"]
    params = neutral_but(**{name: case.get("p", case.get("k"))})
    logits = torch.tensor(case["logits"], dtype=torch.float32) if "logits" in case else logs(case["probs"])
    found = distribution(logits, params)
    if "kept_ids" in case:
        assert found.nonzero().squeeze(1).tolist() == case["kept_ids"]
    elif "kept_count" in case:
        assert max(int((found > 0).sum()), case["min_keep"]) == case["kept_count"]
    else:
        expected = torch.tensor(case["expected_unnormalised"])
        assert found.tolist() == pytest.approx((expected / expected.sum()).tolist(), abs=1e-3)


# on a grid, so that different logits are not the same after rounding
LOGITS = st.lists(st.integers(-1900, 1900).map(lambda n: n / 64), min_size=1, max_size=40, unique=True)
PARAMS = st.builds(
    SamplingParams,
    temperature=st.floats(0.2, 3),
    top_k=st.integers(0, 45),
    top_p=st.floats(0, 1),
    min_p=st.floats(0, 1.2),
    repetition_penalty=st.floats(1.0, 2),
)


@given(LOGITS, PARAMS, st.data())
@settings(deadline=None, max_examples=100)
def test_equals_the_definition(logits: list[float], params: SamplingParams, data: st.DataObject) -> None:
    context = data.draw(st.lists(st.integers(0, len(logits) - 1), max_size=4))
    found = distribution(torch.tensor(logits), params, context).double()
    expected = torch.tensor(plain(torch.tensor(logits), params, context), dtype=torch.float64)
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-6)
    kept, wanted = found > 1e-30, expected > 1e-30  # less than that is zero in float32
    if torch.equal(kept, wanted):
        assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    else:  # a token exactly on a cut may fall to either side by rounding: at most that one token more or less
        assert abs(int(kept.sum()) - int(wanted.sum())) <= 1


@pytest.mark.parametrize("spread", [0.01, 1.0, 4.0])
@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_a_nucleus_is_that_of_a_full_sort(spread: float, top_p: float) -> None:
    logits = torch.randn(5120, generator=torch.Generator().manual_seed(1)) * spread
    found = distribution(logits, neutral_but(top_p=top_p))
    probabilities, order = torch.softmax(logits.double(), 0).sort(descending=True)
    count = int((probabilities.cumsum(0) < top_p - 1e-7).sum()) + 1
    assert set(found.nonzero().squeeze(1).tolist()) == set(order[:count].tolist())
    assert float(found.double().sum()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_type_gives_float32_that_sums_to_one(dtype: torch.dtype) -> None:
    found = distribution(torch.randn(49_152, generator=torch.Generator().manual_seed(0)).to(dtype), neutral_but())
    assert found.dtype == torch.float32
    assert float(found.double().sum()) == pytest.approx(1.0, abs=1e-6)


def test_draws_are_as_frequent_as_they_are_probable() -> None:
    """4,000 draws: every frequency within 5 standard deviations (2 in a million for a free seed)."""
    probabilities = torch.tensor([0.0, 0.5, 0.0, 0.3, 0.15, 0.05])
    sampler = Sampler(neutral_but(seed=7))
    counts = torch.bincount(torch.tensor([sampler.draw(probabilities.log()) for _ in range(4000)]), minlength=6)
    for count, probability in zip(counts.tolist(), probabilities.tolist(), strict=True):
        assert abs(count - 4000 * probability) <= 5 * math.sqrt(4000 * probability * (1 - probability))


def test_a_draw_uses_one_number_of_the_generator_even_when_there_is_no_choice() -> None:
    one, other = Sampler(neutral_but(seed=3)), Sampler(neutral_but(seed=3))
    assert one.draw(torch.tensor([0.0, 1.0, 0.0]).log()) == 1
    other.draw(logs([0.4, 0.3, 0.3]))
    flat = torch.zeros(100_000)
    assert one.draw(flat) == other.draw(flat)


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"temperature": -1.0}, "The sampler's temperature must be 0 or more, not -1.0."),
        ({"temperature": math.inf}, "temperature must be 0 or more, not inf"),
        ({"top_k": -1}, "top_k must be 0 or more, not -1"),
        ({"top_p": 1.5}, "top_p must be between 0 and 1, not 1.5"),
        ({"top_p": math.nan}, "top_p must be between 0 and 1, not nan"),
        ({"min_p": -0.1}, "min_p must be 0 or more"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be more than 0"),
        ({"max_tokens": 0}, "max_tokens must be 1 or more"),
        ({"stop": ("a", "")}, "stop must be made of strings that are not empty"),
    ],
)
def test_a_wrong_value_is_one_sentence(wishes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        SamplingParams(**wishes)
    assert sentence in str(caught.value)
