"""Repetition, frequency and presence penalties: tokens that were said lately become less likely."""

import numpy as np

from inference.sampling.candidates import Candidates, Ids


def penalties(candidates: Candidates, said: Ids, repetition: float, frequency: float, presence: float) -> Candidates:
    """The candidates with the tokens `said`, which may repeat themselves, less likely.

    repetition: positive logits are divided by it, others multiplied, once however often said (CTRL, arXiv
    1909.05858). presence is subtracted once, frequency once for each time (OpenAI's). All three as in llama.cpp.
    """
    places = candidates.places(said)
    logits = candidates.changeable()
    before = logits[places]
    # a token said twice is assigned the same value twice
    logits[places] = np.where(before > 0, before / repetition, before * repetition) - presence
    if frequency:
        np.subtract.at(logits, places, logits.dtype.type(frequency))  # of another type it is forty times slower
    return Candidates(candidates.ids, logits)
