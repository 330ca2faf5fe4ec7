"""Samplers that keep the likelier tokens: top-k, top-p, min-p, top-n-sigma.

None of them sorts the vocabulary. Each sees the probabilities of the candidates it is given, as in llama.cpp.
"""

import math

import numpy as np

from inference.sampling.candidates import Candidates, Floats, Ids, largest, reaching

ROUNDING = 1e-7  # a set whose mass misses its goal by less than this has reached it: 0.5 + 0.3 is 0.8


def top_k(candidates: Candidates, count: int) -> Candidates:
    """The `count` likeliest (Fan et al. 2018, arXiv 1805.04833)."""
    return candidates.keep(largest(candidates.logits, count))


def top_p(candidates: Candidates, share: float) -> Candidates:
    """The smallest set of likeliest tokens whose probability reaches `share` (Holtzman et al. 2019, arXiv 1904.09751).

    The token that reaches it is kept, so one always is.
    """
    goal = max(share - ROUNDING, 0.0) * candidates.total
    places = _heavy(candidates.weights, candidates.total, goal)
    weights = candidates.weights[places]
    descending = np.sort(weights)[::-1]
    mass = np.cumsum(descending, dtype=np.float64)
    # those that do not reach it yet, and the one that does; rounding may leave the goal just out of reach
    count = min(int(mass.searchsorted(goal)) + 1, len(places))
    return candidates.keep(places[reaching(weights, float(descending[count - 1]), count)])


def min_p(candidates: Candidates, share: float) -> Candidates:
    """Tokens at least `share` times as likely as the likeliest (Nguyen et al. 2024, arXiv 2407.01082)."""
    return candidates.from_logit(candidates.top + math.log(share))


def top_n_sigma(candidates: Candidates, count: float) -> Candidates:
    """Tokens whose logit is within `count` standard deviations of the largest (Tang et al. 2024, arXiv 2411.07641).

    The deviation is that of the candidates' logits, over n, not n - 1: llama.cpp's.
    """
    mean = float(candidates.logits.mean(dtype=np.float64))
    deviation = math.sqrt(float(np.square(candidates.logits - mean).mean(dtype=np.float64)))
    return candidates.from_logit(candidates.top - count * deviation)


def _heavy(weights: Floats, mass: float, goal: float) -> Ids:
    """Places, ascending, that hold the heaviest weights which together reach `goal`, and few more.

    Of n weights, those below (mass - goal) / n weigh less than mass - goal together, so that the goal is reached
    without any of them; and again among the rest, until that halves them no more.
    """
    places = np.flatnonzero(weights >= (mass - goal) / len(weights))
    while True:
        left = weights[places]
        mass = float(left.sum(dtype=np.float64))
        heavy = np.flatnonzero(left >= (mass - goal) / len(left))
        if 2 * len(heavy) > len(left):
            return places
        places = places[heavy]
