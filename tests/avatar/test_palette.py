"""Colours of emotions: told apart from the card, from each other, and by eyes that see fewer hues."""

from itertools import combinations

import numpy as np
import pytest

from avatar.palette import DARK, LIGHT, Rgb, Theme, colour, contrast, ink_on, rim, written
from emotion.labels import EMOTIONS, NEUTRAL, VALENCE

# Machado, Oliveira & Fernandes 2009, severity 1: linear RGB as it is seen.
SIGHT = {
    "full": np.eye(3),
    "no red": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no green": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no blue": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
    "no hue": np.array([[0.2126, 0.7152, 0.0722]] * 3),
}
CORE = ("joy", "love", "caring", "anger", "sadness", "fear", "disgust", "neutral")
THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT])


def seen(rgb: Rgb, sight: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """OKLab of a colour as eyes of that kind see it; distances there are about just differences."""
    part = np.array(rgb) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    red, green, blue = np.clip(SIGHT[sight] @ linear, 0, 1)
    cones = np.cbrt(
        [
            0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue,
            0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue,
            0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue,
        ]
    )
    mixed = np.array(
        [
            [0.2104542553, 0.793617785, -0.0040720468],
            [1.9779984951, -2.428592205, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.808675766],
        ]
    )
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = mixed @ cones
    return found


@THEMES
def test_every_band_stands_out_from_the_card_by_itself_or_by_its_rim(theme: Theme) -> None:
    for emotion in EMOTIONS:
        assert max(contrast(tone(emotion, theme), theme.card) for tone in (colour, rim)) >= 3, emotion


@THEMES
def test_words_are_read(theme: Theme) -> None:
    assert contrast(theme.ink, theme.card) >= 7 and contrast(theme.muted, theme.card) >= 4.5
    for emotion in EMOTIONS:
        band = colour(emotion, theme)
        assert contrast(ink_on(band), band) >= 4.4, f"{emotion} on its band"
        assert contrast(written(emotion, theme), theme.card) >= 3, f"{emotion} in large type"


@THEMES
@pytest.mark.parametrize("sight", list(SIGHT))
def test_pleasant_is_lighter_than_unpleasant_for_all_eyes(theme: Theme, sight: str) -> None:
    lightness = {emotion: seen(colour(emotion, theme), sight)[0] for emotion in EMOTIONS}
    glad = min(lightness[emotion] for emotion in EMOTIONS if VALENCE[emotion] >= 0.6)
    bad = max(lightness[emotion] for emotion in EMOTIONS if VALENCE[emotion] <= -0.6)
    assert glad > bad + 0.05


@THEMES
@pytest.mark.parametrize("sight", ["full", "no red", "no green", "no blue"])
def test_the_great_feelings_are_told_apart_by_all_eyes(theme: Theme, sight: str) -> None:
    for one, other in combinations(CORE, 2):
        apart = float(np.linalg.norm(seen(colour(one, theme), sight) - seen(colour(other, theme), sight)))
        assert apart > 0.03, f"{one} and {other}"


@THEMES
def test_no_two_feelings_share_a_colour_and_calm_is_grey(theme: Theme) -> None:
    assert len({colour(emotion, theme) for emotion in EMOTIONS}) == len(EMOTIONS)
    grey = colour(NEUTRAL, theme)
    assert max(grey) - min(grey) < 24


def test_contrast_is_what_the_standard_says() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
