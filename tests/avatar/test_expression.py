"""From moods to faces, on cards of every shape: what holds for all of them, and where ties fall."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar.expression import ExpressionSpec, bias, blended, leads_to, nearest, settled, spec_for, worn_by
from emotion.labels import EMOTIONS
from emotion.mood import Mood
from persona.card import Card


def card_of(*, neutral_is: str = "neutral", **expressions: Any) -> Card:
    tables = {name: {"emotions": emotions, "prompt": f"a {name} face"} for name, emotions in expressions.items()}
    facts = {"name": "Dot", "description": "A dot.", "neutral": neutral_is, "expressions": tables}
    return Card.model_validate(facts)


CARD = card_of(
    neutral=["neutral"],
    joy=["joy", "amusement"],
    love={"love": 1.0, "joy": 0.5},
    sadness=["sadness", "grief"],
    anger=["anger"],
)


def mood_of(**felt: float) -> Mood:
    return Mood(tuple(felt.get(name, 0.0) for name in EMOTIONS), max(felt, key=felt.__getitem__))


def mixed(weights: list[float], leading: str) -> Mood:
    total = sum(weights)
    return Mood(tuple(weight / total for weight in weights), leading)


SLOWLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Halves and quarters make ties likely; a face may name few emotions or many, and give all of them the weight 0.
MOODS = st.builds(
    mixed,
    st.lists(st.sampled_from([0, 0.25, 0.5, 1]) | st.floats(0, 1), min_size=28, max_size=28).filter(
        lambda weights: sum(weights) > 0.1
    ),
    st.sampled_from(EMOTIONS),
)
FACES = st.dictionaries(
    st.sampled_from(EMOTIONS), st.sampled_from([0, 0.5, 1, 1.2]) | st.floats(0, 10), min_size=1, max_size=6
)


@st.composite
def cards(draw: st.DrawFn) -> Card:
    """Cards of one to six faces, some of them twins; the neutral face need not be led to by calm."""
    tables = draw(st.lists(FACES, min_size=1, max_size=6))
    tables = [draw(st.sampled_from(tables)) if draw(st.booleans()) else table for table in tables]
    card = card_of(**{f"face{number}": table for number, table in enumerate(tables)}, neutral_is="face0")
    return card.model_copy(update={"neutral": draw(st.sampled_from(list(card.expressions)))})


@SLOWLY
@given(cards(), MOODS)
def test_every_mood_gives_every_expression_a_finite_share_of_one(card: Card, mood: Mood) -> None:
    shares = bias(card, mood)
    assert shares.keys() == card.expressions.keys()
    assert sum(math.exp(log_weight) for log_weight in shares.values()) == pytest.approx(1)


@SLOWLY
@given(cards(), st.sampled_from(EMOTIONS))
def test_every_emotion_leads_somewhere_and_never_where_it_weighs_nothing(card: Card, emotion: str) -> None:
    led = leads_to(card, emotion)
    assert led and led.keys() <= card.expressions.keys() and min(led.values()) > 0
    refusing = {name for name, face in card.expressions.items() if face.emotions.get(emotion) == 0}
    assert not led.keys() & (refusing - {card.neutral})


@SLOWLY
@given(cards(), MOODS, st.data())
def test_a_face_that_nothing_outweighs_stays(card: Card, mood: Mood, data: st.DataObject) -> None:
    shares = bias(card, mood)
    for name, weight in shares.items():
        if weight == max(shares.values()):
            assert worn_by(card, mood, name, stay=0) == name
    worn = data.draw(st.sampled_from([*card.expressions, "a face of yesterday's card", None]))
    chosen = worn_by(card, mood, worn)
    assert worn_by(card, mood, chosen) == chosen, "the same mood twice changes nothing"
    assert shares[chosen] >= max(shares.values()) - 0.2 - 1e-9


@SLOWLY
@given(cards(), MOODS, st.sampled_from([0.5, 2.0, 4.0]))
def test_only_the_proportions_of_weights_count(card: Card, mood: Mood, factor: float) -> None:
    scaled = card_of(
        **{
            name: {emotion: weight * factor / 4 for emotion, weight in face.emotions.items()}
            for name, face in card.expressions.items()
        },
        neutral_is=card.neutral,
    )
    tame = all(
        weight == 0 or weight > 1e-100 for face in card.expressions.values() for weight in face.emotions.values()
    )
    if tame and any(any(face.emotions.values()) for face in card.expressions.values()):
        assert bias(scaled, mood) == pytest.approx(bias(card, mood))


@SLOWLY
@given(FACES, MOODS)
def test_twins_never_take_turns(face: dict[str, float], mood: Mood) -> None:
    """Two expressions of the same emotions are always equally due: whichever is worn stays while one of them is."""
    card = card_of(neutral=["neutral"], left=face, right=face)
    for stay in (0.0, 0.2):
        chosen = {worn: worn_by(card, mood, worn, stay) for worn in ("left", "right")}
        assert chosen in ({"left": "left", "right": "right"}, {"left": "neutral", "right": "neutral"})


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
    assert nearest(only, "grief") == ["neutral"]


def test_calm_that_no_face_names_wears_the_face_called_neutral() -> None:
    card = card_of(sunny=["joy", "relief"], dreamy=["realization"], neutral_is="sunny")
    assert leads_to(card, "neutral") == {"sunny": 1.0}
    assert worn_by(card, Mood.neutral(), "dreamy") == "sunny"


def test_emotions_equally_near_to_two_faces_feed_both_so_that_the_worn_one_stays() -> None:
    card = card_of(neutral=["neutral"], scared=["fear"], furious=["anger"])
    assert nearest(card, "disgust") == ["scared", "furious"]
    for worn in ("scared", "furious"):
        assert worn_by(card, mood_of(disgust=1.0), worn, stay=0) == worn


def test_an_emotion_kept_away_from_the_nearest_face_finds_the_next() -> None:
    card = card_of(neutral=["neutral"], anger={"anger": 1.0, "annoyance": 0.0}, sadness=["sadness"])
    assert leads_to(card, "annoyance") == {"neutral": 1.0}
    everywhere = {"annoyance": 0.0, "joy": 1.0}
    assert leads_to(card_of(neutral=everywhere, glad=everywhere), "annoyance") == {"neutral": 1.0}


def test_a_neutral_face_of_weights_zero_takes_calm_as_strongly_as_any_face_takes_its_own() -> None:
    card = card_of(neutral={"anger": 0.0}, joy={"joy": 4.0})
    assert leads_to(card, "neutral") == {"neutral": 4.0} == leads_to(card_of(neutral={"anger": 4.0}), "neutral")


def test_a_face_of_weights_zero_is_led_to_by_nothing() -> None:
    card = card_of(neutral=["neutral"], mask={"anger": 0.0, "fear": 0.0})
    assert all(leads_to(card, emotion) == {"neutral": 1.0} for emotion in EMOTIONS)
    assert worn_by(card, mood_of(anger=1.0), "mask") == "neutral"


def test_an_exact_tie_goes_to_the_worn_face_then_the_leading_feelings_then_the_neutral_one() -> None:
    torn = Mood(
        tuple(0.1 + 0.2 if name == "joy" else 0.3 if name == "anger" else 0.4 * (name == "love") for name in EMOTIONS),
        "joy",
    )
    card = card_of(neutral=["neutral"], anger=["anger"], joy=["joy"], warm={"love": 0.75})
    for worn in ("anger", "joy", "warm"):
        assert worn_by(card, torn, worn, stay=0) == worn
    assert worn_by(card, torn, "neutral", stay=0) == "joy"
    assert settled(card, mood_of(grief=1.0), dict.fromkeys(card.expressions, 0.0), None) == "neutral"


def test_a_spec_is_the_cards_prompt_and_a_seed() -> None:
    assert spec_for(CARD, "joy", 3) == ExpressionSpec("joy", "a joy face", 3)
    with pytest.raises(KeyError):
        spec_for(CARD, "boredom")


def test_a_blend_says_in_words_what_it_shows() -> None:
    joy, sadness = spec_for(CARD, "joy", seed=3), spec_for(CARD, "sadness")
    words = [blended(joy, sadness, quarters).words for quarters in (1, 2, 3)]
    assert words == ["mostly joy, a little sadness", "half joy, half sadness", "a little joy, mostly sadness"]
    assert joy.words == "joy"
    assert (blended(joy, sadness, 2).name, blended(joy, sadness, 2).seed) == ("joy", 3)


@pytest.mark.parametrize("quarters", [0, 4, -1])
def test_a_blend_lies_between_two_expressions(quarters: int) -> None:
    with pytest.raises(ValueError, match="1, 2 or 3 quarters"):
        blended(spec_for(CARD, "joy"), spec_for(CARD, "sadness"), quarters)
