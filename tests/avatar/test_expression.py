import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar.expression import ExpressionSpec, bias, leads_to, nearest_expression, spec_for
from emotion.labels import EMOTIONS
from emotion.mood import Mood
from persona.card import Card


def card_of(**expressions: Any) -> Card:
    tables = {name: {"emotions": emotions, "prompt": f"a {name} face"} for name, emotions in expressions.items()}
    return Card.model_validate({"name": "Dot", "description": "A dot.", "expressions": tables})


CARD = card_of(
    neutral=["neutral"],
    joy=["joy", "amusement"],
    love={"love": 1.0, "joy": 0.5},
    sadness=["sadness", "grief"],
    anger=["anger"],
)


def mood_of(**felt: float) -> Mood:
    return Mood(tuple(felt.get(name, 0.0) for name in EMOTIONS), max(felt, key=felt.__getitem__))


@given(st.lists(st.floats(0, 1), min_size=28, max_size=28).filter(lambda weights: sum(weights) > 0.1))
def test_every_mood_gives_every_expression_a_finite_share_of_one(weights: list[float]) -> None:
    total = sum(weights)
    shares = bias(CARD, Mood(tuple(w / total for w in weights), "neutral"))
    assert shares.keys() == CARD.expressions.keys()
    assert sum(math.exp(log_weight) for log_weight in shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["neutral", "joy", "love", "sadness", "anger"])
def test_a_pure_mood_leads_to_its_own_expression(name: str) -> None:
    shares = bias(CARD, mood_of(**{name: 1.0}))
    assert max(shares, key=shares.__getitem__) == name


def test_the_cards_weights_share_an_emotion_out() -> None:
    shares = bias(CARD, mood_of(joy=1.0))
    assert shares["joy"] - shares["love"] == pytest.approx(math.log(2), abs=0.02)
    assert shares["anger"] < math.log(0.01)


def test_a_mixed_mood_weighs_what_it_holds() -> None:
    shares = bias(CARD, mood_of(sadness=0.7, anger=0.3))
    assert shares["sadness"] > shares["anger"] > shares["joy"]


@pytest.mark.parametrize(
    ("emotion", "expression"),
    [
        ("remorse", "sadness"),
        ("annoyance", "anger"),
        ("gratitude", "love"),
        ("excitement", "joy"),
        ("realization", "neutral"),
    ],
)
def test_an_emotion_no_expression_names_goes_to_the_nearest(emotion: str, expression: str) -> None:
    assert leads_to(CARD, emotion) == {expression: 1.0}
    shares = bias(CARD, mood_of(**{emotion: 1.0}))
    assert max(shares, key=shares.__getitem__) == expression


def test_a_card_with_one_expression_always_wears_it() -> None:
    only = card_of(neutral=["neutral"])
    assert bias(only, mood_of(grief=1.0)) == {"neutral": pytest.approx(0)}
    assert nearest_expression(only, "grief") == "neutral"


def test_a_spec_is_the_cards_prompt_and_a_seed() -> None:
    assert spec_for(CARD, "joy", 3) == ExpressionSpec("joy", "a joy face", 3)
    with pytest.raises(KeyError):
        spec_for(CARD, "boredom")
