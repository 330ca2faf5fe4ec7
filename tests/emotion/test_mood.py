"""A mood decays by turns and by time, jolts, holds its lead, knows who hurt it, and survives storage."""

import itertools
import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion.appraisal import appraise
from emotion.labels import EMOTIONS, NEUTRAL
from emotion.mood import Mood, Reading, feel, rested
from emotion.motion import MoodSettings, evidence

SETTINGS = MoodSettings()
NAMES = ("Ann", "Bo", "Čeněk")
probabilities = st.lists(st.floats(0, 1, width=32), min_size=28, max_size=28).map(tuple)
readings = st.builds(Reading, probabilities, probabilities)
turns = st.tuples(readings, st.booleans(), st.sampled_from(NAMES), st.floats(1, 4e9))


def only(**shares: float) -> tuple[float, ...]:
    """Shares of what is named, and neutral for the rest."""
    rest = {NEUTRAL: 1 - sum(shares.values())} | shares
    return tuple(rest.get(name, 0.0) for name in EMOTIONS)


def reading(**felt: float) -> Reading:
    """A turn in which words and reader agree; what is felt about an insult is the character's own."""
    return Reading(only(**felt), only(**felt))


def heard(**said: float) -> Reading:
    """A turn whose words sound like this and are taken as the appraisal table says."""
    return Reading(only(**said), appraise(evidence(only(**said)).tolist()))


def after(
    *log: Reading, mood: Mood | None = None, own: bool = False, settings: MoodSettings = SETTINGS, name: str = "Ann"
) -> Mood:
    """The mood after some turns, a second apart."""
    mood = mood or Mood.neutral()
    for one in log:
        mood = feel(mood, one, own=own, name=name, at=mood.at + 1, settings=settings)
    return mood


CALM = reading()


@given(st.lists(turns, max_size=8))
def test_any_log_leaves_a_mood_whose_weights_sum_to_one(log: list[tuple[Reading, bool, str, float]]) -> None:
    mood = Mood.neutral()
    for one, own, name, at in log:
        mood = feel(mood, one, own=own, name=name, at=at, settings=SETTINGS)
        assert math.isclose(sum(mood.weights), 1, abs_tol=1e-9)
        assert mood.share(NEUTRAL) >= SETTINGS.neutral_floor - 1e-4
        assert -1 <= mood.valence <= 1 and -1 <= mood.arousal <= 1
        assert all(0 < grudge <= 1 and who in NAMES for who, grudge in mood.grudges)


@given(st.lists(turns, min_size=1, max_size=8), st.integers(0, 7))
def test_a_restart_is_no_restart(log: list[tuple[Reading, bool, str, float]], killed: int) -> None:
    """Stored and read in the middle of a log, mood and readings go on to the very same numbers."""
    through = Mood.neutral()
    stored = through.to_json()
    for number, (one, own, name, at) in enumerate(log):
        through = feel(through, one, own=own, name=name, at=at, settings=SETTINGS)
        kept = Reading.unpacked(*one.packed()) if number == killed else one
        stored = feel(Mood.from_json(stored), kept, own=own, name=name, at=at, settings=SETTINGS).to_json()
    assert Mood.from_json(stored) == through


@given(st.lists(turns, min_size=1, max_size=6), st.lists(st.floats(0, 1e6), min_size=2, max_size=5).map(sorted))
def test_silence_only_calms_and_never_wakes(log: list[tuple[Reading, bool, str, float]], waits: list[float]) -> None:
    mood = Mood.neutral()
    for one, own, name, at in log:
        mood = feel(mood, one, own=own, name=name, at=at, settings=SETTINGS)
    seen = [mood] + [rested(mood, mood.at + wait, SETTINGS) for wait in waits]
    for earlier, later in itertools.pairwise(seen):
        assert later.share(NEUTRAL) >= earlier.share(NEUTRAL) - 1e-9
        for name in EMOTIONS[:-1]:
            assert later.share(name) <= earlier.share(name) + 1e-6
        assert later.leading in (mood.leading, NEUTRAL)


@given(st.lists(turns, min_size=1, max_size=6), st.floats(1, 4e9))
def test_time_does_not_run_backwards(log: list[tuple[Reading, bool, str, float]], earlier: float) -> None:
    mood = Mood.neutral()
    for one, own, name, at in log:
        mood = feel(mood, one, own=own, name=name, at=at, settings=SETTINGS)
    assert mood.at == max(at for *_, at in log)
    if earlier <= mood.at:
        assert rested(mood, earlier, SETTINGS) == mood


def test_an_hour_of_silence_calms() -> None:
    happy = after(reading(joy=0.95))
    assert happy.leading == "joy"
    later = rested(happy, happy.at + 3600, SETTINGS)
    assert later.leading == NEUTRAL and later.share("joy") < 0.2
    spoken = feel(happy, CALM, own=False, name="Ann", at=happy.at + 3600, settings=SETTINGS)
    assert spoken.leading == NEUTRAL


def test_two_halves_of_a_silence_are_one_silence() -> None:
    happy = after(reading(joy=0.95))
    once = rested(happy, happy.at + 1000, SETTINGS)
    twice = rested(rested(happy, happy.at + 400, SETTINGS), happy.at + 1000, SETTINGS)
    assert twice.weights == pytest.approx(once.weights, abs=1e-5)


def test_a_strong_feeling_moves_the_mood_at_once() -> None:
    assert after(reading(love=0.95)).leading == "love"
    assert after(reading(anger=0.9), mood=after(reading(joy=0.95))).leading == "anger"


def test_a_calm_log_brings_every_mood_back_to_neutral_once() -> None:
    mood, leads = after(reading(excitement=0.95)), ["excitement"]
    for _ in range(20):
        mood = after(CALM, mood=mood)
        leads.append(mood.leading)
    assert leads[-1] == NEUTRAL
    assert leads == sorted(leads)  # "excitement" … "neutral": it changed once and never back


def test_the_lead_never_flickers_in_a_calm_log() -> None:
    dice = random.Random(5)
    mood = Mood.neutral()
    for _ in range(300):
        faint = dict(zip(dice.sample(EMOTIONS[:-1], 4), (dice.uniform(0, 0.12) for _ in range(4)), strict=True))
        mood = after(reading(**faint), mood=mood, own=dice.random() < 0.5)
        assert mood.leading == NEUTRAL


def test_two_feelings_that_take_turns_do_not_take_turns_in_the_lead() -> None:
    joyful, excited = reading(joy=0.47, excitement=0.43), reading(joy=0.43, excitement=0.47)
    mood = after(joyful, excited, joyful)
    leads = set()
    for one in [excited, joyful] * 20:
        mood = after(one, mood=mood, own=True)
        leads.add(mood.leading)
    assert len(leads) == 1


def test_without_a_margin_the_same_log_does_flicker() -> None:
    """So the margin, and not the mixture alone, is what holds the lead."""
    settings = MoodSettings(margin=0)
    mood, leads = after(reading(joy=0.5, excitement=0.4), settings=settings), set()
    for one in [reading(excitement=0.7, joy=0.2), reading(joy=0.7, excitement=0.2)] * 10:
        mood = after(one, mood=mood, settings=settings)
        leads.add(mood.leading)
    assert len(leads) == 2


def test_own_words_weigh_less_than_what_was_said() -> None:
    joy = reading(joy=0.9)
    assert after(joy, own=True).share("joy") < after(joy).share("joy")
    assert after(joy, own=True, settings=MoodSettings(own=0)).weights == Mood.neutral().weights


def test_an_apology_after_an_insult_warms_the_mood() -> None:
    hurt = after(heard(anger=0.9))
    mended = after(heard(remorse=0.9), mood=hurt)
    assert hurt.valence < -0.2 < 0 < mended.valence


def test_who_insulted_is_met_with_reserve_until_they_apologise() -> None:
    insult, joke, sorry = reading(anger=0.95), reading(amusement=0.95), heard(remorse=0.95)
    hurt = after(insult, name="Ann")
    assert dict(hurt.grudges)["Ann"] > 0.5
    by_ann, by_bo = after(joke, mood=hurt, name="Ann"), after(joke, mood=hurt, name="Bo")
    assert by_ann.share("amusement") < by_bo.share("amusement")
    forgiven = after(sorry, mood=hurt, name="Ann")
    assert "Ann" not in dict(forgiven.grudges)


def test_a_grudge_fades_with_time_alone() -> None:
    hurt = after(reading(anger=0.95))
    assert rested(hurt, hurt.at + 7 * 24 * 3600, SETTINGS).grudges == ()


def test_only_so_many_grudges_are_kept() -> None:
    mood = Mood.neutral()
    for number in range(40):
        mood = after(reading(anger=0.95), mood=mood, name=f"member {number}")
    assert len(mood.grudges) == 16


def test_what_a_friend_suffers_is_held_against_nobody() -> None:
    assert after(reading(sadness=0.5, grief=0.4), reading(sadness=0.9)).grudges == ()


def test_a_character_bears_itself_no_grudge() -> None:
    assert after(reading(anger=0.95), own=True, name="Marigold").grudges == ()


def test_valence_and_arousal_follow_the_weights() -> None:
    def pure(emotion: str) -> Mood:
        return Mood(only(**{emotion: 1.0}), emotion)

    assert pure("joy").valence > 0.8 > 0 > pure("grief").valence
    assert pure("anger").arousal > 0.5 > 0 > pure("relief").arousal
    assert (Mood.neutral().valence, Mood.neutral().arousal) == (0, 0)


@pytest.mark.parametrize("bad", [(0.5,) * 27, (0.5,) * 27 + (1.5,), (0.5,) * 27 + (math.nan,), (-0.1,) * 28])
def test_what_is_no_score_is_refused(bad: tuple[float, ...]) -> None:
    for said, felt in ((bad, only()), (only(), bad)):
        with pytest.raises(ValueError, match="28 probabilities"):
            Reading(said, felt)


@given(readings)
def test_a_reading_is_kept_to_the_last_bit(one: Reading) -> None:
    said, felt = one.packed()
    assert len(said) == len(felt) == 112
    assert Reading.unpacked(said, felt) == one


@pytest.mark.parametrize("blob", [b"", b"x" * 111, b"\xff" * 112])
def test_a_damaged_reading_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"112 bytes|28 probabilities"):
        Reading.unpacked(blob, blob)


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        ("[]", "an object with"),
        ('{"leading": "joy", "weights": {"glee": 1}}', "unknown emotions: glee"),
        ('{"leading": "glee", "weights": {"joy": 1}}', "'glee'"),
        ('{"leading": "joy", "weights": {"joy": 0.5}}', "sum to 1"),
        ('{"leading": "joy", "weights": {"joy": 2, "love": -1}}', "0 or more"),
        ('{"leading": "joy", "weights": {"joy": "much"}}', "joy is 'much'"),
        ('{"leading": "joy", "weights": {"joy": true}}', "joy is True"),
        ('{"leading": "joy", "weights": {"joy": 1}, "at": "now"}', "at is 'now'"),
        ('{"leading": "joy", "weights": {"joy": 1}, "at": -5}', "unix seconds"),
        ('{"leading": "joy", "weights": {"joy": 1}, "at": NaN}', "unix seconds"),
        ('{"leading": "joy", "weights": {"joy": 1}, "grudges": {"Ann": 2}}', "between 0 and 1"),
        ('{"leading": "joy", "weights": {"joy": 1}, "grudges": [1]}', "grudges are an object"),
        ('{"leading": "joy", "weights": {"joy": 1' + "0" * 400 + "}}", "too large"),
        ("{", "this is not: Expecting"),
        ("[" * 100_000, "this is not"),
    ],
)
def test_a_damaged_stored_mood_is_refused_with_a_sentence(stored: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Mood.from_json(stored)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
)
almost = st.fixed_dictionaries(
    {"weights": st.dictionaries(st.sampled_from(EMOTIONS), json_values) | json_values},
    optional={"leading": st.sampled_from(EMOTIONS) | json_values, "at": json_values, "grudges": json_values},
)


@given(json_values | almost)
def test_any_garbage_is_a_mood_or_a_sentence(stored: object) -> None:
    try:
        mood = Mood.from_json(json.dumps(stored))
    except ValueError as error:
        assert str(error)
    else:
        assert Mood.from_json(mood.to_json()) == mood


def test_a_mood_stored_before_there_were_times_and_grudges_is_still_read() -> None:
    old = '{"leading": "joy", "weights": {"joy": 0.75, "neutral": 0.25}}'
    mood = Mood.from_json(old)
    assert (mood.leading, mood.share("joy"), mood.at, mood.grudges) == ("joy", 0.75, 0.0, ())
    again = feel(mood, CALM, own=False, name="Ann", at=1e9, settings=SETTINGS)
    assert again.share("joy") > 0.3, "nobody knows how long ago it was felt, so no time has passed"


def test_a_stored_mood_names_its_emotions() -> None:
    stored = json.loads(after(reading(love=0.95)).to_json())
    assert stored["leading"] == "love"
    assert stored["weights"]["love"] > 0.3
    assert stored["valence"] > 0.3


def test_the_strongest_come_heaviest_first() -> None:
    (first, most), (_, next_) = after(reading(love=0.9, joy=0.1)).strongest(2)
    assert first == "love"
    assert most >= next_
