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
BLOCKS = 64  # tokens of which only the best is looked at when a place among the largest is estimated


class Candidates:
    """Tokens in ascending order with finite logits. At least one, and never modified: a sampler makes new ones.

    ids: (n,), or None while every token of the vocabulary is there. logits: (n,) float32 while they are the model's
    own, float64 as soon as a cut has left fewer.
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
        return Candidates(ids, self.logits[places].astype(np.float64))

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

    The best of each of many groups are compared: the count-th largest of them is a floor that at least `count` values
    reach, and in a vocabulary few more do.
    """
    if count >= len(values):
        return np.arange(len(values))
    groups = len(values) // BLOCKS
    heads = values if groups < count else values[: groups * BLOCKS].reshape(BLOCKS, groups).max(axis=0)
    floor = np.partition(heads, len(heads) - count)[len(heads) - count]
    places = np.flatnonzero(values >= floor)
    order = np.argsort(-values[places], kind="stable")[:count]
    return np.sort(places[order])
