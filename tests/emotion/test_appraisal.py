"""Hearing a feeling is not having it: the table is complete, conserves weight, and says the intended thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion.appraisal import APPRAISAL, appraise
from emotion.labels import EMOTIONS, INDEX, VALENCE


def only(emotion: str) -> tuple[float, ...]:
    return tuple(float(name == emotion) for name in EMOTIONS)


def test_every_emotion_has_an_answer_made_of_emotions_and_shares_that_sum_to_one() -> None:
    assert APPRAISAL.keys() == set(EMOTIONS)
    for answers in APPRAISAL.values():
        assert answers.keys() <= set(EMOTIONS)
        assert sum(answers.values()) == pytest.approx(1)
        heaviest = max(answers, key=lambda name: answers[name])
        assert heaviest == next(iter(answers))


@pytest.mark.parametrize(
    ("said", "felt"),
    [("anger", "sadness"), ("gratitude", "joy"), ("remorse", "caring"), ("admiration", "pride"), ("sadness", "caring")],
)
def test_what_is_heard_differs_from_what_is_felt(said: str, felt: str) -> None:
    answer = appraise(only(said))
    assert EMOTIONS[answer.index(max(answer))] == felt


def test_blame_never_pleases_and_praise_never_hurts() -> None:
    for said in ("anger", "annoyance", "disapproval", "disgust"):
        assert all(VALENCE[felt] < 0 for felt in APPRAISAL[said])
    for said in ("admiration", "gratitude", "love", "joy", "approval", "caring", "relief"):
        assert all(VALENCE[felt] > 0 for felt in APPRAISAL[said])


@given(st.lists(st.floats(0, 1), min_size=28, max_size=28))
def test_appraisal_keeps_the_sum(said: list[float]) -> None:
    felt = appraise(said)
    assert sum(felt) == pytest.approx(sum(said))
    assert all(weight >= 0 for weight in felt)


def test_neutral_words_leave_the_listener_neutral() -> None:
    assert appraise(only("neutral"))[INDEX["neutral"]] == 1
