"""How a mood moves: the constants, and the arithmetic on 28 shares that they steer.

A turn leaves an *impression*: what the reader thinks the character feels, mixed with how the words sound, heard as a
listener hears them (`emotion/appraisal.py`). The mood goes a *step* towards it, a small one while all is calm and a
large one at a strong feeling (a *jolt*); silence leads it back to neutral; what leads is relieved only by what clearly
beats it. Arrays in, arrays out, of one mood or of many side by side: the last axis is always EMOTIONS. No model, no
clock, no names, no storage. Who feels all this is in `emotion/mood.py`.
"""

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotion.appraisal import appraise
from emotion.labels import EMOTIONS, INDEX, NEUTRAL

Shares: TypeAlias = NDArray[np.float64]
"""(..., 28) shares of 0 or more in the order of EMOTIONS, summing to 1."""

CALM: Shares = np.eye(len(EMOTIONS))[INDEX[NEUTRAL]]
_NEUTRAL = INDEX[NEUTRAL]
SHARPNESS = 1.5  # where drafts are judged by what they sound like
_HEARD = np.array([appraise(row) for row in np.eye(len(EMOTIONS)).tolist()])  # (said, felt)


@dataclass(frozen=True, slots=True)
class MoodSettings:
    """How a mood moves. Half-lives say their unit, `sharpness` is an exponent, all others are shares in [0, 1].

    The defaults were tuned by `python -m bench.tune_mood`; docs/mood.md has the figures.
    """

    half_life: float = 3.56  # after so many calm messages, half of what was felt is left
    half_life_minutes: float = 20.0  # of silence, until half of what was felt is left
    jolt_from: float = 0.22  # an impression that is so much feeling, and so little calm, begins to move the mood faster
    jolt_full: float = 0.8  # … and from here on by the full jolt
    jolt: float = 0.97  # share of the new mood that a jolt makes up
    own: float = 0.8  # the character's own words move it by this share of what another's would
    reader: float = 0.89  # share of an impression that is the reader's; the rest is how the words sound
    sharpness: float = 1.93  # the higher, the less do many unlikely feelings count, in the words and in the reading
    neutral_floor: float = 0.05  # the mood is never less neutral than this
    margin: float = 0.1  # by how much of the whole another must beat the leading emotion, unless that is neutral
    reserve: float = 0.23  # at most this share of the pleasure that somebody gives is withheld from who has hurt
    grudge_hours: float = 12.0  # until half of what is held against a member is forgotten

    def __post_init__(self) -> None:
        above = ("half_life", "half_life_minutes", "sharpness", "grudge_hours")
        shares = [getattr(self, field.name) for field in fields(self) if field.name not in above]
        if not all(getattr(self, name) > 0 for name in above) or not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"Mood settings: {', '.join(above)} must be above 0, all others between 0 and 1.")


def evidence(scores: ArrayLike, sharpness: float = SHARPNESS) -> Shares:
    """The classifier's 28 probabilities as shares: sharpened, summing to 1. All zeros say nothing: neutral.

    Neutral counts only as far as nothing else is felt: "I will burn your house down." is scored neutral (a plain
    statement) and anger at once, and it is the anger that matters.
    """
    plain = np.array(scores, dtype=np.float64)
    plain[..., _NEUTRAL] *= 1 - strongest(plain)
    return scaled(plain**sharpness)


def impression(said: ArrayLike, felt: ArrayLike, own: ArrayLike, settings: MoodSettings) -> Shares:
    """What one turn makes the character feel: the reader's `felt`, and the words `said`.

    `own`: the character said it, so it sounds like what it feels; what others say is appraised.
    """
    sounds = evidence(said, settings.sharpness)
    heard = np.where(np.asarray(own)[..., None], sounds, sounds @ _HEARD)
    return mixed(heard, scaled(np.asarray(felt, dtype=np.float64) ** settings.sharpness), settings.reader)


def step(shares: Shares, own: ArrayLike, settings: MoodSettings) -> NDArray[np.float64]:
    """How far the mood goes towards an impression, in [0, 1]: by the half-life if calm, up to `jolt` for a jolt."""
    calm = 1 - 0.5 ** (1 / settings.half_life)
    width = max(settings.jolt_full - settings.jolt_from, 1e-9)  # a card may put one above the other: then it is a leap
    strength = np.clip((1 - shares[..., _NEUTRAL] - settings.jolt_from) / width, 0, 1)
    length = calm + max(0.0, settings.jolt - calm) * strength
    return np.asarray(length * np.where(own, settings.own, 1.0))


def calmed(shares: Shares, seconds: float, settings: MoodSettings) -> Shares:
    """After so many seconds of silence; less than none is none."""
    return mixed(CALM, shares, 0.5 ** (max(seconds, 0.0) / (60 * settings.half_life_minutes)))


def mixed(old: Shares, new: Shares, share: ArrayLike) -> Shares:
    """`share` of `new`, the rest of `old`."""
    part = np.asarray(share)[..., None]
    return (1 - part) * old + part * new


def scaled(shares: NDArray[np.float64]) -> Shares:
    """Summing to 1; nothing at all is neutral."""
    total = shares.sum(-1, keepdims=True)
    return np.where(total > 0, shares / np.where(total > 0, total, 1), CALM)


def floored(shares: Shares, floor: float) -> Shares:
    """Summing to 1, with neutral at least `floor` and the rest scaled down in proportion."""
    shares = scaled(shares)
    neutral = shares[..., _NEUTRAL, None]
    squeezed = shares * (1 - floor) / np.maximum(1 - neutral, 1e-12)
    squeezed[..., _NEUTRAL] = floor
    return np.where(neutral >= floor, shares, squeezed)


def leading(held: ArrayLike, shares: Shares, margin: float) -> NDArray[np.intp]:
    """Hysteresis: a calm face wakes as soon as something outweighs calm, any other needs `margin` to be relieved.

    `held`, and what is returned, are numbers of emotions.
    """
    held, challenger = np.asarray(held, dtype=np.intp), shares.argmax(-1)
    share_of = np.take_along_axis(shares, np.stack([held, challenger], -1), -1)
    needed = share_of[..., 0] + np.where(held == _NEUTRAL, 0.0, margin)
    return np.where(share_of[..., 1] > needed, challenger, held)


def strongest(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The most there is of any feeling but neutral."""
    return np.asarray(np.delete(shares, _NEUTRAL, axis=-1).max(-1))
