"""Draws a friendly cartoon character, head and shoulders, wearing any of 28 faces, as SVG or pixels.

    marigold = CAST["marigold"]
    portrait(marigold, "joy")                  # an SVG document, 512 x 512
    rasterise(portrait(marigold, "joy"))       # uint8 array (512, 512, 3); needs resvg_py (`pip install mien[train]`)
    random_character(Random(7))                # a new character; the same seed draws the same one, byte for byte

Two faces of one character differ only where `mask_svg` is white: the features are clipped to a region two pixels
smaller. That makes exact training pairs, and it is what the painter promises at run time as well.
"""

import io
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image

from avatar.starter.expressions import FACES, Face, resting
from avatar.starter.features import over_hair, under_hair
from avatar.starter.kinds import before, behind, head_outline
from avatar.starter.palette import random_palette
from avatar.starter.style import KINDS, Build, EyeStyle, Style, points

SIZE = 512
MASK_INSET = 2.0
WHITE = "#fffdf8"
EYE_MIX: tuple[EyeStyle, ...] = ("anime",) * 5 + ("toon",) * 4 + ("ring",) * 3 + ("slit", "bean", "bean", "dot", "dot")


@dataclass(frozen=True, slots=True)
class Character:
    """Everything about a character but its feeling. `x, y`: the point between the eyes, in pixels of 512."""

    build: Build
    style: Style
    temper: float
    x: float
    y: float
    scale: float
    tilt: float
    halo: bool

    @property
    def place(self) -> str:
        return f'transform="translate({self.x:.1f} {self.y:.1f}) rotate({self.tilt:.1f}) scale({self.scale:.3f})"'

    def face(self, expression: str) -> Face:
        """KeyError for a label that is not one of the 28."""
        return resting(self.temper) if expression == "neutral" else FACES[expression]


def _region(character: Character, inset: float) -> str:
    """The rounded region over brows, eyes, cheeks and mouth, in the face's coordinates."""
    style = character.style
    half = style.eye_x + style.eye_rx * 1.2 + 34 - inset
    top = -style.reach * 2.62 + inset
    bottom = style.mouth_y + style.mouth_width * 1.8 + 14 - inset
    return (
        f'<rect x="{-half:.1f}" y="{top:.1f}" width="{2 * half:.1f}" height="{bottom - top:.1f}" rx="{64 - inset:.1f}"'
    )


def _document(inside: str, view: tuple[float, float, float]) -> str:
    x, y, side = view
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x:.2f} {y:.2f} {side:.2f} {side:.2f}">{inside}</svg>'


WHOLE = (0.0, 0.0, float(SIZE))


def _layers(character: Character, expression: str | None) -> str:
    """The character alone, in pixels of 512, without its surroundings; None = a head without brows, eyes and mouth."""
    build, style = character.build, character.style
    under = over = ""
    if expression is not None:
        clip = f'<clipPath id="face">{_region(character, MASK_INSET)}/></clipPath>'
        face = character.face(expression)
        under, over = (f'<g clip-path="url(#face)">{draw(style, face)}</g>' for draw in (under_hair, over_hair))
        under = clip + under
    return f"<g {character.place}>{behind(build, style)}{under}{before(build, style)}{over}</g>"


def portrait(character: Character, expression: str, view: tuple[float, float, float] = WHOLE) -> str:
    """The character wearing an expression. `view` = left, top and side of the square shown, in pixels of 512."""
    palette = character.style.palette
    ground = f'<rect width="{SIZE}" height="{SIZE}" fill="{palette.background}"/>'
    if character.halo:
        ground += f'<circle cx="256" cy="250" r="216" fill="{palette.halo}"/>'
    return _document(ground + _layers(character, expression), view)


def figure_svg(character: Character, expression: str | None, view: tuple[float, float, float] = WHOLE) -> str:
    """The character on nothing at all; without brows, eyes and mouth where the expression is None."""
    return _document(_layers(character, expression), view)


def head_svg(character: Character, view: tuple[float, float, float] = WHOLE) -> str:
    """White where the head is, whatever hair, hat and ears lie before it."""
    outline = points(head_outline(character.build))
    return _document(f'<g {character.place}><polygon points="{outline}" fill="#ffffff"/></g>', view)


def mask_svg(character: Character, view: tuple[float, float, float] = WHOLE) -> str:
    """White where an expression may change the picture, black elsewhere."""
    ground = f'<rect width="{SIZE}" height="{SIZE}" fill="#000000"/>'
    return _document(f'{ground}<g {character.place}>{_region(character, 0.0)} fill="#ffffff"/></g>', view)


def rasterise(svg: str, size: int = SIZE) -> npt.NDArray[np.uint8]:
    """uint8 (size, size, 3). ImportError when resvg_py is missing."""
    import resvg_py

    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size))
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return pixels[:size, :size]  # now and then resvg rounds one side up


def mask_pixels(character: Character) -> npt.NDArray[np.uint8]:
    """uint8 (512, 512), 0 or 255: any pixel the region touches is white."""
    return np.where(rasterise(mask_svg(character))[..., 0] > 0, 255, 0).astype(np.uint8)


def random_character(random: Random) -> Character:
    """A character drawn by lot: kind, build, palette, style and framing."""
    kind = random.choice((*KINDS, "pony", "cat", "robot"))
    build = _random_build(random, kind)
    return Character(
        build=build,
        style=_random_style(random, build),
        temper=random.triangular(-1.0, 1.0, 0.1),
        x=random.gauss(256, 6),
        y=random.gauss(268, 6),
        scale=random.uniform(0.94, 1.1),
        tilt=random.choice((0.0, 0.0, random.uniform(-5, 5))),
        halo=random.random() < 0.5,
    )


def _random_build(random: Random, kind: str) -> Build:
    haired = kind in ("pony", "person") or (kind in ("sprite", "cat", "bunny", "fox") and random.random() < 0.4)
    optional = ("freckles", "whiskers", "bow tie", "overall", "patch", "blaze", "band", "scar", "cheeks") + (
        ("tabby",) if kind in ("cat", "fox") else ()
    )
    chances = {
        "whiskers": 0.6,
        "freckles": 0.2,
        "patch": 0.1,
        "tabby": 0.4,
        "blaze": 0.1,
        "band": 0.07,
        "scar": 0.08,
        "cheeks": 0.12,
    }
    marks = tuple(mark for mark in optional if random.random() < chances.get(mark, 0.25))
    if kind == "robot":
        marks = tuple(mark for mark in marks if mark in ("bow tie", "overall")) + (
            ("dark screen",) if random.random() < 0.5 else ()
        )
    return Build(
        kind=kind,  # type: ignore[arg-type]
        head_rx=random.uniform(146, 160),
        head_ry=random.uniform(130, 142),
        square=random.uniform(3.2, 5.0) if kind == "robot" else random.uniform(1.95, 2.6),
        taper=0.0 if kind == "robot" else random.uniform(0.0, 0.14),
        fringe=random.choice(("sweep", "bangs", "tuft", "part", "curls"))
        if haired
        else random.choice(("none", "none", "tuft")),
        back=random.choice(("none", "long", "puff", "mane", "tails")) if haired else "none",
        hat=random.choice(("none", "none", "none", "baker", "cap", "bow", "flower")),
        glasses=kind != "robot" and random.random() < 0.14,
        marks=marks,
    )


def _random_style(random: Random, build: Build) -> Style:
    palette = random_palette(random)
    eyes: EyeStyle = "led" if build.kind == "robot" else random.choice(EYE_MIX)
    small = {"bean": 0.72, "dot": 0.54, "led": 0.84}.get(eyes, 1.0)
    return Style(
        eyes=eyes,
        eye_x=random.uniform(53, 64),
        eye_rx=random.uniform(28, 38) * small,
        eye_ry=random.uniform(32, 48) * small,
        brow_length=random.uniform(40, 64),
        brow_weight=random.uniform(5.5, 16),
        brow_gap=random.uniform(11, 17),
        mouth_y=random.uniform(60, 64) if build.kind == "robot" else random.uniform(75, 86),
        mouth_width=random.uniform(32, 44),
        mouth_shift=0.0,
        line=random.uniform(4.2, 8.8),
        lashes=random.choice((0, 0, 1, 2)),
        palette=palette,
        white=random.choice((WHITE, WHITE, "#ffffff", "#f3ead2", "#e3edf7")),
    )
