"""A mood: what a character feels by now, after everything that was said in a channel.

One message is an evidence; the mood is their decayed mixture. It moves a little with every message, at once with a
strong one (a *jolt*), back to neutral when nothing is felt, and its leading emotion changes only when another
clearly beats it, so that a face does not flicker. Pure arithmetic: no model, no clock, no channel.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emotion.appraisal import appraise
from emotion.labels import EMOTIONS, INDEX, NEUTRAL


@dataclass(frozen=True, slots=True)
class MoodSettings:
    """How a mood moves. Shares and probabilities are in [0, 1]; a half-life is counted in messages."""

    half_life: float = 2.0  # after so many calm messages, half of what was felt is left
    jolt_from: float = 0.35  # a feeling scored with this probability begins to move the mood faster than calm ones do …
    jolt_full: float = 0.75  # … and from this one on by the full jolt
    jolt: float = 0.85  # share of the new mood that a jolt makes up
    own: float = 0.5  # the character's own words move it by this share of what another's would
    sharpness: float = 1.5  # exponent on the probabilities: the higher, the less do many unlikely feelings count
    neutral_floor: float = 0.05  # the mood is never less neutral than this
    margin: float = 0.05  # by how much of the whole another must beat the leading emotion, unless that is neutral

    def __post_init__(self) -> None:
        shares = (self.jolt_from, self.jolt_full, self.jolt, self.own, self.neutral_floor, self.margin)
        if self.half_life <= 0 or self.sharpness <= 0 or not all(0 <= share <= 1 for share in shares):
            raise ValueError("Mood settings: half_life and sharpness must be above 0, all others between 0 and 1.")
        if self.jolt_from >= self.jolt_full:
            raise ValueError("Mood settings: jolt_from must be below jolt_full.")


@dataclass(frozen=True, slots=True)
class Mood:
    """`weights`: 28 shares in the order of EMOTIONS, summing to 1. `leading`: the emotion a face should show."""

    weights: tuple[float, ...]
    leading: str

    def __post_init__(self) -> None:
        if len(self.weights) != len(EMOTIONS) or not all(w >= 0 for w in self.weights):
            raise ValueError(f"A mood needs {len(EMOTIONS)} weights of 0 or more.")
        if not math.isclose(sum(self.weights), 1, abs_tol=1e-3):
            raise ValueError(f"A mood's weights must sum to 1, not {sum(self.weights):.3f}.")
        if self.leading not in INDEX:
            raise ValueError(f"A mood cannot be led by {self.leading!r}: it is none of the {len(EMOTIONS)} emotions.")

    @classmethod
    def neutral(cls) -> "Mood":
        """Nothing felt yet."""
        return cls(tuple(float(name == NEUTRAL) for name in EMOTIONS), NEUTRAL)

    def share(self, emotion: str) -> float:
        """How much of the mood one emotion is. Raises KeyError for what is not an emotion."""
        return self.weights[INDEX[emotion]]

    def strongest(self, count: int = 3) -> list[tuple[str, float]]:
        """The heaviest emotions, heaviest first."""
        return sorted(zip(EMOTIONS, self.weights, strict=True), key=lambda pair: -pair[1])[:count]

    def to_json(self) -> str:
        """One line of JSON that `from_json` turns into an equal mood; weights by name, zeros left out."""
        weights = {name: weight for name, weight in zip(EMOTIONS, self.weights, strict=True) if weight}
        return json.dumps({"leading": self.leading, "weights": weights})

    @classmethod
    def from_json(cls, text: str) -> "Mood":
        """Raises ValueError, saying what is wrong, for anything `to_json` could not have written."""
        stored = json.loads(text)
        if not isinstance(stored, dict) or not isinstance(stored.get("weights"), dict):
            raise ValueError("A stored mood is an object with `leading` and `weights`.")
        weights: dict[str, float] = stored["weights"]
        if unknown := weights.keys() - INDEX.keys():
            raise ValueError(f"A stored mood names unknown emotions: {', '.join(sorted(unknown))}.")
        return cls(tuple(float(weights.get(name, 0)) for name in EMOTIONS), str(stored.get("leading")))


def feel(mood: Mood, scores: Sequence[float], *, own: bool, settings: MoodSettings) -> Mood:
    """The mood after one more message, whose 28 probabilities are `scores`.

    `own`: the character said it, so it shows what it feels; what others say is appraised first and weighs more.
    Raises ValueError if `scores` are not 28 probabilities.
    """
    if len(scores) != len(EMOTIONS) or not all(0 <= p <= 1 for p in scores):  # NaN fails this comparison, too
        raise ValueError(f"A message is scored by {len(EMOTIONS)} probabilities.")
    said = evidence(scores, settings)
    felt = said if own else appraise(said)
    gain = weight_of(scores, settings) * (settings.own if own else 1)
    mixed = [(1 - gain) * old + gain * new for old, new in zip(mood.weights, felt, strict=True)]
    weights = _floored(mixed, settings.neutral_floor)
    return Mood(weights, _leading(mood.leading, weights, settings.margin))


def felt_through(mood: Mood, heard: Iterable[tuple[Sequence[float], bool]], settings: MoodSettings) -> Mood:
    """The mood after a whole log of (scores, own), oldest first, to rebuild it after an edit or a deletion."""
    for scores, own in heard:
        mood = feel(mood, scores, own=own, settings=settings)
    return mood


def evidence(scores: Sequence[float], settings: MoodSettings) -> tuple[float, ...]:
    """Probabilities as shares of one message: sharpened, summing to 1. All zeros say nothing: neutral.

    Neutral counts only as far as nothing else is felt: "I will burn your house down." is scored neutral (a plain
    statement) and anger at once, and it is the anger that matters.
    """
    feeling = _strongest(scores)
    plain = [p * (1 - feeling) if name == NEUTRAL else p for name, p in zip(EMOTIONS, scores, strict=True)]
    sharp = [p**settings.sharpness for p in plain]
    total = sum(sharp)
    return tuple(p / total for p in sharp) if total > 0 else Mood.neutral().weights


def weight_of(scores: Sequence[float], settings: MoodSettings) -> float:
    """Share of the new mood that this message makes up: by the half-life if calm, up to `jolt` for a strong feeling."""
    calm = 1 - math.pow(0.5, 1 / settings.half_life)
    strength = (_strongest(scores) - settings.jolt_from) / (settings.jolt_full - settings.jolt_from)
    return calm + max(0.0, settings.jolt - calm) * min(max(strength, 0.0), 1.0)


def _strongest(scores: Sequence[float]) -> float:
    return max(p for name, p in zip(EMOTIONS, scores, strict=True) if name != NEUTRAL)


def _floored(weights: Sequence[float], floor: float) -> tuple[float, ...]:
    """Sum exactly 1 again and neutral at least `floor`, the rest scaled down in proportion."""
    total = sum(weights)
    shares = [w / total for w in weights]
    neutral = shares[INDEX[NEUTRAL]]
    if neutral >= floor:
        return tuple(shares)
    squeeze = (1 - floor) / (1 - neutral)
    return tuple(floor if name == NEUTRAL else w * squeeze for name, w in zip(EMOTIONS, shares, strict=True))


def _leading(held: str, weights: Sequence[float], margin: float) -> str:
    """Hysteresis: a calm face wakes as soon as something outweighs calm, any other needs `margin` to be relieved."""
    challenger = max(range(len(weights)), key=weights.__getitem__)
    needed = weights[INDEX[held]] + (0 if held == NEUTRAL else margin)
    return EMOTIONS[challenger] if weights[challenger] > needed else held
