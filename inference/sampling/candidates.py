"""The tokens that may still be drawn, and their logits: what every sampler takes and gives back.

The arithmetic is NumPy's, on the host. A pass over 152,000 float32 logits takes 10 to 70 µs there (a sort 11 ms, and
most of torch's CPU passes two to twelve times as long as NumPy's), and the same logits give the same numbers whatever
device they came from.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Ids: TypeAlias = NDArray[np.int64]
GROUP = 64  # tokens of which only the likeliest is looked at when it is estimated how large the largest are
FEW = 4096  # so many logits are worth the cost of float64


class Candidates:
    """Tokens in ascending order with finite logits. At least one, and never modified: a sampler makes new ones.

    ids: (n,), or None while every token of the vocabulary is there. logits: (n,) float32 while there are
    many, float64 as soon as a cut has left few; sums are always added in float64.
    """

    __slots__ = ("_top", "_weights", "ids", "logits")

    def __init__(self, ids: Ids | None, logits: Floats) -> None:
        self.ids = ids
        self.logits = logits
        self._top: float | None = None
        self._weights: tuple[Floats, float] | None = None

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def top(self) -> float:
        """The largest logit."""
        if self._top is None:
            self._top = float(self.logits.max())
        return self._top

    @property
    def weights(self) -> Floats:
        """(n,) exp(logit - the largest): probabilities but for their sum."""
        return self._weighed()[0]

    @property
    def total(self) -> float:
        """The sum of the weights, added in float64."""
        return self._weighed()[1]

    @property
    def log_total(self) -> float:
        """log of the sum of exp(logits), in nats: log p = logit - log_total."""
        return self.top + math.log(self.total)

    def entropy(self) -> float:
        """-sum p·log p, in nats."""
        below = self.logits - self.top
        return math.log(self.total) - float((self.weights * below).sum(dtype=np.float64)) / self.total

    def keep(self, places: Ids) -> "Candidates":
        """Only the candidates at `places`, which ascend."""
        if len(places) == len(self):
            return self
        ids = places if self.ids is None else self.ids[places]
        logits = self.logits[places]
        return Candidates(ids, logits.astype(np.float64) if len(logits) <= FEW else logits)

    def from_logit(self, floor: float) -> "Candidates":
        """Only the candidates whose logit is `floor` or more; the likeliest whatever the floor."""
        return self.keep(np.flatnonzero(self.logits >= min(floor, self.top)))

    def likeliest(self) -> "Candidates":
        """Only the likeliest; of equals, the first."""
        return self.keep(np.array([self.logits.argmax()]))

    def token(self, place: int) -> int:
        """The token at a place."""
        return place if self.ids is None else int(self.ids[place])

    def places(self, tokens: Ids) -> Ids:
        """Where those of `tokens` stand that are candidates, in the order and as often as they are given."""
        if self.ids is None:
            return tokens
        places: Ids = np.minimum(self.ids.searchsorted(tokens), len(self) - 1)
        found: Ids = places[self.ids[places] == tokens]
        return found

    def _weighed(self) -> tuple[Floats, float]:
        if self._weights is None:
            weights = np.exp(self.logits - self.top)
            self._weights = weights, float(weights.sum(dtype=np.float64))
        return self._weights


def largest(values: Floats, count: int) -> Ids:
    """The places of the `count` largest values, ascending; of equals, the first. Only a few are sorted.

    The largest of each group of many are compared: the count-th largest of them is a floor that at least `count`
    values reach, and in a vocabulary few more do.
    """
    if count >= len(values):
        return np.arange(len(values))
    groups = len(values) // GROUP
    heads = values if groups < count else values[: groups * GROUP].reshape(GROUP, groups).max(axis=0)
    places = np.flatnonzero(values >= _th_largest(heads, count))
    return places[reaching(values[places], _th_largest(values[places], count), count)]


def reaching(values: Floats, cutoff: float, count: int) -> Ids:
    """The places, ascending, of the `count` largest values, the last of which is `cutoff`; of equals, the first."""
    places = np.flatnonzero(values >= cutoff)
    if len(places) > count:
        equal = np.flatnonzero(values[places] == cutoff)
        places = np.delete(places, equal[count - len(places) :])
    return places


def _th_largest(values: Floats, count: int) -> float:
    return float(np.partition(values, len(values) - count)[len(values) - count])
