"""The stage direction on the starter model: mood and model multiplied, a tie keeps the face."""

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from avatar.expression import worn_by
from bot.direction import Director
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
    return build_prompt(card, turns, budget=engine.context_tokens - 100, count=engine.count)


def all_of(emotion: str) -> Mood:
    return Mood(tuple(float(name == emotion) for name in EMOTIONS), emotion)


@pytest.mark.parametrize("emotion", ["joy", "anger", "fear", "sadness"])
async def test_a_clear_mood_decides(engine: Engine, card: Card, emotion: str) -> None:
    direction = await Director(engine).direct(prompt(engine, card, "Well."), card, all_of(emotion), None)
    assert direction.expression == emotion
    assert direction.probabilities.keys() == card.expressions.keys()
    assert math.isclose(sum(direction.probabilities.values()), 1, abs_tol=1e-9)


async def test_without_a_mood_the_model_hears_what_was_said(engine: Engine, card: Card) -> None:
    director = Director(engine, mood=0.0)
    insulted, sad = [
        (await director.direct(prompt(engine, card, text), card, Mood.neutral(), None)).probabilities
        for text in ("Shut up, you stupid idiot! I hate you!", "I am so lonely and sad. Nobody ever calls me.")
    ]
    assert insulted["anger"] > sad["anger"]
    assert sad["caring"] > insulted["caring"]


async def test_each_weight_weighs(engine: Engine, card: Card) -> None:
    """Deaf to both, every expression is equally probable; the more the mood weighs, the surer is its own."""
    messages, mood = prompt(engine, card, "I am so angry with you!"), all_of("joy")
    deaf = await Director(engine, say=0.0, mood=0.0, stay=0.0).direct(messages, card, mood, None)
    assert len(set(deaf.probabilities.values())) == 1
    joys = [
        (await Director(engine, say=0.5, mood=weight).direct(messages, card, mood, None)).probabilities["joy"]
        for weight in (0.5, 1.0, 2.0)
    ]
    assert joys == sorted(joys) and joys[0] < joys[-1]


async def test_a_tie_keeps_the_face_that_is_worn(engine: Engine, card: Card) -> None:
    torn = Mood(tuple(0.5 * (name in ("disgust", "fear")) for name in EMOTIONS), "fear")
    messages, director = prompt(engine, card, "Hm."), Director(engine, say=0.0)
    for worn in ("disgust", "fear"):
        assert (await director.direct(messages, card, torn, worn)).expression == worn
        assert (await replace(director, stay=0.0).direct(messages, card, torn, worn)).expression == worn


async def test_where_the_model_is_not_asked_the_mood_alone_decides(engine: Engine, card: Card) -> None:
    director = Director(engine, say=0.0)
    for emotion in EMOTIONS:
        for worn in (None, *card.expressions):
            direction = await director.direct([], card, all_of(emotion), worn)
            assert direction.expression == worn_by(card, all_of(emotion), worn)


async def test_what_the_model_likes_anyway_is_asked_once_for_a_card(engine: Engine, card: Card) -> None:
    director, other = Director(engine), card.model_copy(update={"voice": "You sing."})
    for asked in (card, card, other):
        await director.direct(prompt(engine, asked, "Well."), asked, Mood.neutral(), None)
    assert len(director._priors) == 2


async def test_a_prepared_card_has_been_asked_already_and_is_directed_alike(engine: Engine, card: Card) -> None:
    prepared, messages = Director(engine), prompt(engine, card, "I baked you a cake!")
    await prepared.prepare(card)
    asked = dict(prepared._priors)
    direction = await prepared.direct(messages, card, Mood.neutral(), None)
    assert asked and prepared._priors == asked
    assert direction == await Director(engine).direct(messages, card, Mood.neutral(), None)
