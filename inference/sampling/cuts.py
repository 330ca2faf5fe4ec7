"""Samplers that keep the likelier tokens: top-k, top-p, min-p, top-n-sigma.

None of them sorts the vocabulary. Each sees the probabilities of the candidates it is given, as in llama.cpp.
"""

import math

import numpy as np

from inference.sampling.candidates import Candidates, Floats, added, reaching

ROUNDING = 1e-7  # a set whose mass misses its goal by less than this has reached it: 0.5 + 0.3 is 0.8
SORTED = 1024  # so many weights are sorted rather than parted
SAMPLE, MARGIN = 1024, 50  # weights by which the others are parted; three standard deviations either way


def top_k(candidates: Candidates, count: int) -> Candidates:
    """The `count` likeliest (Fan et al. 2018, arXiv 1805.04833)."""
    return candidates.likeliest(count)


def top_p(candidates: Candidates, share: float) -> Candidates:
    """The smallest set of likeliest tokens whose probability reaches `share` (Holtzman et al. 2019, arXiv 1904.09751).

    The token that reaches it is kept, so one always is.
    """
    cutoff, count = _last_needed(candidates.weights, candidates.total, max(share - ROUNDING, 0.0) * candidates.total)
    return candidates.keep(reaching(candidates.weights, cutoff, count))


def min_p(candidates: Candidates, share: float) -> Candidates:
    """Tokens at least `share` times as likely as the likeliest (Nguyen et al. 2024, arXiv 2407.01082)."""
    return candidates.from_logit(candidates.top + math.log(share))


def top_n_sigma(candidates: Candidates, count: float) -> Candidates:
    """Tokens whose logit is within `count` standard deviations of the largest (Tang et al. 2024, arXiv 2411.07641).

    The deviation is that of the candidates' logits, over n, not n - 1: llama.cpp's.
    """
    candidates = candidates.finite()
    mean = added(candidates.values) / len(candidates)
    deviation = math.sqrt(added(np.square(candidates.values - mean)) / len(candidates)) * candidates.scale
    return candidates.from_logit(candidates.top - count * deviation)


def _last_needed(weights: Floats, total: float, goal: float) -> tuple[float, int]:
    """How many of the largest weights are needed to reach `goal`, and the last of them.

    Those that are certainly needed, and those that certainly are not, are set aside until few are left to sort. First
    by a bound: of n weights, those below (total - goal) / n weigh less than total - goal together, so that the goal is
    reached without any of them. Then around a guess (Floyd and Rivest 1975).
    """
    left = weights
    if len(left) > SORTED:
        heavy = weights >= (total - goal) / len(weights)
        left = weights if heavy.all() else weights[np.flatnonzero(heavy)]
    needed, mass = 0, 0.0  # so many are above all that are left, and weigh so much
    while len(left) > SORTED:
        low, high = _guess(left, goal - mass)
        above = left >= high
        heavier = added(left * above)
        if mass + heavier >= goal:
            rest = left[above]
        else:
            needed, mass = needed + int(np.count_nonzero(above)), mass + heavier
            rest = left[np.flatnonzero((left >= low) & ~above)]
            heavier = added(rest)
            if mass + heavier < goal:
                needed, mass, rest = needed + len(rest), mass + heavier, left[left < low]
        if not 0 < len(rest) < len(left):
            break  # many are equal, or rounding has lost the very last one
        left = rest
    descending = np.sort(left)[::-1]
    place = min(int((mass + descending.cumsum(dtype=np.float64)).searchsorted(goal)), len(left) - 1)
    return float(descending[place]), needed + place + 1


def _guess(weights: Floats, goal: float) -> tuple[float, float]:
    """Two values that probably have the last one needed between them, from a sample of the weights."""
    sample = np.sort(weights[:: len(weights) // SAMPLE])[::-1]
    sums = sample.cumsum(dtype=np.float64)
    middle = min(int(sums.searchsorted(goal / added(weights) * sums[-1])), len(sample))
    below, above = min(middle + MARGIN, len(sample) - 1), max(middle - MARGIN, 0)
    return float(sample[below]), float(sample[above])
