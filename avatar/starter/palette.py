"""Colours of a drawn character: hex strings, mixing, and palettes spread over the whole colour space.

Nothing here knows what is drawn. A colour is always "#rrggbb". Random palettes choose the *lightness* of the coat
first and evenly, because a painter that saw mostly mid tones paints a faint square on very pale and very dark faces.
"""

import colorsys
from dataclasses import dataclass
from random import Random

INK = "#1b1420"
PAPER = "#fff8ee"


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _hex(channels: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, c))):02x}" for c in channels)


def mix(first: str, second: str, amount: float) -> str:
    """`amount` (0..1) of `second` in `first`."""
    (r1, g1, b1), (r2, g2, b2) = _channels(first), _channels(second)
    return _hex((r1 + (r2 - r1) * amount, g1 + (g2 - g1) * amount, b1 + (b2 - b1) * amount))


def luminance(colour: str) -> float:
    """Relative brightness of the coded values, 0..1 (Rec. 601 weights, no gamma: it ranks well enough)."""
    red, green, blue = _channels(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def shade(colour: str, amount: float) -> str:
    """Darker for a positive amount, lighter for a negative one."""
    return mix(colour, "#120a1e", amount) if amount >= 0 else mix(colour, "#ffffff", -amount)


def hls(hue: float, lightness: float, saturation: float) -> str:
    return _hex(colorsys.hls_to_rgb(hue % 1.0, lightness, saturation))


@dataclass(frozen=True, slots=True)
class Palette:
    """Every colour of one character."""

    coat: str
    muzzle: str
    hair: str
    streak: str
    iris: str
    cloth: str
    background: str
    halo: str
    ink: str = INK

    @property
    def dark(self) -> bool:
        return luminance(self.coat) < 0.36

    @property
    def line(self) -> str:
        """Ink of the outlines: dark, with a little of the coat's hue."""
        return mix(self.ink, self.coat, 0.12)

    @property
    def face_line(self) -> str:
        """Ink of brows and mouth: must stand out from the coat, so it is light on dark coats."""
        return mix(self.coat, PAPER, 0.82) if self.dark else self.line

    @property
    def blush(self) -> str:
        return mix(self.coat, "#ff3d5e", 0.62)

    @property
    def lid(self) -> str:
        return shade(self.coat, -0.16) if self.dark else shade(self.coat, 0.14)


def _far_from(random: Random, other: str, distance: float) -> str:
    """A random colour whose brightness or hue differs visibly from `other`."""
    colour = other
    for _ in range(12):
        colour = hls(random.random(), random.uniform(0.08, 0.92), random.uniform(0.15, 1.0))
        if sum(abs(a - b) for a, b in zip(_channels(colour), _channels(other), strict=True)) > distance:
            break
    return colour


def _random_ink(random: Random, coat: str) -> str:
    """Mostly near black; now and then a deep tone of any hue, or the coat's own shadow."""
    chance = random.random()
    if chance < 0.6:
        return INK
    return (
        hls(random.random(), random.uniform(0.04, 0.13), random.uniform(0.2, 0.9))
        if chance < 0.85
        else shade(coat, 0.8)
    )


def random_palette(random: Random) -> Palette:
    """Coat lightness even over 0.07..0.96, hue even over the circle; two coats in five have the hue of fur and skin."""
    lightness = random.uniform(0.07, 0.96)
    if random.random() < 0.4:
        coat = hls(random.gauss(0.075, 0.02), lightness, random.uniform(0.15, 0.75))
    else:
        coat = hls(random.random(), lightness, random.uniform(0.0, 1.0) ** 0.7)
    hair = _far_from(random, coat, 0.5)
    toward = PAPER if random.random() < 0.8 else mix(hair, coat, 0.3)
    muzzle = mix(coat, toward, random.choice((0.0, 0.1, 0.2, 0.35)) * (0.5 if luminance(coat) < 0.36 else 1.4))
    background = hls(random.random(), random.uniform(0.1, 0.95), random.uniform(0.1, 0.9))
    return Palette(
        coat=coat,
        muzzle=muzzle,
        hair=hair,
        streak=mix(hair, _far_from(random, hair, 0.4), random.uniform(0.2, 0.9)),
        iris=hls(random.random(), random.uniform(0.25, 0.6), random.uniform(0.35, 1.0)),
        cloth=_far_from(random, coat, 0.4),
        background=background,
        halo=mix(background, "#ffffff" if random.random() < 0.6 else "#101020", random.uniform(0.1, 0.4)),
        ink=_random_ink(random, coat),
    )
