"""The arithmetic of moods, one law at a time; and many moods side by side move as each alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emotion.labels import EMOTIONS, INDEX, NEUTRAL
from emotion.motion import (
    CALM,
    MoodSettings,
    Shares,
    calmed,
    evidence,
    floored,
    impression,
    leading,
    mixed,
    scaled,
    step,
    strongest,
)

SETTINGS = MoodSettings()
scores = arrays(np.float64, 28, elements=st.floats(0, 1))
shares = scores.map(scaled)
share = st.floats(0, 1)
emotions = st.integers(0, 27)


def only(**felt: float) -> Shares:
    return np.array([felt.get(name, 0.0) for name in EMOTIONS])


@given(scores, scores, st.booleans())
def test_whatever_is_read_an_impression_is_shares(said: Shares, felt: Shares, own: bool) -> None:
    for made in (evidence(said), impression(said, felt, own, SETTINGS)):
        assert made.sum() == pytest.approx(1) and made.min() >= 0


def test_scores_that_say_nothing_are_neutral() -> None:
    assert (evidence(np.zeros(28)) == CALM).all() and (scaled(np.zeros(28)) == CALM).all()


def test_a_feeling_beside_a_plain_statement_is_what_counts() -> None:
    """As "I will burn your house down." is scored."""
    heard = evidence(only(neutral=0.8, anger=0.7))
    assert heard[INDEX["anger"]] > 2 * heard[INDEX[NEUTRAL]]


def test_scores_are_left_as_they_were() -> None:
    said = only(neutral=0.8, anger=0.7)
    evidence(said)
    assert said[INDEX[NEUTRAL]] == 0.8


def test_sharpness_leaves_less_to_the_unlikely() -> None:
    blurred = only(joy=0.5, **dict.fromkeys(("love", "pride", "relief", "surprise"), 0.2))
    mild, sharp = evidence(blurred, 1.0), evidence(blurred, 3.0)
    assert sharp[INDEX["joy"]] > 0.7 > 0.5 > mild[INDEX["joy"]]


def test_words_of_others_are_appraised_and_own_words_are_not() -> None:
    settings = MoodSettings(reader=0.0)
    insult = only(anger=1.0)
    assert impression(insult, CALM, True, settings)[INDEX["anger"]] == 1
    assert impression(insult, CALM, False, settings)[INDEX["sadness"]] > 0.3


def test_the_reader_has_its_share_and_no_more() -> None:
    said, felt = only(joy=1.0), only(anger=1.0)
    for part in (0.0, 0.3, 1.0):
        made = impression(said, felt, False, MoodSettings(reader=part))
        assert made[INDEX["anger"]] == pytest.approx(part)


@given(shares, shares, share)
def test_a_mixture_lies_between(old: Shares, new: Shares, part: float) -> None:
    now = mixed(old, new, part)
    assert (np.minimum(old, new) - 1e-9 <= now).all() and (now <= np.maximum(old, new) + 1e-9).all()


@given(shares, st.booleans())
def test_a_step_is_a_share_and_own_words_make_no_longer_one(felt: Shares, own: bool) -> None:
    assert 0 <= step(felt, own, SETTINGS) <= 1
    assert step(felt, True, SETTINGS) <= step(felt, False, SETTINGS)


@given(share, share)
def test_a_stronger_feeling_makes_no_shorter_step(one: float, other: float) -> None:
    faint, strong = sorted((one, other))
    steps = [step(only(joy=p, neutral=1 - p), False, SETTINGS) for p in (faint, strong)]
    assert steps == sorted(steps)


@given(st.floats(0.1, 50))
def test_calm_messages_halve_a_feeling_in_a_half_life(half_life: float) -> None:
    left = 1 - step(CALM, False, MoodSettings(half_life=half_life))
    assert left**half_life == pytest.approx(0.5)


def test_a_card_that_puts_jolt_full_below_jolt_from_gets_a_leap() -> None:
    settings = MoodSettings(jolt_from=0.6, jolt_full=0.5)
    assert step(only(joy=0.7, neutral=0.3), False, settings) == settings.jolt
    assert step(only(joy=0.5, neutral=0.5), False, settings) < settings.jolt


@given(shares, st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_the_longer_the_silence_the_calmer(felt: Shares, seconds: float, more: float) -> None:
    earlier, later = calmed(felt, seconds, SETTINGS), calmed(felt, seconds + more, SETTINGS)
    assert later.sum() == pytest.approx(1)
    assert later[INDEX[NEUTRAL]] >= earlier[INDEX[NEUTRAL]] - 1e-12
    assert (later[:-1] <= earlier[:-1] + 1e-12).all()


def test_half_of_a_feeling_is_left_after_the_half_life_of_silence() -> None:
    assert calmed(only(joy=1.0), 60 * SETTINGS.half_life_minutes, SETTINGS)[INDEX["joy"]] == pytest.approx(0.5)


@given(scores, share)
def test_the_floor_holds_and_moves_nothing_above_it(felt: Shares, floor: float) -> None:
    made = floored(felt, floor)
    assert made.sum() == pytest.approx(1)
    assert made[INDEX[NEUTRAL]] >= floor - 1e-9
    if scaled(felt)[INDEX[NEUTRAL]] >= floor:
        assert (made == scaled(felt)).all()


@given(shares, emotions, share)
def test_whoever_takes_the_lead_is_strongest_and_keeps_it(felt: Shares, held: int, margin: float) -> None:
    leads = leading(held, felt, margin)
    assert leads == held or felt[leads] == felt.max() > felt[held]
    assert leading(leads, felt, margin) == leads, "the same feelings twice change nothing"


def test_calm_is_left_sooner_than_a_feeling() -> None:
    joy, love, neutral = (INDEX[name] for name in ("joy", "love", NEUTRAL))
    assert leading(neutral, only(joy=0.51, neutral=0.49), margin=0.05) == joy
    assert leading(love, only(joy=0.51, love=0.49), margin=0.05) == love


def test_neutral_is_no_feeling() -> None:
    assert strongest(only(neutral=0.9, joy=0.1)) == 0.1


@given(st.lists(st.tuples(scores, scores, st.booleans(), emotions), min_size=1, max_size=5))
def test_many_moods_side_by_side_move_as_each_alone(turns: list[tuple[Shares, Shares, bool, int]]) -> None:
    said, felt, own, held = (np.array(column) for column in zip(*turns, strict=True))
    together = impression(said, felt, own, SETTINGS)
    steps, moved = step(together, own, SETTINGS), floored(mixed(CALM, together, step(together, own, SETTINGS)), 0.3)
    for number, turn in enumerate(turns):
        alone = impression(*turn[:3], SETTINGS)
        assert together[number] == pytest.approx(alone)
        assert steps[number] == pytest.approx(step(alone, turn[2], SETTINGS))
        assert moved[number] == pytest.approx(floored(mixed(CALM, alone, step(alone, turn[2], SETTINGS)), 0.3))
        assert leading(held, moved, 0.1)[number] == leading(turn[3], moved[number], 0.1)


@pytest.mark.parametrize(
    "wrong", [{"half_life": 0}, {"own": 1.5}, {"margin": -0.1}, {"grudge_hours": -1}, {"half_life_minutes": 0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Mood settings"):
        MoodSettings(**wrong)
