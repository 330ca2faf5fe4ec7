"""How a reply is drawn: every parameter, its neutral value, and what it may be. The names are llama.cpp's."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

ORDER = (
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typical_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
    "mirostat",
)
"""The samplers in llama.cpp's default order (common/common.h), mirostat last. Cuts see the probabilities at
temperature 1; temperature then reshapes what was kept, so that a hot sampler never lets the tail back in."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How a reply is drawn. A value at its neutral setting leaves the model's distribution as it is.

    temperature: 0 always takes the likeliest token; 1 is neutral. dynatemp_range, dynatemp_exponent: the temperature
        moves by up to range around its value, with the model's uncertainty to the power of exponent; range 0 is fixed.
    top_k: keep the k likeliest tokens; 0 is neutral.
    top_p: keep the smallest set of likeliest tokens whose probability reaches top_p (never none); 1 is neutral.
    min_p: keep tokens at least min_p times as likely as the likeliest; 0 is neutral.
    typical_p: keep the tokens whose surprise is nearest to the expected one, up to this probability; 1 is neutral.
    top_n_sigma: keep tokens within n standard deviations of the largest logit; 0 or less is neutral.
    xtc_probability, xtc_threshold: with this probability leave out all tokens at least as probable as the threshold
        but the least probable of them; probability 0 or a threshold above 0.5 is neutral.
    dry_multiplier: tokens that would continue a repetition of dry_allowed_length or more tokens within the last
        dry_penalty_last_n (-1: all) lose multiplier · dry_base^(length - allowed); 0 is neutral.
        dry_sequence_breakers: texts that no repetition reaches across.
    repetition_penalty: seen tokens' positive logits are divided by it, negative ones multiplied; 1 is neutral.
        frequency_penalty, presence_penalty: subtracted for each time, and once; 0 is neutral.
        penalty_last_n: the tokens that all three look back; -1 is all, 0 none.
    mirostat: 1 or 2 keep the surprise near mirostat_tau bits, learning at the rate mirostat_eta; 0 is off.
    logit_bias: added to these tokens' logits before everything else; -inf bans a token.
    banned_phrases: texts that are never said, whatever their case.
    samplers: which apply, in this order.
    max_tokens: the reply's length at most. stop: the reply ends before the first of these strings.
    seed: the same seed draws the same reply; None draws a new one each time.

    Raises ValueError with a sentence that names the value.
    """

    temperature: float = 0.8
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = 0.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    repetition_penalty: float = 1.1
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_last_n: int = 64
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    banned_phrases: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ORDER
    max_tokens: int = 220
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        for names, lowest, expected in _AT_LEAST:
            for name in names:
                value = getattr(self, name)
                _check(value >= lowest and math.isfinite(value), name, expected, value)
        for name in ("top_p", "typical_p", "xtc_probability", "xtc_threshold"):
            _check(0 <= getattr(self, name) <= 1, name, "between 0 and 1", getattr(self, name))
        for name in ("frequency_penalty", "presence_penalty", "top_n_sigma"):
            _check(math.isfinite(getattr(self, name)), name, "a finite number", getattr(self, name))
        for name in ("repetition_penalty", "mirostat_tau"):
            value = getattr(self, name)
            _check(value > 0 and math.isfinite(value), name, "more than 0", value)
        for name in ("stop", "banned_phrases", "dry_sequence_breakers"):
            _check(all(getattr(self, name)), name, "made of strings that are not empty", getattr(self, name))
        _check(self.mirostat in (0, 1, 2), "mirostat", "0, 1 or 2", self.mirostat)
        for token, bias in self.logit_bias.items():
            _check(token >= 0 and bias < math.inf, "logit_bias", "token ids with numbers or -inf", self.logit_bias)
        check_order(self.samplers)


_AT_LEAST = (
    (("temperature", "dynatemp_range", "dynatemp_exponent", "min_p"), 0, "0 or more"),
    (("top_k", "dry_multiplier", "mirostat_eta"), 0, "0 or more"),
    (("dry_base", "dry_allowed_length", "max_tokens"), 1, "1 or more"),
    (("penalty_last_n", "dry_penalty_last_n"), -1, "-1 or more"),
)


def check_order(samplers: tuple[str, ...]) -> None:
    """Raise ValueError for a name that is no sampler's, or that comes twice."""
    for place, name in enumerate(samplers):
        if name not in ORDER:
            raise ValueError(f"The sampler {name!r} in the order is unknown; known are: {', '.join(ORDER)}.")
        if name in samplers[:place]:
            raise ValueError(f"The sampler {name!r} stands twice in the order; name each once.")


def _check(holds: bool, name: str, expected: str, value: object) -> None:
    if not holds:
        raise ValueError(f"The sampler's {name} must be {expected}, not {value!r}.")
