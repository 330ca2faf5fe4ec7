"""Moods as bands: stacked from the line of calm, level where a turn is, smooth between."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar.bands import MOST, bands, is_pleasant, leading_emotions, room_for_words
from emotion.labels import EMOTIONS, VALENCE
from emotion.mood import Moment, Mood
from tests.avatar.moments import mood_of, talks

SAMPLES = 240
SLOWLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)


@SLOWLY
@given(talks().filter(bool))
def test_bands_touch_and_never_overlap(moments: list[Moment]) -> None:
    drawn = bands([moment.mood for moment in moments], SAMPLES)
    for side in (True, False):
        edge = np.zeros(SAMPLES)
        for band in (band for band in drawn if band.is_above is side):
            assert np.array_equal(band.inner, edge)
            assert ((band.outer >= edge) if side else (band.outer <= edge)).all()
            edge = band.outer
        assert np.abs(edge).max() <= 1 + 1e-9


def test_a_band_is_as_high_as_its_share_in_the_middle_of_a_turn() -> None:
    moods = [mood_of(joy=0.6, anger=0.4), mood_of(neutral=1.0), mood_of(anger=1.0)]
    drawn = {band.emotion: band for band in bands(moods, 300)}
    middles = [50, 150, 250]
    assert drawn["joy"].outer[middles] == pytest.approx([0.6, 0, 0], abs=0.01)
    assert drawn["anger"].outer[middles] == pytest.approx([-0.4, 0, -1], abs=0.01)


def test_pleasant_emotions_stand_above_and_calm_is_no_band() -> None:
    for emotion in EMOTIONS:
        assert is_pleasant(emotion) == (VALENCE[emotion] >= 0)
    assert bands([Mood.neutral()] * 3, SAMPLES) == []


def test_what_led_or_flared_up_is_shown_before_what_was_always_there() -> None:
    steady = dict.fromkeys(("joy", "love", "pride", "relief", "caring", "desire", "amusement"), 0.1)
    moods = [mood_of(**steady, neutral=0.3)] * 9 + [mood_of(neutral=0.4, fear=0.35, sadness=0.25)]
    shown = leading_emotions(moods)
    assert {"fear", "sadness"} < set(shown) and "neutral" not in shown and len(shown) == MOST
    assert set(shown[:4]) < set(steady), "what was felt most lies nearest to the line"


@SLOWLY
@given(talks().filter(bool), st.integers(5, SAMPLES))
def test_the_box_for_words_lies_inside_its_band(moments: list[Moment], width: int) -> None:
    for band in bands([moment.mood for moment in moments], SAMPLES):
        middle, low, high = room_for_words(band, width)
        if high > low:
            box = slice(middle - width // 2, middle - width // 2 + width)
            edges = band.inner[box], band.outer[box]
            assert np.minimum(*edges).max() <= low + 1e-12 and high <= np.maximum(*edges).min() + 1e-12
