"""XTC, "exclude top choices" (p-e-w, text-generation-webui pull request 6335, 2024): sometimes not the obvious word.

With some probability per token, all tokens that are likely enough are left out but the least likely of them; so
what is left was still a good choice. Where fewer than two are likely enough nothing happens.
"""

import numpy as np

from inference.sampling.candidates import Candidates

HALF = 0.5  # above this share two tokens cannot both be likely enough


def xtc(candidates: Candidates, threshold: float) -> Candidates:
    """Without the tokens of probability `threshold` or more, save the least likely of them (of equals, the last).

    This is what happens when the coin falls for it; the coin is the Sampler's.
    """
    likely = np.flatnonzero(candidates.weights >= threshold * candidates.total)
    if len(likely) < 2:
        return candidates
    least = likely[::-1][candidates.weights[likely[::-1]].argmin()]
    return candidates.keep(np.setdiff1d(np.arange(len(candidates)), likely[likely != least], assume_unique=True))
