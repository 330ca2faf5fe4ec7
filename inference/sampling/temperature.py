"""Temperature, fixed or following the model's certainty: how far the drawing dares to leave the likeliest word."""

import math

from inference.sampling.candidates import Candidates

COLD = 1e-9  # below this two different float32 logits are as good as infinitely far apart


def temperature(candidates: Candidates, heat: float) -> Candidates:
    """p to the power of 1 / heat. 0 leaves only the likeliest token, of equals the first."""
    if heat < COLD:
        return candidates.likeliest()
    return Candidates(candidates.ids, candidates.values, candidates.scale / heat)


def dynamic_temperature(candidates: Candidates, heat: float, reach: float, exponent: float) -> Candidates:
    """A temperature between heat - reach, where the model is certain, and heat + reach, where anything might follow.

    certainty: the candidates' entropy over the largest that so many of them can have, to the power of `exponent`;
    the lower end is never below 0. kalomaze's dynamic temperature, as in llama.cpp (temp_ext).
    """
    candidates = candidates.finite()
    if len(candidates) == 1:
        return candidates
    lowest, highest = max(0.0, heat - reach), heat + reach
    openness = max(0.0, candidates.entropy() / math.log(len(candidates)))
    return temperature(candidates, lowest + (highest - lowest) * openness**exponent)
