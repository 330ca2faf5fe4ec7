"""Which face a stage direction wears when two expressions lead nearly alike."""

from pathlib import Path

import pytest

from avatar.expression import spec_for
from bot.direction import Direction, look
from persona.card import Card, load_persona

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def card() -> Card:
    return load_persona("marigold", [ROOT / "personas"]).card


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        ({"curiosity": 0.5, "surprise": 0.45, "joy": 0.05}, "half curiosity, half surprise"),
        ({"curiosity": 0.6, "surprise": 0.3, "joy": 0.1}, "mostly curiosity, a little surprise"),
        ({"curiosity": 0.45, "surprise": 0.5, "joy": 0.05}, "half curiosity, half surprise"),  # the worn one stayed
        ({"curiosity": 0.8, "surprise": 0.1, "joy": 0.1}, "curiosity"),  # one leads clearly
        ({"curiosity": 0.5, "neutral": 0.45, "joy": 0.05}, "curiosity"),  # calm is no feeling to blend with
        ({"neutral": 0.5, "curiosity": 0.45, "joy": 0.05}, "neutral"),
        ({"joy": 0.5, "sadness": 0.45, "curiosity": 0.05}, "joy"),  # opposites would be a grimace
        ({"joy": 1.0}, "joy"),
    ],
)
def test_what_leads_nearly_alike_is_worn_together(card: Card, probabilities: dict[str, float], words: str) -> None:
    name = words.removeprefix("half ").removeprefix("mostly ").split(",")[0]
    direction = Direction(name, probabilities)
    assert look(card, direction, blends=True).words == words
    assert look(card, direction, blends=False) == spec_for(card, name)
