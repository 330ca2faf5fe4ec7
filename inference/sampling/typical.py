"""Locally typical sampling (Meister et al. 2022, arXiv 2202.00666): words about as surprising as one expects here.

A token's surprise is -log p; the expected one is the entropy. The tokens whose surprise is nearest to it are kept,
as few as reach the wished-for probability, so that the likeliest token may well be left out.
"""

import numpy as np

from inference.sampling.candidates import Candidates
from inference.sampling.cuts import ROUNDING

NEAR = 0.25  # nats around the entropy that are looked at first


def typical_p(candidates: Candidates, share: float) -> Candidates:
    """The tokens nearest to the entropy whose probability reaches `share`, the one that reaches it included.

    Only the tokens within some distance are sorted; the distance is doubled until they hold enough.
    """
    candidates = candidates.finite()
    surprise = candidates.log_total - candidates.changeable()  # (n,) nats
    distance = np.abs(surprise - candidates.entropy())
    goal = max(share - ROUNDING, 0.0) * candidates.total
    farthest = float(distance.max())
    near = min(NEAR, farthest)
    while True:
        places = np.flatnonzero(distance <= near)
        order = np.argsort(distance[places], kind="stable")
        mass = np.cumsum(candidates.weights[places[order]], dtype=np.float64)
        if near >= farthest or (len(mass) and mass[-1] >= goal):
            break
        near *= 2
    count = int(mass.searchsorted(goal)) + 1
    return candidates.keep(np.sort(places[order[:count]]))
