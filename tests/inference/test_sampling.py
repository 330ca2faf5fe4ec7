"""Samplers are right by their definition: values by hand, published values, refusals."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.sampling import SamplingParams, distribution
from inference.sampling.dry import Table

NEARBY = [parent / "shared" / "data" / "samplers" for parent in Path(__file__).parents]
SAMPLERS = next((folder for folder in NEARBY if folder.exists()), NEARBY[3])
NEUTRAL = {"temperature": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}
FAIR = (0.1, 0.2, 0.3, 0.4)


def neutral_but(**wishes: Any) -> SamplingParams:
    return SamplingParams(**{**NEUTRAL, **wishes})


def logs(probabilities: Sequence[float]) -> torch.Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log().float()


def shares(*weights: float) -> list[float]:
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize(
    ("probabilities", "wishes", "expected"),
    [
        (FAIR, {}, FAIR),
        (FAIR, {"temperature": 0.0}, (0, 0, 0, 1)),
        ((0.3, 0.4, 0.3), {"temperature": 0.0, "dynatemp_range": 1.0}, (0, 1, 0)),
        ((0.2, 0.8), {"temperature": 0.5}, (0.04 / 0.68, 0.64 / 0.68)),
        ((0.36, 0.64), {"temperature": 2.0}, (0.6 / 1.4, 0.8 / 1.4)),
        # as uncertain as can be: the highest temperature, which changes nothing; certain: the lowest, 0
        ((0.25,) * 4, {"dynatemp_range": 0.5}, (0.25,) * 4),
        ((1.0, 0.0, 0.0), {"dynatemp_range": 1.0}, (1, 0, 0)),
        # entropy 0.5004 of ln 2 = 0.6931: 0.5 + 1 * 0.7219 ** 2 = 1.0212
        ((0.2, 0.8), {"dynatemp_range": 0.5, "dynatemp_exponent": 2.0},
         shares(0.2 ** (1 / 1.02118), 0.8 ** (1 / 1.02118))),
        (FAIR, {"top_k": 2}, (0, 0, 3 / 7, 4 / 7)),
        (FAIR, {"top_k": 9}, FAIR),
        ((0.25, 0.25, 0.25, 0.25), {"top_k": 2}, (0.5, 0.5, 0, 0)),  # of equals, the first
        ((0.3, 0.1, 0.1, 0.5), {"top_p": 0.8}, (3 / 8, 0, 0, 5 / 8)),
        (FAIR, {"top_p": 0.0}, (0, 0, 0, 1)),
        ((0.25, 0.25, 0.25, 0.25), {"top_p": 0.5}, (0.5, 0.5, 0, 0)),
        (FAIR, {"min_p": 0.5}, (0, 2 / 9, 3 / 9, 4 / 9)),
        (FAIR, {"min_p": 7.0}, (0, 0, 0, 1)),
        # entropy 1.2799; surprises 2.3026 1.6094 1.2040 0.9163: nearest is 0.3, then 0.2 (0.33 off), then 0.4 (0.36)
        (FAIR, {"typical_p": 0.2}, (0, 0, 1, 0)),
        (FAIR, {"typical_p": 0.4}, (0, 0.4, 0.6, 0)),
        (FAIR, {"typical_p": 0.8}, (0, 2 / 9, 3 / 9, 4 / 9)),
        ((0.25,) * 4, {"typical_p": 0.3}, (0.5, 0.5, 0, 0)),
        # logits 0 1 2 3: their deviation is sqrt(1.25) = 1.118
        (shares(1, math.e, math.e**2, math.e**3), {"top_n_sigma": 1.0}, shares(0, 0, 1, math.e)),
        (shares(1, math.e, math.e**2, math.e**3), {"top_n_sigma": 0.1}, (0, 0, 0, 1)),
        (FAIR, {"top_n_sigma": 0.0}, FAIR),
        (FAIR, {"top_n_sigma": -1.0}, FAIR),
        # all that are likely enough but the least likely of them
        (FAIR, {"xtc_probability": 1.0, "xtc_threshold": 0.2}, (1 / 3, 2 / 3, 0, 0)),
        (FAIR, {"xtc_probability": 1.0, "xtc_threshold": 0.25}, (1 / 6, 2 / 6, 3 / 6, 0)),
        (FAIR, {"xtc_probability": 1.0, "xtc_threshold": 0.35}, FAIR),  # one alone stays
        (FAIR, {"xtc_probability": 1.0, "xtc_threshold": 0.0}, (1, 0, 0, 0)),
        ((0.05, 0.475, 0.475), {"xtc_probability": 1.0, "xtc_threshold": 0.4}, shares(0.05, 0, 0.475)),
        ((0.05, 0.95), {"xtc_probability": 1.0, "xtc_threshold": 0.6}, (0.05, 0.95)),
        # half of the time
        (FAIR, {"xtc_probability": 0.5, "xtc_threshold": 0.2}, (0.05 + 1 / 6, 0.1 + 1 / 3, 0.15, 0.2)),
        (FAIR, {"logit_bias": {0: math.log(4), 3: -math.inf}}, shares(0.4, 0.2, 0.3, 0)),
        # mu is 2 tau: surprises are 3.32 2.32 1.74 1.32 bits
        (FAIR, {"mirostat": 2, "mirostat_tau": 1.2}, (0, 2 / 9, 3 / 9, 4 / 9)),
        (FAIR, {"mirostat": 2, "mirostat_tau": 0.5}, (0, 0, 0, 1)),
        (FAIR, {"mirostat": 2, "mirostat_tau": 3.0}, FAIR),
        # p = 1/rank, so s = 1 and k = 2^mu / ln 4: mu 2 gives 2.89, mu 1 gives 1.44, mu 4 more than there are
        (shares(1, 1 / 2, 1 / 3, 1 / 4), {"mirostat": 1, "mirostat_tau": 1.0}, shares(1, 1 / 2, 0, 0)),
        (shares(1, 1 / 2, 1 / 3, 1 / 4), {"mirostat": 1, "mirostat_tau": 0.5}, (1, 0, 0, 0)),
        (shares(1, 1 / 2, 1 / 3, 1 / 4), {"mirostat": 1, "mirostat_tau": 2.0}, shares(1, 1 / 2, 1 / 3, 1 / 4)),
        # p = rank^-2, so e = 1, k = sqrt(2^mu / (1 - 1/4)): mu 3 gives 3.27
        (shares(1, 1 / 4, 1 / 9, 1 / 16), {"mirostat": 1, "mirostat_tau": 1.5}, shares(1, 1 / 4, 1 / 9, 0)),
        # top-p counts what top-k left: 4/7 alone does not reach 0.6
        (FAIR, {"top_k": 2, "top_p": 0.6}, (0, 0, 3 / 7, 4 / 7)),
        (FAIR, {"top_k": 2, "top_p": 0.5}, (0, 0, 0, 1)),
        # temperature comes last: the cut sees 0.36 < 0.6 * 0.64, not the flattened 0.75
        ((0.36, 0.64), {"min_p": 0.6, "temperature": 2.0}, (0, 1)),
        ((0.64, 0.36), {"top_p": 0.6, "temperature": 9.0}, (1, 0)),
        # … unless it is put first
        ((0.36, 0.64), {"min_p": 0.6, "temperature": 2.0, "samplers": ("temperature", "min_p")}, (3 / 7, 4 / 7)),
        (FAIR, {"top_k": 1, "samplers": ()}, FAIR),
    ],
)  # fmt: skip
def test_by_hand(probabilities: Sequence[float], wishes: dict[str, Any], expected: Sequence[float]) -> None:
    found = distribution(logs(probabilities), neutral_but(**wishes))
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({"repetition_penalty": 2.0}, (-0.2, 0.05, 3.0)),
        ({"presence_penalty": 0.5}, (-0.6, -0.4, 3.0)),
        ({"frequency_penalty": 0.5}, (-0.6, -1.4, 3.0)),
        ({"repetition_penalty": 2.0, "frequency_penalty": 0.5, "presence_penalty": 1.0}, (-1.7, -2.45, 3.0)),
        ({"repetition_penalty": 2.0, "penalty_last_n": 2}, (-0.1, 0.05, 3.0)),
        ({"frequency_penalty": 0.5, "penalty_last_n": -1}, (-0.6, -1.4, 3.0)),
        ({"frequency_penalty": 0.5, "penalty_last_n": 0}, (-0.1, 0.1, 3.0)),
        ({"repetition_penalty": 2.0, "samplers": ("temperature",)}, (-0.1, 0.1, 3.0)),
    ],
)
def test_what_was_said_is_less_likely_whatever_the_sign_of_its_logit(
    wishes: dict[str, Any], expected: Sequence[float]
) -> None:
    logits = torch.tensor([-0.1, 0.1, 3.0])
    found = distribution(logits, neutral_but(**wishes), context=[0, 1, 1, 1])
    assert found.tolist() == pytest.approx(torch.softmax(torch.tensor(expected), 0).tolist(), abs=1e-6)
    assert logits.tolist() == pytest.approx([-0.1, 0.1, 3.0])  # not modified


A, B, C, D, NEWLINE = range(5)


@pytest.mark.parametrize(
    ("context", "breakers", "lowered"),
    [
        ([A, B, C, A, B], {}, {C: 1.0}),  # length 2, as allowed: multiplier · base^0
        ([D, A, B, C, D, A, B], {}, {C: 2.0}),
        ([A, B, C, A, B, D, A, B], {}, {C: 1.0, D: 1.0}),
        ([D, A, B, C, A, B, C, D, A, B], {}, {C: 2.0}),  # the longer of two
        ([A, C, B], {}, {}),
        ([A, B], {}, {}),
        ([], {}, {}),
        ([A, A, A, A], {}, {A: 2.0}),  # three A's stand before three A's, overlapping
        ([D, A, B, C, D, A, B], {D: [()]}, {C: 1.0}),  # the repetition reaches back to the breaker only
        ([A, B, C, NEWLINE, A, B], {NEWLINE: [()]}, {C: 1.0}),
        ([A, B, C, A, NEWLINE, B], {NEWLINE: [()]}, {}),
        ([A, B, NEWLINE, C, A, B], {NEWLINE: [()]}, {}),  # a breaker is never lowered itself
        ([D, A, B, C, D, A, B], {D: [(A,)]}, {}),  # the breaker is D A: one token after it
        ([D, A, B, C, D, A, B], {D: [(C,)]}, {C: 2.0}),  # D C stands nowhere
        ([C, D, A, B, C, C, D, A, B], {D: [(A, B, C), ()]}, {C: 1.0}),  # the one that is complete
        ([A, B, C, D, A, B, C, D, A, B], {}, {C: 16.0}),  # length 6
    ],
)
def test_dry_by_hand(context: list[int], breakers: Table, lowered: dict[int, float]) -> None:
    params = neutral_but(dry_multiplier=1.0, dry_base=2.0)
    found = distribution(torch.zeros(5), params, context, lambda texts: breakers)
    expected = torch.tensor([-lowered.get(token, 0.0) for token in range(5)])
    assert found.tolist() == pytest.approx(torch.softmax(expected, 0).tolist(), abs=1e-6)


def test_dry_looks_back_no_further_than_it_is_told() -> None:
    context = [A, B, C, D, A, B]
    for reach, lowered in ((-1, True), (6, True), (5, False), (0, False)):
        params = neutral_but(dry_multiplier=1.0, dry_penalty_last_n=reach)
        assert (distribution(torch.zeros(5), params, context)[C] < 0.19) == lowered


def test_a_repetition_of_thousands_of_tokens_stays_a_number() -> None:
    for multiplier in (1.0, 10.0):
        found = distribution(torch.zeros(9), neutral_but(dry_multiplier=multiplier), [1, 2, 3] * 2000)
        assert found[1] == 0
        assert float(found.sum()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("size", [10, 10_000])
def test_the_coldest_temperature_stays_a_number(size: int) -> None:
    logits = torch.full((size,), -30.0)
    logits[4] = 0.0
    for wishes in ({"dynatemp_range": 2.0, "dynatemp_exponent": 10.0}, {"temperature": 1e-300}):
        found = distribution(logits, neutral_but(**wishes))
        assert found[4] == 1
        assert float(found.sum()) == 1


def published(file: str, samplers: set[str]) -> list[Any]:
    """One pytest parameter per case of a published table; one skipped parameter when the table is not there."""
    path = SAMPLERS / file
    if not path.exists():
        return [pytest.param({}, marks=pytest.mark.skip(reason=f"{path} is not on this machine"))]
    absent = pytest.mark.skip(reason="this sampler is not offered")
    return [
        pytest.param(case, id=f"{case['sampler']}-{n}", marks=() if case["sampler"] in samplers else absent)
        for n, case in enumerate(json.loads(path.read_text()))
    ]


LLAMA_CPP = {
    "temp": {"temp": "temperature"},
    "temp_ext": {"temp": "temperature", "delta": "dynatemp_range", "exponent": "dynatemp_exponent"},
    "top_k": {"k": "top_k"},
    "top_p": {"p": "top_p"},
    "min_p": {"p": "min_p"},
    "typical": {"p": "typical_p"},
    "top_n_sigma": {"n": "top_n_sigma"},
    "xtc": {"t": "xtc_threshold"},
    "penalties": {"repeat": "repetition_penalty", "freq": "frequency_penalty", "presence": "presence_penalty"},
    "dry": {
        "multiplier": "dry_multiplier",
        "base": "dry_base",
        "allowed_length": "dry_allowed_length",
        "penalty_last_n": "dry_penalty_last_n",
    },
}


@pytest.mark.parametrize("case", published("llamacpp.json", set(LLAMA_CPP)))
def test_llama_cpp_agrees(case: dict[str, Any]) -> None:
    """Its probabilities are not in the order of ids, and not always renormalised. Its coin for XTC has fallen."""
    wishes = {ours: case[theirs] for theirs, ours in LLAMA_CPP[case["sampler"]].items()}
    if case["sampler"] == "xtc":
        wishes["xtc_probability"] = 1.0
    table = {breaker[0]: [tuple(breaker[1:])] for breaker in case.get("seq_breakers", ())}
    found = distribution(logs(case["probs"]), neutral_but(**wishes), case.get("last_tokens", ()), lambda _: table)
    kept = sorted((p for p in found.tolist() if p > 1e-5), reverse=True)
    expected = sorted((p for p in case["expected"] if p), reverse=True)
    assert kept == pytest.approx([p / sum(expected) for p in expected], abs=1e-5)


@pytest.mark.parametrize(
    "case", published("transformers.json", {"top_k", "top_p", "min_p", "typical", "repetition_penalty"})
)
def test_transformers_agrees(case: dict[str, Any]) -> None:
    name = {"typical": "typical_p"}.get(case["sampler"], case["sampler"])
    if name == "repetition_penalty":
        told = case["case"]
        logits = torch.tensor([told["scores0"], told["scores1"], 3.0])
        expected = torch.softmax(torch.tensor([told["expect0"], told["expect1"], 3.0]), 0)
        found = distribution(logits, neutral_but(repetition_penalty=case["penalty"]), told["input_ids"])
        assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
        return
    params = neutral_but(**{name: case.get("p", case.get("k", case.get("mass")))})
    logits = torch.tensor(case["logits"], dtype=torch.float32) if "logits" in case else logs(case["probs"])
    found = distribution(logits, params)
    if "kept_ids" in case:
        assert found.nonzero().squeeze(1).tolist() == case["kept_ids"]
    elif "kept_count" in case:
        assert max(int((found > 0).sum()), case["min_keep"]) == case["kept_count"]
    else:
        kept = torch.tensor(case["expected_unnormalised"])
        assert found.tolist() == pytest.approx((kept / kept.sum()).tolist(), abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_float_type_gives_float32_that_sums_to_one(dtype: torch.dtype) -> None:
    found = distribution(torch.randn(49_152, generator=torch.Generator().manual_seed(0)).to(dtype), neutral_but())
    assert found.dtype == torch.float32
    assert float(found.double().sum()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    "wishes", [{}, {"top_n_sigma": 2.0}, {"typical_p": 0.9}, {"dynatemp_range": 0.5}, {"mirostat": 1}, {"top_k": 3}]
)
def test_tokens_that_a_model_rules_out_count_for_nothing(wishes: dict[str, Any]) -> None:
    logits = torch.tensor([1.0, 0.5, 0.0, -0.5])
    ruled_out = torch.cat([logits, torch.full((3,), -math.inf)])
    expected = distribution(logits, neutral_but(**wishes)).tolist()
    if wishes != {"mirostat": 1}:  # which counts the vocabulary
        assert distribution(ruled_out, neutral_but(**wishes)).tolist() == pytest.approx([*expected, 0, 0, 0], abs=1e-6)
    assert distribution(ruled_out, neutral_but(**wishes))[4:].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({"temperature": -1.0}, "The sampler's temperature must be 0 or more, not -1.0."),
        ({"temperature": math.inf}, "temperature must be 0 or more, not inf"),
        ({"top_k": -1}, "top_k must be 0 or more, not -1"),
        ({"top_p": 1.5}, "top_p must be between 0 and 1, not 1.5"),
        ({"top_p": math.nan}, "top_p must be between 0 and 1, not nan"),
        ({"min_p": -0.1}, "min_p must be 0 or more"),
        ({"typical_p": -0.1}, "typical_p must be between 0 and 1"),
        ({"top_n_sigma": math.nan}, "top_n_sigma must be a finite number"),
        ({"xtc_probability": 1.1}, "xtc_probability must be between 0 and 1"),
        ({"dry_base": 0.5}, "dry_base must be 1 or more"),
        ({"dry_allowed_length": 0}, "dry_allowed_length must be 1 or more"),
        ({"dry_penalty_last_n": -2}, "dry_penalty_last_n must be -1 or more"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be more than 0"),
        ({"frequency_penalty": math.inf}, "frequency_penalty must be a finite number"),
        ({"mirostat": 3}, "mirostat must be 0, 1 or 2, not 3"),
        ({"mirostat_tau": 0.0}, "mirostat_tau must be more than 0"),
        ({"mirostat_eta": -0.1}, "mirostat_eta must be 0 or more"),
        ({"logit_bias": {-1: 0.0}}, "logit_bias must be token ids with numbers or -inf"),
        ({"logit_bias": {1: math.inf}}, "logit_bias must be token ids with numbers or -inf"),
        ({"max_tokens": 0}, "max_tokens must be 1 or more"),
        ({"stop": ("a", "")}, "stop must be made of strings that are not empty"),
        ({"banned_phrases": ("",)}, "banned_phrases must be made of strings that are not empty"),
        ({"samplers": ("top_k", "topp")},
         "The sampler 'topp' in the order is unknown; known are: penalties, dry, top_n_sigma, top_k, typical_p, top_p, "
         "min_p, xtc, temperature, mirostat."),
        ({"samplers": ("top_k", "top_k")}, "The sampler 'top_k' stands twice in the order; name each once."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_sentence(wishes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        SamplingParams(**wishes)
    assert sentence in str(caught.value)


def test_logits_that_cannot_be_drawn_from_are_one_sentence() -> None:
    with pytest.raises(FloatingPointError, match=r"^The language model computed no numbers: "):
        distribution(torch.tensor([0.0, math.nan]), neutral_but())
    with pytest.raises(FloatingPointError, match=r"^The language model computed no numbers: "):
        distribution(torch.tensor([0.0, math.nan]), neutral_but(temperature=0.0))
    with pytest.raises(ValueError, match=r"^No token may be drawn here: "):
        distribution(torch.zeros(2), neutral_but(logit_bias={0: -math.inf, 1: -math.inf}))
    with pytest.raises(ValueError, match=r"logit_bias names token 2, but the model has 2 tokens\.$"):
        distribution(torch.zeros(2), neutral_but(logit_bias={2: 1.0}))
