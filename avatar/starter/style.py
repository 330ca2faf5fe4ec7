"""The numbers that make a character: its build, the style of its features, and the pen that draws both.

Coordinates are the face's own: x to the right, y down, the point between the eyes at (0, 0), one unit = one pixel of
the 512-pixel portrait before the character's own scale. Left means left in the picture.
"""

from dataclasses import dataclass
from typing import Literal

from avatar.starter.palette import Palette, shade

Kind = Literal["pony", "cat", "dog", "bunny", "bear", "fox", "person", "robot", "sprite"]
Fringe = Literal["none", "sweep", "bangs", "tuft", "part", "curls"]
BackHair = Literal["none", "long", "puff", "mane", "tails"]
Hat = Literal["none", "baker", "cap", "bow", "flower"]
KINDS: tuple[Kind, ...] = ("pony", "cat", "dog", "bunny", "bear", "fox", "person", "robot", "sprite")
EyeStyle = Literal["anime", "toon", "ring", "slit", "bean", "dot", "led"]
SOLID: tuple[EyeStyle, ...] = ("bean", "dot", "led")  # eyes without an iris


@dataclass(frozen=True, slots=True)
class Build:
    """The unchanging shape of one character. Lengths in face units."""

    kind: Kind
    head_rx: float
    head_ry: float
    square: float
    taper: float
    fringe: Fringe
    back: BackHair
    hat: Hat
    glasses: bool
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """How one character's features look. Lengths in face units."""

    eyes: EyeStyle
    eye_x: float
    eye_rx: float
    eye_ry: float
    brow_length: float
    brow_weight: float
    brow_gap: float
    mouth_y: float
    mouth_width: float
    mouth_shift: float
    line: float
    lashes: int
    palette: Palette
    white: str = "#fffdf8"  # of the eyes

    @property
    def reach(self) -> float:
        """Half an eye's height as far as the signs around it go: small eyes leave them no less room."""
        return max(self.eye_ry, 36.0)

    @property
    def ink(self) -> str:
        return shade(self.palette.iris, -0.35) if self.eyes == "led" else self.palette.face_line


def points(pairs: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def stroke(colour: str, width: float) -> str:
    return f'fill="none" stroke="{colour}" stroke-width="{width:.1f}" stroke-linecap="round" stroke-linejoin="round"'


def fill(colour: str, style: Style, width: float = 1.0) -> str:
    return (
        f'fill="{colour}" stroke="{style.palette.line}" stroke-width="{style.line * width:.1f}" stroke-linejoin="round"'
    )
