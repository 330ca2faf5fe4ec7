"""Drafts in order: by hand-made judgements, and by what the card calls an expression's emotions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ranking import LEAST, Judged, Weights, agreement, ranked, worth
from emotion.labels import EMOTIONS, INDEX
from persona.card import load_persona

CARD = load_persona("marigold", [Path(__file__).parents[2] / "personas"]).card


def scores(**heard: float) -> list[float]:
    return [heard.get(name, 0.0) for name in EMOTIONS]


def test_agreement_is_the_share_of_the_expressions_own_emotions() -> None:
    assert agreement(CARD, "joy", scores(joy=0.9)) == 1
    assert agreement(CARD, "joy", scores(anger=0.9)) == 0
    assert agreement(CARD, "joy", scores(joy=0.5, anger=0.5)) == pytest.approx(0.5)
    assert 0 < agreement(CARD, "joy", scores(gratitude=0.9)) < 1, "joy's card weighs gratitude less than joy"
    assert agreement(CARD, "anger", scores(anger=0.9, neutral=0.9)) > 0.9, "a strong feeling outweighs plainness"


def test_each_judge_has_its_weight() -> None:
    sad, dull = Judged("a", 0, agreement=0.9, contrast=0.0), Judged("b", 0, agreement=0.3, contrast=1.0)
    assert ranked([dull, sad], Weights(agreement=1, rubric=0)) == [sad, dull]
    assert ranked([sad, dull], Weights(agreement=0, rubric=1)) == [dull, sad]
    assert worth(Judged("c", 0, agreement=0.0), Weights()) == worth(Judged("c", 0, agreement=LEAST), Weights())


def test_a_draft_with_a_fault_comes_after_every_sound_one_and_the_gravest_last() -> None:
    grave, slight = Judged("x", 20, 1.0, 5.0), Judged("y", 3, 0.0)
    sound = Judged("z", 0, 0.0, -5.0)
    assert ranked([grave, slight, sound], Weights()) == [sound, slight, grave]


drafts = st.builds(
    Judged,
    text=st.text("ab ", max_size=3),
    gravity=st.sampled_from([0, 0, 3, 20]),
    agreement=st.floats(0, 1),
    contrast=st.floats(-5, 5),
)


@given(st.lists(drafts, max_size=8))
def test_ranking_loses_nothing_but_doubles(candidates: list[Judged]) -> None:
    def key(draft: Judged) -> str:
        return " ".join(draft.text.casefold().split())

    order = ranked(candidates, Weights())
    assert {key(draft) for draft in order} == {key(draft) for draft in candidates}
    assert len({key(draft) for draft in order}) == len(order)
    gravities = [draft.gravity for draft in order]
    assert gravities == sorted(gravities)


def test_every_emotion_is_scored_where_it_stands() -> None:
    for name in EMOTIONS:
        mine = [face for face, table in CARD.expressions.items() if table.emotions.get(name, 0) >= 1]
        heard = [float(index == INDEX[name]) for index in range(len(EMOTIONS))]
        assert all(agreement(CARD, face, heard) == 1 for face in mine)
