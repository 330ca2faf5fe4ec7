"""How a mood moves: the constants, and the arithmetic on 28 shares that they steer.

A turn leaves an *impression*: what the reader thinks the character feels, mixed with how the words sound, heard as a
listener hears them (`emotion/appraisal.py`). The mood goes a *step* towards it, a small one while all is calm and a
large one at a strong feeling (a *jolt*); silence leads it back to neutral; what leads is relieved only by what clearly
beats it. Tuples in, tuples out: no model, no clock, no names, no storage. Who feels all this is in `emotion/mood.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

from emotion.appraisal import appraise
from emotion.labels import EMOTIONS, INDEX, NEUTRAL

Shares: TypeAlias = tuple[float, ...]
"""28 shares of 0 or more in the order of EMOTIONS, summing to 1."""

CALM: Shares = tuple(float(name == NEUTRAL) for name in EMOTIONS)
_NEUTRAL = INDEX[NEUTRAL]


@dataclass(frozen=True, slots=True)
class MoodSettings:
    """How a mood moves. Half-lives say their unit, `sharpness` is an exponent, all others are shares in [0, 1].

    The defaults were tuned by `python -m bench.tune_mood`; docs/mood.md has the figures.
    """

    half_life: float = 2.0  # after so many calm messages, half of what was felt is left
    half_life_minutes: float = 20.0  # of silence, until half of what was felt is left
    jolt_from: float = (
        0.35  # an impression that is so much feeling, and so little calm, begins to move the mood faster …
    )
    jolt_full: float = 0.75  # … and from here on by the full jolt
    jolt: float = 0.85  # share of the new mood that a jolt makes up
    own: float = 0.5  # the character's own words move it by this share of what another's would
    reader: float = 0.7  # share of an impression that is the reader's; the rest is how the words sound
    sharpness: float = 1.5  # the higher, the less do many unlikely feelings in the words count
    neutral_floor: float = 0.05  # the mood is never less neutral than this
    margin: float = 0.05  # by how much of the whole another must beat the leading emotion, unless that is neutral
    reserve: float = 0.5  # at most this share of the pleasure that somebody gives is withheld from who has hurt
    grudge_hours: float = 12.0  # until half of what is held against a member is forgotten

    def __post_init__(self) -> None:
        above = ("half_life", "half_life_minutes", "sharpness", "grudge_hours")
        shares = [getattr(self, field.name) for field in fields(self) if field.name not in above]
        if not all(getattr(self, name) > 0 for name in above) or not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"Mood settings: {', '.join(above)} must be above 0, all others between 0 and 1.")


def evidence(scores: Sequence[float], sharpness: float = MoodSettings().sharpness) -> Shares:
    """The classifier's 28 probabilities as shares: sharpened, summing to 1. All zeros say nothing: neutral.

    Neutral counts only as far as nothing else is felt: "I will burn your house down." is scored neutral (a plain
    statement) and anger at once, and it is the anger that matters.
    """
    feeling = strongest(scores)
    plain = [p * (1 - feeling) if name == NEUTRAL else p for name, p in zip(EMOTIONS, scores, strict=True)]
    sharp = [p**sharpness for p in plain]
    total = sum(sharp)
    return tuple(p / total for p in sharp) if total > 0 else CALM


def impression(said: Sequence[float], felt: Sequence[float], own: bool, settings: MoodSettings) -> Shares:
    """What one turn makes the character feel: the reader's `felt`, and the words `said`.

    `own`: the character said it, so it sounds like what it feels; what others say is appraised.
    """
    sounds = evidence(said, settings.sharpness)
    heard = sounds if own else appraise(sounds)
    return mixed(heard, scaled(felt), settings.reader)


def step(shares: Sequence[float], own: bool, settings: MoodSettings) -> float:
    """How far the mood goes towards an impression, in [0, 1]: by the half-life if calm, up to `jolt` for a jolt."""
    calm = 1 - math.pow(0.5, 1 / settings.half_life)
    width = max(settings.jolt_full - settings.jolt_from, 1e-9)  # a card may put one above the other: then it is a leap
    strength = min(max((1 - shares[_NEUTRAL] - settings.jolt_from) / width, 0.0), 1.0)
    length = calm + max(0.0, settings.jolt - calm) * strength
    return length * (settings.own if own else 1.0)


def calmed(shares: Sequence[float], seconds: float, settings: MoodSettings) -> Shares:
    """After so many seconds of silence; less than none is none."""
    left = math.pow(0.5, max(seconds, 0.0) / (60 * settings.half_life_minutes))
    return mixed(CALM, shares, left)


def mixed(old: Sequence[float], new: Sequence[float], share: float) -> Shares:
    """`share` of `new`, the rest of `old`."""
    return tuple((1 - share) * before + share * after for before, after in zip(old, new, strict=True))


def scaled(shares: Sequence[float]) -> Shares:
    """Summing to 1; nothing at all is neutral."""
    total = sum(shares)
    return tuple(share / total for share in shares) if total > 0 else CALM


def floored(shares: Sequence[float], floor: float) -> Shares:
    """Summing to 1, with neutral at least `floor` and the rest scaled down in proportion."""
    shares = scaled(shares)
    neutral = shares[_NEUTRAL]
    if neutral >= floor:
        return shares
    squeeze = (1 - floor) / (1 - neutral)
    return tuple(floor if name == NEUTRAL else share * squeeze for name, share in zip(EMOTIONS, shares, strict=True))


def leading(held: str, shares: Sequence[float], margin: float) -> str:
    """Hysteresis: a calm face wakes as soon as something outweighs calm, any other needs `margin` to be relieved."""
    challenger = max(range(len(shares)), key=shares.__getitem__)
    needed = shares[INDEX[held]] + (0 if held == NEUTRAL else margin)
    return EMOTIONS[challenger] if shares[challenger] > needed else held


def strongest(shares: Sequence[float]) -> float:
    """The most there is of any feeling but neutral."""
    return max(share for name, share in zip(EMOTIONS, shares, strict=True) if name != NEUTRAL)
