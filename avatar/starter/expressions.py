"""The 28 faces as numbers: what brows, eyes, mouth and signs do for each GoEmotions label.

A `Face` is a pose, not a drawing; `features.py` draws it in any character's style. The poses are exaggerated on
purpose: they have to be told apart on an avatar forty pixels wide.
"""

from dataclasses import dataclass, replace
from typing import Literal

EyeForm = Literal["open", "arc", "shut", "squeeze", "heart", "star"]
MouthForm = Literal["line", "open", "wail", "o", "grit", "wavy", "smirk", "lick", "bleh", "cat"]
Sign = Literal[
    "tear", "stream", "brim", "laugh_tears", "sweat", "drops", "vein", "gloom", "hearts", "question", "bang", "puff"
]


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye. Fractions of the open eye's height, gaze of its half width; positive slant = inner end lower (angry)."""

    form: EyeForm = "open"
    height: float = 1.0
    lid: float = 0.06
    slant: float = 0.0
    lower: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    pupil: float = 1.0
    glossy: bool = False


@dataclass(frozen=True, slots=True)
class Brow:
    """One brow. Positive slant = inner end lower (angry); rise in eye heights; arch bends it upward."""

    slant: float = 0.0
    rise: float = 0.0
    arch: float = 0.5


@dataclass(frozen=True, slots=True)
class Mouth:
    """Width and depth in mouth units; positive bend = corners up."""

    form: MouthForm = "line"
    width: float = 1.0
    depth: float = 1.0
    bend: float = 0.5


@dataclass(frozen=True, slots=True)
class Face:
    left: Eye
    right: Eye
    brow_left: Brow
    brow_right: Brow
    mouth: Mouth
    blush: float = 0.0
    signs: tuple[Sign, ...] = ()


def _face(eye: Eye, brow: Brow, mouth: Mouth, blush: float = 0.0, signs: tuple[Sign, ...] = ()) -> Face:
    return Face(eye, eye, brow, brow, mouth, blush, signs)


def _uneven(face: Face, *, right: Eye | None = None, brow_right: Brow | None = None) -> Face:
    return replace(face, right=right or face.right, brow_right=brow_right or face.brow_right)


WORRIED = Brow(-0.55, 0.12, 0.2)
RAISED = Brow(-0.05, 0.32, 0.8)
FROWNING = Brow(0.75, -0.22, 0.0)

FACES: dict[str, Face] = {
    "admiration": _face(
        Eye(height=1.18, lid=0.0, pupil=1.25, glossy=True), RAISED, Mouth("open", 0.62, 0.55, 0.7), blush=0.8
    ),
    "amusement": _face(
        Eye("squeeze"), Brow(0.15, 0.12, 0.4), Mouth("open", 1.25, 1.35, 0.9), blush=0.5, signs=("laugh_tears",)
    ),
    "anger": _face(
        Eye(lid=0.22, slant=0.62, lower=0.1, pupil=0.62), FROWNING, Mouth("wail", 1.2, 1.1, -0.8), signs=("vein",)
    ),
    "annoyance": _uneven(
        _face(
            Eye(lid=0.46, slant=0.2, gaze=(0.42, 0.0), pupil=0.8), Brow(0.5, -0.12, 0.0), Mouth("smirk", 0.8, 1.0, -0.8)
        ),
        brow_right=Brow(0.25, 0.16, 0.3),
    ),
    "approval": _uneven(_face(Eye(), Brow(0.0, 0.2, 0.7), Mouth("line", 1.15, 1.2, 1.0), blush=0.3), right=Eye("arc")),
    "caring": _face(
        Eye(lid=0.2, slant=-0.3, lower=0.12, pupil=1.15, glossy=True),
        WORRIED,
        Mouth("line", 0.9, 1.0, 0.8),
        0.9,
        ("hearts",),
    ),
    "confusion": _uneven(
        _face(Eye(height=1.12, lid=0.0, pupil=0.7), Brow(-0.2, 0.34, 0.8), Mouth("wavy", 0.9), signs=("question",)),
        right=Eye(lid=0.38, lower=0.2, pupil=0.7),
        brow_right=Brow(0.45, -0.1, 0.0),
    ),
    "curiosity": _uneven(
        _face(Eye(height=1.15, lid=0.0, gaze=(0.4, -0.4)), Brow(-0.1, 0.2, 0.6), Mouth("o", 0.42, 0.42)),
        brow_right=Brow(-0.2, 0.46, 1.0),
    ),
    "desire": _face(
        Eye(lid=0.42, slant=0.08, lower=0.1, gaze=(0.25, 0.0), pupil=1.2),
        Brow(0.1, 0.12, 0.7),
        Mouth("lick", 1.05),
        blush=1.0,
    ),
    "disappointment": _face(
        Eye(lid=0.5, slant=-0.22, gaze=(0.0, 0.5)),
        Brow(-0.4, 0.0, 0.0),
        Mouth("line", 0.75, 1.0, -0.6),
        signs=("puff",),
    ),
    "disapproval": _face(Eye(lid=0.5, lower=0.12, pupil=0.85), Brow(0.3, -0.26, 0.0), Mouth("line", 1.1, 1.0, -1.0)),
    "disgust": _uneven(
        _face(
            Eye(lid=0.42, slant=0.3, lower=0.3, gaze=(0.45, 0.1), pupil=0.7),
            Brow(0.5, -0.2, 0.0),
            Mouth("bleh", 1.0),
            signs=("gloom",),
        ),
        right=Eye("squeeze"),
    ),
    "embarrassment": _face(
        Eye(lid=0.12, gaze=(0.62, 0.3), pupil=0.72),
        Brow(-0.6, 0.14, 0.1),
        Mouth("wavy", 0.8),
        blush=1.7,
        signs=("sweat",),
    ),
    "excitement": _face(Eye("star", height=1.1), Brow(-0.1, 0.42, 0.9), Mouth("open", 1.25, 1.25, 0.9), blush=0.7),
    "fear": _face(
        Eye(height=1.22, lid=0.0, pupil=0.34), Brow(-0.8, 0.3, 0.1), Mouth("grit", 1.05, 1.0), signs=("gloom", "sweat")
    ),
    "gratitude": _face(Eye("shut"), Brow(-0.3, 0.14, 0.5), Mouth("line", 1.0, 1.1, 0.9), blush=1.1, signs=("hearts",)),
    "grief": _face(Eye("squeeze"), Brow(-0.85, 0.06, 0.0), Mouth("wail", 1.15, 1.25, -1.0), signs=("stream",)),
    "joy": _face(Eye("arc"), Brow(-0.1, 0.28, 0.8), Mouth("open", 1.2, 1.15, 0.9), blush=1.0),
    "love": _face(Eye("heart"), Brow(-0.2, 0.3, 0.8), Mouth("open", 0.9, 0.9, 0.9), blush=1.2, signs=("hearts",)),
    "nervousness": _face(
        Eye(height=1.08, lid=0.0, gaze=(-0.5, 0.0), pupil=0.5),
        Brow(-0.55, 0.2, 0.2),
        Mouth("grit", 0.95, 0.62, 0.6),
        signs=("drops",),
    ),
    "optimism": _face(
        Eye(height=1.12, lid=0.0, gaze=(0.0, -0.45), pupil=1.1, glossy=True),
        Brow(-0.2, 0.36, 0.8),
        Mouth("line", 1.35, 1.4, 1.0),
        0.5,
    ),
    "pride": _face(Eye("shut"), Brow(0.2, 0.34, 0.7), Mouth("smirk", 1.15, 1.2, 0.9), blush=0.3),
    "realization": _face(
        Eye(height=1.2, lid=0.0, gaze=(0.0, -0.2), pupil=0.7),
        Brow(0.0, 0.44, 0.9),
        Mouth("o", 0.55, 0.4),
        signs=("bang",),
    ),
    "relief": _face(Eye("shut"), Brow(-0.5, 0.16, 0.2), Mouth("o", 0.5, 0.42), blush=0.5, signs=("puff", "sweat")),
    "remorse": _face(
        Eye(lid=0.34, slant=-0.4, gaze=(-0.3, 0.55), glossy=True),
        Brow(-0.8, 0.06, 0.0),
        Mouth("wavy", 0.7),
        signs=("brim",),
    ),
    "sadness": _face(
        Eye(lid=0.2, slant=-0.5, gaze=(0.0, 0.2), pupil=1.15, glossy=True),
        Brow(-0.75, 0.08, 0.0),
        Mouth("line", 0.9, 1.3, -1.0),
        signs=("tear",),
    ),
    "surprise": _face(Eye(height=1.3, lid=0.0, pupil=0.55), Brow(-0.05, 0.56, 1.0), Mouth("o", 0.75, 1.05)),
    "neutral": _face(Eye(), Brow(0.0, 0.0, 0.45), Mouth("line", 0.8, 0.8, 0.45)),
}

LABELS: tuple[str, ...] = tuple(FACES)


def resting(temper: float) -> Face:
    """The neutral face of a character whose temper runs from -1 (grumpy) through 0 to 1 (sunny)."""
    grump, sun = max(0.0, -temper), max(0.0, temper)
    eye = Eye(lid=0.06 + 0.3 * grump, slant=0.12 * grump, lower=0.04 * sun)
    brow = Brow(0.32 * grump, 0.08 * sun - 0.1 * grump, 0.45)
    mouth = Mouth("line", 0.8 + 0.15 * sun, 0.8, 0.45 + 0.4 * sun - 0.75 * grump)
    return Face(eye, eye, brow, brow, mouth)
