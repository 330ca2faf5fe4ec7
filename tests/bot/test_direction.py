"""The stage direction on the starter model: mood and model multiplied, a tie keeps the face."""

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.direction import Director, asked, question
from emotion.labels import EMOTIONS
from emotion.mood import Mood
from inference.engine import Engine
from inference.gpu import Gpu
from persona.card import Card, load_persona
from persona.prompt import build_prompt
from persona.turn import ChatMessage, Role, Turn

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(model_cache: Path) -> AsyncIterator[Engine]:
    async with Gpu("cpu", threads=1) as gpu, Engine(gpu, "starter", model_cache) as engine:
        yield engine


@pytest.fixture(scope="module")
def card() -> Card:
    return load_persona("marigold", [ROOT / "personas"]).card


def prompt(engine: Engine, card: Card, text: str) -> list[ChatMessage]:
    turns = [Turn(Role.USER, "Robin", text, 0.0)]
    return build_prompt(card, turns, expression=None, budget=engine.context_tokens - 100, count=engine.count)


def all_of(emotion: str) -> Mood:
    return Mood(tuple(float(name == emotion) for name in EMOTIONS), emotion)


@pytest.mark.parametrize("emotion", ["joy", "anger", "fear", "sadness"])
async def test_a_clear_mood_decides(engine: Engine, card: Card, emotion: str) -> None:
    direction = await Director(engine).direct(prompt(engine, card, "Well."), card, all_of(emotion), None)
    assert direction.expression == emotion
    assert direction.probabilities.keys() == card.expressions.keys()
    assert math.isclose(sum(direction.probabilities.values()), 1, abs_tol=1e-9)


async def test_the_models_say_shifts_what_the_mood_leaves_open(engine: Engine, card: Card) -> None:
    messages = prompt(engine, card, "I am so angry with you! Are you angry, too?")
    mute = await Director(engine, say=0.0).direct(messages, card, Mood.neutral(), None)
    heard = await Director(engine, say=1.0).direct(messages, card, Mood.neutral(), None)
    assert mute.probabilities != heard.probabilities


async def test_a_tie_keeps_the_face_that_is_worn(engine: Engine, card: Card) -> None:
    torn = Mood(tuple(0.5 * (name in ("disgust", "fear")) for name in EMOTIONS), "fear")
    messages, director = prompt(engine, card, "Hm."), Director(engine, say=0.0)
    for worn in ("disgust", "fear"):
        assert (await director.direct(messages, card, torn, worn)).expression == worn


async def test_the_question_keeps_the_roles_alternating(engine: Engine, card: Card) -> None:
    messages = prompt(engine, card, "Hello!")
    put = asked(messages, question(card, tuple(card.expressions)))
    assert [message["role"] for message in put] == [message["role"] for message in messages]
    assert put[-1]["content"].startswith(messages[-1]["content"])
