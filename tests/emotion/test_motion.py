"""The arithmetic of moods, one law at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion.labels import EMOTIONS, INDEX, NEUTRAL
from emotion.motion import (
    CALM,
    MoodSettings,
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
scores = st.lists(st.floats(0, 1), min_size=28, max_size=28).map(tuple)
shares = scores.map(scaled)
share = st.floats(0, 1)


def only(**felt: float) -> tuple[float, ...]:
    return tuple(felt.get(name, 0.0) for name in EMOTIONS)


@given(scores, scores, st.booleans())
def test_whatever_is_read_an_impression_is_shares(said: tuple[float, ...], felt: tuple[float, ...], own: bool) -> None:
    for made in (evidence(said), impression(said, felt, own, SETTINGS)):
        assert sum(made) == pytest.approx(1) and min(made) >= 0


def test_scores_that_say_nothing_are_neutral() -> None:
    assert evidence((0.0,) * 28) == CALM == scaled((0.0,) * 28)


def test_a_feeling_beside_a_plain_statement_is_what_counts() -> None:
    """As "I will burn your house down." is scored."""
    heard = evidence(only(neutral=0.8, anger=0.7))
    assert heard[INDEX["anger"]] > 2 * heard[INDEX[NEUTRAL]]


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
        assert impression(said, felt, False, MoodSettings(reader=part))[INDEX["anger"]] == pytest.approx(part)


@given(shares, shares, share)
def test_a_mixture_lies_between(old: tuple[float, ...], new: tuple[float, ...], part: float) -> None:
    for before, after, now in zip(old, new, mixed(old, new, part), strict=True):
        assert min(before, after) - 1e-9 <= now <= max(before, after) + 1e-9


@given(shares, st.booleans())
def test_a_step_is_a_share_and_own_words_make_no_longer_one(felt: tuple[float, ...], own: bool) -> None:
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
def test_the_longer_the_silence_the_calmer(felt: tuple[float, ...], seconds: float, more: float) -> None:
    earlier, later = calmed(felt, seconds, SETTINGS), calmed(felt, seconds + more, SETTINGS)
    assert sum(later) == pytest.approx(1)
    assert later[INDEX[NEUTRAL]] >= earlier[INDEX[NEUTRAL]] - 1e-12
    assert all(b <= a + 1e-12 for a, b in zip(earlier[:-1], later[:-1], strict=True))


def test_half_of_a_feeling_is_left_after_the_half_life_of_silence() -> None:
    assert calmed(only(joy=1.0), 60 * SETTINGS.half_life_minutes, SETTINGS)[INDEX["joy"]] == pytest.approx(0.5)


@given(scores, share)
def test_the_floor_holds_and_moves_nothing_above_it(felt: tuple[float, ...], floor: float) -> None:
    made = floored(felt, floor)
    assert sum(made) == pytest.approx(1)
    assert made[INDEX[NEUTRAL]] >= floor - 1e-9
    if scaled(felt)[INDEX[NEUTRAL]] >= floor:
        assert made == scaled(felt)


@given(shares, st.sampled_from(EMOTIONS), share)
def test_whoever_takes_the_lead_is_strongest_and_keeps_it(felt: tuple[float, ...], held: str, margin: float) -> None:
    leads = leading(held, felt, margin)
    assert leads == held or felt[INDEX[leads]] == max(felt) > felt[INDEX[held]]
    assert leading(leads, felt, margin) == leads, "the same feelings twice change nothing"


def test_calm_is_left_sooner_than_a_feeling() -> None:
    assert leading(NEUTRAL, only(joy=0.51, neutral=0.49), margin=0.05) == "joy"
    assert leading("love", only(joy=0.51, love=0.49), margin=0.05) == "love"


def test_neutral_is_no_feeling() -> None:
    assert strongest(only(neutral=0.9, joy=0.1)) == 0.1


@pytest.mark.parametrize(
    "wrong", [{"half_life": 0}, {"own": 1.5}, {"margin": -0.1}, {"grudge_hours": -1}, {"half_life_minutes": 0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Mood settings"):
        MoodSettings(**wrong)
