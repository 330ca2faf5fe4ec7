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
GROUP = 64  # tokens that are passed over at once where the likeliest of them is not likely enough
FEW = 4096  # so many logits are worth the cost of float64, and are looked at one by one


class Candidates:
    """Tokens in ascending order with their logits. Never modified: a sampler makes new ones.

    ids: (n,), or None while every token of the vocabulary is there. values: (n,) float32 while there are many,
    float64 as soon as a cut has left few. A logit is a value times the scale, so that a temperature costs no pass over
    the vocabulary; one of -inf is a token that cannot be drawn.
    """

    __slots__ = ("_heads", "_peak", "_weights", "ids", "scale", "values")

    def __init__(self, ids: Ids | None, values: Floats, scale: float = 1.0) -> None:
        self.ids = ids
        self.values = values
        self.scale = scale
        self._heads: Floats | None = None
        self._peak: float | None = None
        self._weights: tuple[Floats, float] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def top(self) -> float:
        """The largest logit. Raises as `peak` does."""
        return self.peak * self.scale

    @property
    def peak(self) -> float:
        """The largest value. Raises ValueError where no token can be drawn, FloatingPointError for a broken model."""
        if self._peak is None:
            rest = self.values[len(self.heads) * GROUP :]
            largest = float(rest.max()) if len(rest) else -math.inf
            self._peak = _number(max(largest, float(self.heads.max())) if len(self.heads) else largest)
        return self._peak

    @property
    def heads(self) -> Floats:
        """The largest value of every group of GROUP; none where there are few tokens, and none for a last rest.

        A group is not tokens side by side but every len(heads)-th: NumPy finds their largest ten times as fast.
        """
        if len(self) <= FEW:
            return self.values[:0]
        if self._heads is None:
            groups = len(self) // GROUP
            self._heads = self.values[: groups * GROUP].reshape(GROUP, groups).max(axis=0)
        return self._heads

    @property
    def weights(self) -> Floats:
        """(n,) exp(logit - the largest): probabilities but for their sum."""
        return self._weighed()[0]

    @property
    def total(self) -> float:
        """The sum of the weights, as `added`."""
        return self._weighed()[1]

    @property
    def log_total(self) -> float:
        """log of the sum of exp(logits), in nats: log p = logit - log_total."""
        return self.top + math.log(self.total)

    def entropy(self) -> float:
        """-sum p·log p, in nats; for finite logits."""
        return math.log(self.total) - added(self.weights * self._below()) / self.total

    def changeable(self) -> Floats:
        """The logits (n,), a copy."""
        return self.values.copy() if self.scale == 1 else self.values * self.scale

    def keep(self, places: Ids) -> "Candidates":
        """Only the candidates at `places`, which ascend."""
        if len(places) == len(self):
            return self
        ids = places if self.ids is None else self.ids[places]
        values = self.values[places]
        return Candidates(ids, values.astype(np.float64) if len(values) <= FEW else values, self.scale)

    def finite(self) -> "Candidates":
        """Only the candidates that can be drawn, for samplers to which it matters how many there are."""
        return self if self.values.min() > -math.inf else self.keep(np.flatnonzero(self.values > -math.inf))

    def from_logit(self, floor: float) -> "Candidates":
        """Only the candidates whose logit is `floor` or more; the likeliest whatever the floor."""
        return self.keep(self._reaching(min(floor / self.scale, self.peak)))

    def likeliest(self, count: int = 1) -> "Candidates":
        """Only the `count` likeliest; of equals, the first.

        The count-th largest head is a floor that at least `count` values reach, and in a vocabulary few more do.
        """
        if count >= len(self):
            return self
        if count == 1:
            place = self.values.argmax()
            _number(float(self.values[place]))
            return self.keep(np.array([place]))
        heads = self.heads if count <= len(self.heads) else self.values
        places = self._reaching(_th_largest(heads, count))
        values = self.values[places]
        return self.keep(places[reaching(values, _th_largest(values, count), count)])

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

    def _reaching(self, floor: float) -> Ids:
        """The places, ascending, whose value is `floor` or more."""
        groups = (self.heads >= floor).nonzero()[0]
        if 8 * len(groups) >= len(self.heads):
            return (self.values >= floor).nonzero()[0]
        inside = np.arange(GROUP)[:, None] * len(self.heads) + groups  # ascends row by row
        rest = np.arange(GROUP * len(self.heads), len(self))
        places = np.concatenate([inside.ravel(), rest])
        found: Ids = places[self.values[places] >= floor]
        return found

    def _below(self) -> Floats:
        """(n,) how far each logit is below the largest, 0 or less."""
        below = self.values - self.peak
        return below if self.scale == 1 else below * self.scale

    def _weighed(self) -> tuple[Floats, float]:
        if self._weights is None:
            weights = np.exp(self._below())
            self._weights = weights, added(weights)
        return self._weights


def added(values: Floats) -> float:
    """The sum of the values, in float64: in float32 a nucleus would end a token too early or too late."""
    return float(values.sum(dtype=np.float64))


def reaching(values: Floats, cutoff: float, count: int) -> Ids:
    """The places, ascending, of the `count` largest values, the last of which is `cutoff`; of equals, the first."""
    places: Ids = (values >= cutoff).nonzero()[0]
    if len(places) > count:
        equal = (values[places] == cutoff).nonzero()[0]
        places = np.delete(places, equal[count - len(places) :])
    return places


def _th_largest(values: Floats, count: int) -> float:
    return float(np.partition(values, len(values) - count)[len(values) - count])


def _number(largest: float) -> float:
    """The largest value, if it is one that can be drawn by."""
    if largest == -math.inf:
        raise ValueError("No token may be drawn here: the grammar and the bans together leave none.")
    if not math.isfinite(largest):
        raise FloatingPointError("The language model computed no numbers: its weights or its quantization are broken.")
    return largest
