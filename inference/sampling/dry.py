"""DRY, "don't repeat yourself" (p-e-w, text-generation-webui pull request 5677, 2024): no phrase twice.

Where the last tokens stood before in the same order, the token that followed them then is made less likely, the more
so the longer the repetition. The numbers are llama.cpp's, whose Z-algorithm looks at every place; here only places
that hold the last token are looked at, and of those only the ones that still match, one token further back each time.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from inference.sampling.candidates import Candidates, Ids

Table: TypeAlias = Mapping[int, Sequence[tuple[int, ...]]]
"""Sequence breakers: a first token, and what may follow it to make one; the longest first, () for nothing."""

LARGEST = 88.7228391  # log of the largest float32: penalties grow no further


def repeats(said: Ids, allowed: int, longest: int, breakers: Table) -> dict[int, int]:
    """The tokens that would continue a repetition, each with the length of the longest one it would continue.

    Lengths count the tokens said already; only `allowed` or more are told, and none above `longest`. A repetition
    does not reach back over a sequence breaker.
    """
    if len(said) <= allowed:
        return {}
    places = np.flatnonzero(said[:-1] == said[-1])
    lengths = np.zeros(len(places), dtype=np.int64)
    alive = np.arange(len(places))
    limit = longest
    for back in range(longest):  # `back` tokens matched so far; one more?
        broken = _breaker_at(said, back, breakers)
        if broken is not None:
            limit = back - broken
            break
        alive = alive[places[alive] >= back]
        alive = alive[said[places[alive] - back] == said[len(said) - 1 - back]]
        if not len(alive):
            break
        lengths[alive] = back + 1
    found: dict[int, int] = {}
    lengths = np.minimum(lengths, limit)
    long = lengths >= allowed
    for token, length in zip(said[places[long] + 1].tolist(), lengths[long].tolist(), strict=True):
        found[token] = max(length, found.get(token, 0))
    return found


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
        logits[candidates.places(np.array([token]))] -= multiplier * base ** (length - allowed)
    return Candidates(candidates.ids, logits)


def _breaker_at(said: Ids, back: int, breakers: Table) -> int | None:
    """The tokens, besides the first, of the longest breaker that begins `back` tokens before the last; None if none."""
    start = len(said) - back
    for tail in breakers.get(int(said[start - 1]), ()):
        if len(tail) <= back and tuple(said[start : start + len(tail)].tolist()) == tail:
            return len(tail)
    return None
