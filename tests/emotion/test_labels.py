"""Labels stand in GoEmotions' order, each with a place on the circumplex."""

from pathlib import Path

import pytest

from emotion.labels import AROUSAL, EMOTIONS, INDEX, NEUTRAL, VALENCE

CORPUS = Path(__file__).parents[2].parent / "shared/data/goemotions"


def test_there_are_28_distinct_emotions_and_neutral_is_last() -> None:
    assert len(set(EMOTIONS)) == 28
    assert EMOTIONS[-1] == NEUTRAL
    assert [EMOTIONS[INDEX[name]] for name in EMOTIONS] == list(EMOTIONS)


def test_the_order_is_the_corpus_order() -> None:
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus is not in {CORPUS}")
    assert list(EMOTIONS) == (CORPUS / "labels.txt").read_text().split()


def test_valence_and_arousal_are_within_bounds_and_neutral_is_the_origin() -> None:
    assert VALENCE.keys() == AROUSAL.keys() == set(EMOTIONS)
    assert all(-1 <= place <= 1 for place in (*VALENCE.values(), *AROUSAL.values()))
    assert (VALENCE[NEUTRAL], AROUSAL[NEUTRAL]) == (0, 0)


def test_pleasant_feelings_lie_on_the_pleasant_side() -> None:
    for pleasant, unpleasant in (
        ("joy", "sadness"),
        ("love", "disgust"),
        ("relief", "fear"),
        ("pride", "embarrassment"),
    ):
        assert VALENCE[pleasant] > 0 > VALENCE[unpleasant]
    assert AROUSAL["excitement"] > AROUSAL["joy"] > AROUSAL["relief"] > -1
