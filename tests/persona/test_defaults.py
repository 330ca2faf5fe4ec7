"""The faces of a character that brings none."""

import tomllib
from pathlib import Path

from persona.card import Card
from persona.defaults import defaults
from persona.expression import EMOTION_NAMES

ROOT = Path(__file__).parents[2]


def test_every_feeling_has_a_face_of_its_own() -> None:
    assert {label: set(face.emotions) for label, face in defaults("Pip").items()} == {
        name: {name} for name in EMOTION_NAMES
    }


def test_the_manner_speaks_of_the_character_by_name() -> None:
    manners = [face.manner for face in defaults("Pip {x} Owl").values()]
    assert all(manner.startswith("Pip {x} Owl ") and manner.endswith(".") for manner in manners)
    assert len(set(manners)) == 28


def test_the_painter_is_asked_in_the_words_it_was_taught_first() -> None:
    taught = tomllib.loads((ROOT / "avatar" / "starter" / "prompts.toml").read_text(encoding="utf-8"))
    assert {label: face.prompt for label, face in defaults("Pip").items()} == {
        label: phrasings[0] for label, phrasings in taught.items()
    }


def test_a_card_with_nothing_but_them_is_whole() -> None:
    card = Card(name="Pip", description="You are an owl.", expressions=defaults("Pip"))
    assert card.neutral == "neutral" and next(iter(card.expressions)) == "neutral"
