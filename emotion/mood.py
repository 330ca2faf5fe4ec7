"""A mood: what a character feels by now, after everything that was said in a channel; and what it is made of.

    Reading   what two networks found in one turn: how its words sound, and what the character feels after it
    Mood      the mixture of all readings so far: 28 shares, who leads, when it last moved, what is held against whom
    Moment    a turn with the mood it left behind, for looking back

`feel` takes one mood to the next. It looks at no clock: the time of a turn is handed in, and silence since the last one
has calmed the mood before the turn moves it. Moods are kept as JSON; a mood that was stored and read goes on exactly as
if it had never been away. The arithmetic is in `emotion/motion.py` and `emotion/regard.py`.
"""

import json
import math
import struct
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emotion.labels import AROUSAL, EMOTIONS, INDEX, NEUTRAL, VALENCE
from emotion.motion import CALM, MoodSettings, Shares, calmed, floored, impression, leading, mixed, step
from emotion.regard import faded, kept, moved, withheld

DECIMALS = 6  # of a share: what is kept of a mood is all there is of it
_PACKED = struct.Struct(f"<{len(EMOTIONS)}f")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from one turn, once: 28 numbers each, in the order of EMOTIONS.

    `said`: the classifier's probabilities for how the words sound. `felt`: the reader's shares, summing to 1, of what
    the character feels after this turn. Both are rounded to 4-byte floats, which is how they are kept.
    """

    said: tuple[float, ...]
    felt: tuple[float, ...]

    def __post_init__(self) -> None:
        for scores in (self.said, self.felt):
            if len(scores) != len(EMOTIONS) or not all(0 <= p <= 1 for p in scores):  # NaN fails this comparison, too
                raise ValueError(f"A message is scored by {len(EMOTIONS)} probabilities.")
        said, felt = self.packed()
        object.__setattr__(self, "said", _PACKED.unpack(said))
        object.__setattr__(self, "felt", _PACKED.unpack(felt))

    def packed(self) -> tuple[bytes, bytes]:
        """`said` and `felt` as little-endian floats, 112 bytes each."""
        return _PACKED.pack(*self.said), _PACKED.pack(*self.felt)

    @classmethod
    def unpacked(cls, said: bytes, felt: bytes) -> Self:
        """Raises ValueError, saying what is wrong, for what `packed` cannot have written."""
        if len(said) != _PACKED.size or len(felt) != _PACKED.size:
            raise ValueError(f"A stored reading has {_PACKED.size} bytes each for what was said and felt.")
        return cls(_PACKED.unpack(said), _PACKED.unpack(felt))


@dataclass(frozen=True, slots=True)
class Mood:
    """What is felt.

    Args:
        weights: 28 shares in the order of EMOTIONS, summing to 1.
        leading: the emotion a face should show.
        at: when it last moved, in unix seconds; 0 = never.
        grudges: what is held against members, by name, in [0, 1].
    """

    weights: tuple[float, ...]
    leading: str
    at: float = 0.0
    grudges: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if len(self.weights) != len(EMOTIONS) or not all(w >= 0 for w in self.weights):
            raise ValueError(f"A mood needs {len(EMOTIONS)} weights of 0 or more.")
        if not math.isclose(sum(self.weights), 1, abs_tol=1e-3):
            raise ValueError(f"A mood's weights must sum to 1, not {sum(self.weights):.3f}.")
        if self.leading not in INDEX:
            raise ValueError(f"A mood cannot be led by {self.leading!r}: it is none of the {len(EMOTIONS)} emotions.")
        if not 0 <= self.at < math.inf:
            raise ValueError(f"A mood moves at a time in unix seconds, not at {self.at}.")
        if not all(0 <= grudge <= 1 for _, grudge in self.grudges):
            raise ValueError("What is held against members must be between 0 and 1.")

    @classmethod
    def neutral(cls) -> "Mood":
        """Nothing felt yet."""
        return cls(tuple(CALM.tolist()), NEUTRAL)

    @property
    def valence(self) -> float:
        """How pleasant it is, in [-1, 1] (Russell's circumplex, emotion/labels.py)."""
        return sum(w * VALENCE[name] for name, w in zip(EMOTIONS, self.weights, strict=True))

    @property
    def arousal(self) -> float:
        """How stirred up it is, in [-1, 1]."""
        return sum(w * AROUSAL[name] for name, w in zip(EMOTIONS, self.weights, strict=True))

    def share(self, emotion: str) -> float:
        """How much of the mood one emotion is. Raises KeyError for what is not an emotion."""
        return self.weights[INDEX[emotion]]

    def strongest(self, count: int = 3) -> list[tuple[str, float]]:
        """The heaviest emotions, heaviest first."""
        return sorted(zip(EMOTIONS, self.weights, strict=True), key=lambda pair: -pair[1])[:count]

    def to_json(self) -> str:
        """One line that `from_json` turns into an equal mood; weights by name, zeros left out.

        Valence and arousal stand there for whoever looks into the database; they follow from the weights.
        """
        stored: dict[str, Any] = {"leading": self.leading, "valence": round(self.valence, 3)}
        stored |= {"arousal": round(self.arousal, 3), "at": self.at}
        stored["weights"] = {name: weight for name, weight in zip(EMOTIONS, self.weights, strict=True) if weight}
        return json.dumps(stored | ({"grudges": dict(self.grudges)} if self.grudges else {}), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Mood":
        """Raises ValueError, saying what is wrong, for anything `to_json` could not have written, now or before."""
        try:
            stored = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"A stored mood is JSON, and this is not: {error}.") from error
        if not isinstance(stored, dict) or not isinstance(stored.get("weights"), dict):
            raise ValueError("A stored mood is an object with `leading` and `weights`.")
        weights, grudges = _numbers(stored["weights"], "weights"), _numbers(stored.get("grudges", {}), "grudges")
        if unknown := weights.keys() - INDEX.keys():
            raise ValueError(f"A stored mood names unknown emotions: {', '.join(sorted(unknown))}.")
        shares = tuple(weights.get(name, 0.0) for name in EMOTIONS)
        at = _numbers({"at": stored.get("at", 0.0)}, "times")["at"]
        return cls(shares, str(stored.get("leading")), at, tuple(grudges.items()))


@dataclass(frozen=True, slots=True)
class Moment:
    """A turn as it is looked back at."""

    at: float  # unix seconds
    name: str  # who said it
    own: bool  # the character itself did
    text: str
    mood: Mood  # after it
    expression: str | None  # worn by the character's reply; None for members


def feel(mood: Mood, reading: Reading, *, own: bool, name: str, at: float, settings: MoodSettings) -> Mood:
    """The mood after one more turn.

    Args:
        own: the character said it.
        name: who said it; what they did before decides how it is taken.
        at: when, in unix seconds; a time before the mood's own counts as the same moment.
    """
    before = rested(mood, at, settings)
    felt, grudges = impression(reading.said, reading.felt, own, settings), dict(before.grudges)
    if not own:
        grudges[name] = float(moved(grudges.get(name, 0.0), felt, reading.said))
        felt = withheld(felt, grudges[name], settings)
    moved_on = mixed(np.array(before.weights), felt, step(felt, own, settings))
    return _settled(before, floored(moved_on, settings.neutral_floor), before.at, kept(grudges), settings)


def rested(mood: Mood, at: float, settings: MoodSettings) -> Mood:
    """The mood at a later time, if nothing was said since it last moved."""
    if mood.at == 0 or at <= mood.at:
        return Mood(mood.weights, mood.leading, max(mood.at, at), mood.grudges)
    silence = at - mood.at
    grudges = kept(faded(dict(mood.grudges), silence, settings))
    return _settled(mood, calmed(np.array(mood.weights), silence, settings), at, grudges, settings)


def _settled(
    before: Mood, weights: Shares, at: float, grudges: tuple[tuple[str, float], ...], settings: MoodSettings
) -> Mood:
    """The new mood, in as many decimals as are kept; neutral takes what rounding leaves over."""
    felt = weights.round(DECIMALS)
    felt[INDEX[NEUTRAL]] = 0.0
    felt[INDEX[NEUTRAL]] = max(round(1 - felt.sum(), DECIMALS), 0.0)
    leads = EMOTIONS[int(leading(INDEX[before.leading], felt, settings.margin))]
    return Mood(tuple(felt.tolist()), leads, at, grudges)


def _numbers(stored: Any, what: str) -> dict[str, float]:
    """A table of finite numbers from JSON; booleans and texts are none."""
    if not isinstance(stored, dict):
        raise ValueError(f"A stored mood's {what} are an object of names and numbers.")
    for name, value in stored.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"A stored mood's {what} must be numbers; {name} is {value!r:.40}.")
    try:
        return {name: float(value) for name, value in stored.items()}
    except OverflowError as error:
        raise ValueError(f"A stored mood's {what} are too large to be true.") from error
