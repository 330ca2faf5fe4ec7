"""The samplers in their order: which are on, and what each is given.

A token's way: bans and biases, then the steps of `params.samplers` that are not neutral, each on what the one before
it left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from inference.sampling import cuts
from inference.sampling.candidates import Candidates, Ids
from inference.sampling.dry import Table, dry
from inference.sampling.mirostat import mirostat_1, mirostat_2
from inference.sampling.params import SamplingParams
from inference.sampling.penalties import penalties
from inference.sampling.temperature import dynamic_temperature, temperature
from inference.sampling.typical import typical_p
from inference.sampling.xtc import HALF, xtc


@dataclass(slots=True)
class Moment:
    """What a step may look at besides the candidates. `judged` is left behind by mirostat: what it was given."""

    said: Ids  # the tokens that count as said, oldest first
    breakers: Table
    vocabulary: int
    mu: float
    falls: bool  # whether XTC's coin fell for leaving out the top choices
    judged: Candidates | None = None

    def last(self, count: int) -> Ids:
        """The last `count` tokens said; all for -1."""
        return self.said if count < 0 else self.said[max(0, len(self.said) - count) :]


Step: TypeAlias = Callable[[Candidates, SamplingParams, Moment], Candidates]


def tosses(params: SamplingParams) -> bool:
    """Whether XTC may leave something out, so that a coin is tossed for each token."""
    return "xtc" in params.samplers and params.xtc_probability > 0 and params.xtc_threshold <= HALF


def steps(params: SamplingParams) -> tuple[Step, ...]:
    """The samplers that are not neutral, in their order."""
    on = {
        "penalties": (params.repetition_penalty, params.frequency_penalty, params.presence_penalty) != (1, 0, 0)
        and params.penalty_last_n != 0,
        "dry": params.dry_multiplier > 0 and params.dry_penalty_last_n != 0,
        "top_n_sigma": params.top_n_sigma > 0,
        "top_k": params.top_k > 0,
        "typical_p": params.typical_p < 1,
        "top_p": params.top_p < 1,
        "min_p": params.min_p > 0,
        "xtc": tosses(params),
        "temperature": params.temperature != 1 or params.dynatemp_range > 0,
        "mirostat": params.mirostat > 0,
    }
    return tuple(_STEPS[name] for name in params.samplers if on[name])


def left(candidates: Candidates, order: tuple[Step, ...], params: SamplingParams, moment: Moment) -> Candidates:
    """What the steps leave of the candidates."""
    for step in order:
        candidates = step(candidates, params, moment)
    return candidates


def _penalties(candidates: Candidates, params: SamplingParams, moment: Moment) -> Candidates:
    said = moment.last(params.penalty_last_n)
    if not len(said):
        return candidates
    return penalties(candidates, said, params.repetition_penalty, params.frequency_penalty, params.presence_penalty)


def _dry(candidates: Candidates, params: SamplingParams, moment: Moment) -> Candidates:
    said = moment.last(params.dry_penalty_last_n)
    return dry(candidates, said, params.dry_multiplier, params.dry_base, params.dry_allowed_length, moment.breakers)


def _xtc(candidates: Candidates, params: SamplingParams, moment: Moment) -> Candidates:
    return xtc(candidates, params.xtc_threshold) if moment.falls else candidates


def _temperature(candidates: Candidates, params: SamplingParams, moment: Moment) -> Candidates:
    if params.temperature > 0 and params.dynatemp_range > 0:
        return dynamic_temperature(candidates, params.temperature, params.dynatemp_range, params.dynatemp_exponent)
    return temperature(candidates, params.temperature)


def _mirostat(candidates: Candidates, params: SamplingParams, moment: Moment) -> Candidates:
    moment.judged = candidates
    if params.mirostat == 1:
        return mirostat_1(candidates, moment.mu, moment.vocabulary)
    return mirostat_2(candidates, moment.mu)


_STEPS: dict[str, Step] = {
    "penalties": _penalties,
    "dry": _dry,
    "top_n_sigma": lambda candidates, params, _: cuts.top_n_sigma(candidates, params.top_n_sigma),
    "top_k": lambda candidates, params, _: cuts.top_k(candidates, params.top_k),
    "typical_p": lambda candidates, params, _: typical_p(candidates, params.typical_p),
    "top_p": lambda candidates, params, _: cuts.top_p(candidates, params.top_p),
    "min_p": lambda candidates, params, _: cuts.min_p(candidates, params.min_p),
    "xtc": _xtc,
    "temperature": _temperature,
    "mirostat": _mirostat,
}
