"""A colour for every emotion, on a dark card and on a light one. Numbers only: it draws nothing.

Hues are what people expect (anger red, sadness blue, joy yellow, fear violet, disgust green). Lightness and chroma come
from the circumplex: pleasant feelings are light, unpleasant ones deep; stirred up ones are vivid, quiet ones pale. So
pleasant and unpleasant stay apart for eyes that do not tell red from green, or see no hue at all.

Colours are made in OKLCh (Björn Ottosson, *A perceptual color space for image processing*, 2020), where equal steps of
lightness look equal in every hue.
"""

from dataclasses import dataclass
from functools import cache
from math import cos, radians, sin

from emotion.labels import AROUSAL, NEUTRAL, VALENCE

Rgb = tuple[int, int, int]

# degrees in OKLCh: 30 red, 60 orange, 95 yellow, 140 green, 190 teal, 250 blue, 300 violet, 350 pink
_HUES = {
    "admiration": 285,
    "amusement": 70,
    "anger": 27,
    "annoyance": 52,
    "approval": 150,
    "caring": 20,
    "confusion": 310,
    "curiosity": 195,
    "desire": 340,
    "disappointment": 235,
    "disapproval": 85,
    "disgust": 158,
    "embarrassment": 350,
    "excitement": 45,
    "fear": 300,
    "gratitude": 110,
    "grief": 275,
    "joy": 95,
    "love": 0,
    "nervousness": 285,
    "optimism": 128,
    "pride": 312,
    "realization": 180,
    "relief": 168,
    "remorse": 215,
    "sadness": 255,
    "surprise": 215,
    "neutral": 270,
}


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture. `lightness`: of the least and the most pleasant feeling's band, in OKLCh; `written`: by
    how much lighter a feeling's name is on the card."""

    card: Rgb
    edge: Rgb  # around the card, where a page of the same colour begins
    ink: Rgb
    muted: Rgb
    line: Rgb
    lightness: tuple[float, float]
    written: float


DARK = Theme((37, 38, 46), (66, 68, 80), (242, 243, 247), (182, 185, 200), (86, 89, 104), (0.58, 0.87), 0.0)
LIGHT = Theme((255, 255, 255), (216, 219, 228), (30, 31, 38), (82, 86, 102), (176, 180, 194), (0.52, 0.86), -0.19)
THEMES = {"dark": DARK, "light": LIGHT}
RIM = -0.19  # how much lighter the rim of a band is


def colour(emotion: str, theme: Theme) -> Rgb:
    """The colour of one of the 28 emotions on the card of a theme."""
    return _colour(emotion, theme, 0.0)


def rim(emotion: str, theme: Theme) -> Rgb:
    """The darker colour of the edge of its band, which parts it from the next one and from a white card."""
    return _colour(emotion, theme, RIM)


def written(emotion: str, theme: Theme) -> Rgb:
    """Its colour as large type on the card."""
    return _colour(emotion, theme, theme.written)


@cache
def _colour(emotion: str, theme: Theme, lighter: float) -> Rgb:
    valence, arousal = VALENCE[emotion], AROUSAL[emotion]
    low, high = theme.lightness
    lightness = low + (high - low) * (valence + 1) / 2 + lighter
    chroma = 0.02 if emotion == NEUTRAL else 0.13 + 0.05 * arousal
    return _fitted(lightness, chroma, _HUES[emotion])


def contrast(one: Rgb, other: Rgb) -> float:
    """How well two colours are told apart, 1 to 21 (WCAG 2.2): 3 is enough for shapes and large type, 4.5 for text."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(band: Rgb) -> Rgb:
    """Black or white, whichever is read better on a colour."""
    return max(((18, 18, 24), (255, 255, 255)), key=lambda ink: contrast(ink, band))


def _luminance(rgb: Rgb) -> float:
    red, green, blue = (_linear(part / 255) for part in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _fitted(lightness: float, chroma: float, hue: float) -> Rgb:
    """OKLCh in sRGB; a colour that screens cannot show gives up chroma, never lightness or hue."""
    while True:
        linear = _from_oklab(lightness, chroma * cos(radians(hue)), chroma * sin(radians(hue)))
        if all(-0.001 <= part <= 1.001 for part in linear):
            break
        chroma *= 0.97
    red, green, blue = (round(255 * _gamma(min(max(part, 0.0), 1.0))) for part in linear)
    return red, green, blue


def _from_oklab(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """Linear sRGB; the two matrices are Ottosson's."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
