"""DRY, "don't repeat yourself" (p-e-w, text-generation-webui pull request 5677, 2024): no phrase twice.

Where the last tokens stood before in the same order, the token that followed them then is made less likely, the more
so the longer the repetition. The numbers are llama.cpp's. Its Z-algorithm looks at every token; here only places that
hold the last token are, all at once, and few of them for more than a glance.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from inference.sampling.candidates import Candidates, Ids

Table: TypeAlias = Mapping[int, Sequence[tuple[int, ...]]]
"""Sequence breakers: a first token, and what may follow it to make one; the longest first, () for nothing. No more
than LONGEST_TAIL tokens follow."""

LONGEST_TAIL = 20
GLANCE = 4  # tokens that are compared at every place before more are
LARGEST = 88.7228391  # log of the largest float32: penalties grow no further, as in llama.cpp …
NEVER = 1e30  # … nor beyond what float32 can be lowered by


def repeats(said: Ids, allowed: int, longest: int, breakers: Table) -> dict[int, int]:
    """The tokens that would continue a repetition, each with the length of the longest one it would continue.

    Lengths count the tokens said already; only `allowed` or more are told, and none above `longest`. A repetition
    does not reach back over a sequence breaker.
    """
    reach = min(_since_breaker(said, longest, breakers), longest)
    if len(said) <= allowed or reach < allowed:
        return {}
    places = np.flatnonzero(said[:-1] == said[-1])
    for step in (min(GLANCE, reach), reach):  # most places differ after a token or two
        lengths = _alike(said, places, step)
        places, lengths = places[lengths >= min(step, allowed)], lengths[lengths >= min(step, allowed)]
    found: dict[int, int] = {}
    for token, length in zip(said[places + 1].tolist(), lengths.tolist(), strict=True):
        found[token] = max(length, found.get(token, 0))
    return found


def _alike(said: Ids, places: Ids, reach: int) -> Ids:
    """(P,) how many of the tokens up to each place are those up to the last one; `reach` at most."""
    before = places[:, None] - np.arange(reach)  # (P, reach)
    same = (said[np.maximum(before, 0)] == said[::-1][:reach]) & (before >= 0)
    return np.where(same.all(axis=1), reach, same.argmin(axis=1))


def dry(candidates: Candidates, said: Ids, multiplier: float, base: float, allowed: int, breakers: Table) -> Candidates:
    """The candidates with those that continue a repetition lowered by multiplier · base^(length - allowed).

    A token that is a sequence breaker by itself is never lowered.
    """
    most = int(LARGEST / math.log(base)) if base > 1.000001 else 0
    lengths = repeats(said, allowed, allowed + most, breakers)
    lowered = {token: length for token, length in lengths.items() if () not in breakers.get(token, ())}
    if not lowered:
        return candidates
    logits = candidates.changeable()
    for token, length in lowered.items():
        penalty = min(multiplier * base ** (length - allowed), NEVER)
        logits[candidates.places(np.array([token]))] -= penalty
    return Candidates(candidates.ids, logits)


def _since_breaker(said: Ids, longest: int, breakers: Table) -> int:
    """How many tokens were said since the last sequence breaker; all, where there is none in the last `longest`."""
    for back, token in enumerate(said[::-1][: longest + 1 + LONGEST_TAIL].tolist() if breakers else ()):
        for tail in breakers.get(token, ()):
            if len(tail) <= back and tuple(said[len(said) - back :][: len(tail)].tolist()) == tail:
                return back - len(tail)
    return len(said)
