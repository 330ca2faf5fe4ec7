"""The picture in words: said aloud by a screen reader, within Discord's limit, quoting nobody."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar.retelling import LONGEST, beside, in_words, lasted
from emotion.labels import EMOTIONS
from emotion.mood import Moment, Mood
from tests.avatar.moments import WORDS, mood_of, talk, talks


def test_it_tells_what_is_felt_how_it_came_and_which_faces_were_worn() -> None:
    moments = talk(
        ("Robin", {"joy": 0.8, "pride": 0.1, "neutral": 0.1}, None),
        ("Dot", {"joy": 0.9, "neutral": 0.1}, "joy"),
        ("Jo", {"anger": 0.6, "sadness": 0.4}, None),
        ("Dot", {"anger": 0.6, "sadness": 0.3, "disgust": 0.1}, "anger"),
        ("Dot", {"neutral": 0.6, "sadness": 0.4}, "anger"),
    )
    assert in_words(moments[:4], name="Dot") == (
        "Dot feels anger, with sadness and some disgust. "
        "In the last 4 turns (3 minutes): joy, then anger after Jo spoke. Faces worn: joy, anger."
    )
    assert in_words(moments, name="Dot").startswith("Dot is calm, with sadness. In the last 5 turns (4 minutes): ")
    assert in_words(moments[:1], name="Dot") == "Dot feels joy, with some pride. In the last turn: joy."


def test_the_mood_of_now_is_told_though_the_turns_ended_otherwise() -> None:
    moments = talk(("Jo", {"anger": 1.0}, None))
    assert in_words(moments, name="Dot", felt=Mood.neutral()).startswith("Dot is calm. In the last turn: anger.")


def test_nothing_said_is_a_kind_sentence() -> None:
    assert in_words([], name="Dot") == "Dot is calm: nothing was said here yet."
    assert in_words([], name="Dot", felt=mood_of(joy=1.0)) == "Dot feels joy."


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(talks(most=20), st.text(min_size=1, max_size=80), st.sampled_from(EMOTIONS))
def test_it_is_one_line_within_the_limit_and_quotes_nobody(moments: list[Moment], name: str, felt: str) -> None:
    told = in_words(moments, name=name, felt=mood_of(**{felt: 1.0}))
    assert 0 < len(told) <= LONGEST
    assert len(told.splitlines()) == 1
    assert WORDS not in told


def test_what_is_faint_is_not_told() -> None:
    assert beside(mood_of(joy=0.95, love=0.05)) == ""
    assert beside(mood_of(joy=0.5, love=0.3, pride=0.1, relief=0.1)) == "with love and some pride"
    assert beside(mood_of(joy=0.5, neutral=0.5)) == ""


def test_time_is_told_as_people_do() -> None:
    assert [lasted(seconds) for seconds in (59, 60, 150, 3600, 7300, 86400, 1e6)] == [
        *("", "1 minute", "2 minutes", "1 hour", "2 hours", "1 day", "12 days")
    ]
