"""Which faces a persona's sheet shows."""

from pathlib import Path

from bot.show import every_face
from emotion.labels import EMOTIONS
from persona.card import load_persona

PERSONAS = Path(__file__).parents[2] / "personas"


def test_a_sheet_shows_the_cards_own_faces_first_and_every_other_feeling_once() -> None:
    card = load_persona("marigold", [PERSONAS]).card
    faces = every_face(card)
    assert [spec.name for spec in faces[: len(card.expressions)]] == list(card.expressions)
    assert [spec.prompt for spec in faces[: len(card.expressions)]] == [e.prompt for e in card.expressions.values()]
    assert len(faces) == 28
    assert {spec.name for spec in faces} == set(EMOTIONS)
    assert all(spec.prompt for spec in faces)
