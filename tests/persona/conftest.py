"""A card for the tests of this room."""

import pytest

from persona.card import Card, Example
from persona.expression import Expression


@pytest.fixture
def card() -> Card:
    return Card(
        name="Pip",
        description="A tiny owl who delivers the post.",
        voice="Pip hoots.",
        scenario="A post office in an oak.",
        examples=[Example(user=f"question {number}", reply=f"Hoo {number}.") for number in range(4)],
        expressions={
            "neutral": Expression(emotions={"neutral": 1.0}, prompt="calm"),
            "joy": Expression(emotions={"joy": 1.0}, prompt="smile", manner="Pip is happy and hoots."),
        },
    )
