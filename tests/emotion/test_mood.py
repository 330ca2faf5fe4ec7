"""A mood decays, jolts, holds its lead, and survives storage."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion.labels import EMOTIONS, INDEX, NEUTRAL, VALENCE
from emotion.mood import Mood, MoodSettings, evidence, feel, felt_through

SETTINGS = MoodSettings()
probabilities = st.lists(st.floats(0, 1), min_size=28, max_size=28).map(tuple)


def scores(**given_: float) -> tuple[float, ...]:
    return tuple(given_.get(name, 0.01) for name in EMOTIONS)


def after(*messages: tuple[float, ...], own: bool = False, settings: MoodSettings = SETTINGS) -> Mood:
    return felt_through(Mood.neutral(), [(message, own) for message in messages], settings)


CALM = scores(neutral=0.7)


@given(st.lists(st.tuples(probabilities, st.booleans()), max_size=8))
def test_any_log_leaves_a_mood_whose_weights_sum_to_one(log: list[tuple[tuple[float, ...], bool]]) -> None:
    mood = felt_through(Mood.neutral(), log, SETTINGS)
    assert math.isclose(sum(mood.weights), 1, abs_tol=1e-9)
    assert mood.share(NEUTRAL) >= SETTINGS.neutral_floor - 1e-9
    assert mood.leading in EMOTIONS
    assert Mood.from_json(mood.to_json()) == mood


def test_a_strong_feeling_moves_the_mood_at_once() -> None:
    assert after(scores(love=0.95)).leading == "love"
    assert after(scores(anger=0.9)).leading == "sadness"
    assert after(scores(anger=0.9), own=True).share("anger") > 0.2  # its own anger is anger


def test_a_faint_feeling_moves_it_only_when_it_lasts() -> None:
    faint = scores(joy=0.4, neutral=0.3)
    assert after(faint).leading == NEUTRAL
    assert after(*[faint] * 5).leading == "joy"


def test_calm_messages_halve_a_feeling_in_a_half_life() -> None:
    settings = MoodSettings(half_life=3)
    angry = after(scores(love=0.95), settings=settings)
    calm = felt_through(angry, [(scores(neutral=1.0, **dict.fromkeys(EMOTIONS[:-1], 0.0)), False)] * 3, settings)
    assert calm.share("love") == pytest.approx(angry.share("love") / 2)


def test_a_calm_log_brings_every_mood_back_to_neutral_once() -> None:
    mood, leads = after(scores(excitement=0.95)), ["excitement"]
    for _ in range(20):
        mood = feel(mood, CALM, own=False, settings=SETTINGS)
        leads.append(mood.leading)
    assert leads[-1] == NEUTRAL
    assert leads == sorted(leads)  # "excitement" … "neutral": it changed once and never back


def test_the_lead_never_flickers_in_a_calm_log() -> None:
    dice = random.Random(5)
    mood = Mood.neutral()
    for _ in range(300):
        faint = {name: dice.uniform(0, 0.25) for name in EMOTIONS[:-1]}
        mood = feel(mood, scores(neutral=dice.uniform(0.4, 0.8), **faint), own=dice.random() < 0.5, settings=SETTINGS)
        assert mood.leading == NEUTRAL


def test_two_feelings_that_take_turns_do_not_take_turns_in_the_lead() -> None:
    joyful, excited = scores(joy=0.52, excitement=0.48), scores(joy=0.48, excitement=0.52)
    mood = after(joyful, excited, joyful)
    leads = set()
    for message in [excited, joyful] * 20:
        mood = feel(mood, message, own=True, settings=SETTINGS)
        leads.add(mood.leading)
    assert len(leads) == 1


def test_without_a_margin_the_same_log_does_flicker() -> None:
    """So the margin, and not the mixture alone, is what holds the lead."""
    settings = MoodSettings(margin=0)
    mood = after(scores(joy=0.52, excitement=0.48), settings=settings)
    leads = []
    for message in [scores(excitement=0.9, joy=0.3), scores(joy=0.9, excitement=0.3)] * 10:
        mood = feel(mood, message, own=True, settings=settings)
        leads.append(mood.leading)
    assert len(set(leads)) == 2


def test_own_words_weigh_less_than_what_was_said() -> None:
    joy = scores(joy=0.9)
    assert after(joy, own=True).share("joy") < after(joy).share("joy")
    assert after(joy, own=True, settings=MoodSettings(own=0)) == Mood.neutral()


def test_an_apology_after_an_insult_warms_the_mood() -> None:
    def pleasantness(mood: Mood) -> float:
        return sum(w * VALENCE[name] for name, w in zip(EMOTIONS, mood.weights, strict=True))

    hurt = after(scores(anger=0.9))
    mended = feel(hurt, scores(remorse=0.9), own=False, settings=SETTINGS)
    assert pleasantness(hurt) < -0.2 < 0 < pleasantness(mended)
    assert mended.leading == "caring"


def test_scores_that_say_nothing_are_neutral() -> None:
    assert evidence((0.0,) * 28, SETTINGS)[INDEX[NEUTRAL]] == 1


@pytest.mark.parametrize("bad", [(0.5,) * 27, (0.5,) * 27 + (1.5,), (0.5,) * 27 + (math.nan,), (-0.1,) * 28])
def test_what_is_no_score_is_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="28 probabilities"):
        feel(Mood.neutral(), bad, own=False, settings=SETTINGS)


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        ("[]", "an object with"),
        ('{"leading": "joy", "weights": {"glee": 1}}', "unknown emotions: glee"),
        ('{"leading": "glee", "weights": {"joy": 1}}', "'glee'"),
        ('{"leading": "joy", "weights": {"joy": 0.5}}', "sum to 1"),
        ('{"leading": "joy", "weights": {"joy": 2, "love": -1}}', "0 or more"),
        ("{", "Expecting"),
    ],
)
def test_a_damaged_stored_mood_is_refused_with_a_sentence(stored: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Mood.from_json(stored)


def test_a_stored_mood_names_its_emotions() -> None:
    stored = json.loads(after(scores(love=0.95)).to_json())
    assert stored["leading"] == "love"
    assert stored["weights"]["love"] > 0.3


@pytest.mark.parametrize(
    "wrong", [{"half_life": 0}, {"own": 1.5}, {"margin": -0.1}, {"jolt_from": 0.8, "jolt_full": 0.5}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Mood settings"):
        MoodSettings(**wrong)


def test_the_strongest_come_heaviest_first() -> None:
    (first, most), (_, next_) = after(scores(love=0.95)).strongest(2)
    assert first == "love"
    assert most >= next_
