"""The story on its real parts: the starter models, a real database, the sample personas."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import torch

from avatar.expression import spec_for
from bot.compose import Rooms, compose
from bot.conversation import LONGEST_TEXT, Directed, Event, Felt, Incoming, Piece, Portrait, Spoken, StoryError
from bot.settings import Bot, Settings
from inference.job import Priority, Steps
from persona.turn import Role

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rooms(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> AsyncIterator[Rooms]:
    """Everything but Discord, with an empty history and an empty shelf."""
    state = tmp_path_factory.mktemp("state")
    (state / "cache").symlink_to(model_cache)
    settings = Settings(bot=Bot(state=state, personas=[ROOT / "personas"]))
    async with compose(settings) as rooms:
        yield rooms


def message(text: str, channel: int, **changes: object) -> Incoming:
    """A message of Robin's to Marigold."""
    incoming = Incoming(None, channel, None, None, "Robin", text, time.time(), "marigold", seed=5)
    return replace(incoming, **changes)  # type: ignore[arg-type]


async def turn(rooms: Rooms, incoming: Incoming) -> list[Event]:
    async with aclosing(rooms.story.take_turn(incoming, rooms.cast.get(incoming.persona))) as events:
        return [event async for event in events]


async def test_a_turn_feels_then_directs_then_speaks(rooms: Rooms) -> None:
    events = await turn(rooms, message("Hi Marigold! How are you today?", 1))
    assert [type(event) for event in events[:2]] == [Felt, Directed]
    assert {type(event) for event in events[2:-1]} == {Piece}
    spoken = events[-1]
    assert isinstance(spoken, Spoken) and spoken.text.startswith(
        "".join(e.text for e in events if isinstance(e, Piece))
    )
    assert spoken.seconds.keys() == {"feel", "direct", "look", "speak"}


async def test_what_was_said_is_remembered_with_the_feeling_it_was_said_with(rooms: Rooms) -> None:
    events = await turn(rooms, message("Hello there!", 2))
    asked, answered = await rooms.history.recent(2, "marigold", 10)
    assert (asked.role, asked.text) == (Role.USER, "Hello there!")
    assert (answered.role, answered.text) == (Role.CHARACTER, events[-1].text)  # type: ignore[union-attr]
    spoken = events[-1]
    assert isinstance(spoken, Spoken)
    versions = [variation.text for variation in await rooms.history.variations(spoken.turn)]
    assert versions == ([spoken.text, *spoken.variations] if spoken.variations else [])
    assert answered.feeling == next(e.expression for e in events if isinstance(e, Directed))
    felt = next(event for event in events if isinstance(event, Felt))
    after_question, after_answer = await rooms.history.moments(2, "marigold", 10)
    assert (after_question.text, after_question.mood, after_question.expression) == (asked.text, felt.mood, None)
    assert (after_answer.text, after_answer.expression) == (answered.text, answered.feeling)
    assert after_answer.mood == await rooms.history.mood(2, "marigold")


async def test_the_same_seed_and_history_give_the_same_reply(rooms: Rooms) -> None:
    first, again, other = [
        await turn(rooms, message("What did you bake?", c, seed=s)) for c, s in ((3, 1), (4, 1), (5, 2))
    ]
    assert first[-1].text == again[-1].text != other[-1].text  # type: ignore[union-attr]


async def test_different_words_wear_different_faces(rooms: Rooms) -> None:
    said = (
        "You are ugly and stupid, and your cakes are disgusting. I hate you!",
        "I got the job! I am so happy!",
        "My dog died this morning. I miss her so much.",
        "Why is bread called bread, do you know?",
    )
    directed = {}
    for channel, text in enumerate(said, start=10):
        [face] = [e for e in await turn(rooms, message(text, channel)) if isinstance(e, Directed)]
        directed[face.expression] = face.face.path.read_bytes()
    assert len(directed) >= 3 and len(set(directed.values())) == len(directed), directed.keys()


async def test_without_patience_the_nearest_face_goes_out_and_the_portrait_follows(rooms: Rooms) -> None:
    hurried = replace(rooms.story, patience=0.0)
    incoming = message("BOO! Did I scare you?", 20, persona="juno")
    async with aclosing(hurried.take_turn(incoming, rooms.cast.get("juno"))) as events:
        seen = [event async for event in events]
    directed = next(event for event in seen if isinstance(event, Directed))
    assert directed.face.path == rooms.cast.get("juno").base
    assert isinstance(seen[-1], Portrait) and seen[-1].face.expression == directed.expression
    assert isinstance(seen[-2], Spoken)


async def test_the_next_face_of_a_channel_replaces_the_one_that_still_waits(rooms: Rooms) -> None:
    story, bram = replace(rooms.story, patience=0.0), rooms.cast.get("bram")

    def replying() -> Steps[None, None]:
        while True:  # the device never has time for a portrait of its own accord
            time.sleep(0.001)
            yield None

    busy = rooms.gpu.submit(replying(), Priority.REPLY)
    async with aclosing(story.take_turn(message("Look, a dragon!", 21, persona="bram"), bram)) as older:
        async for event in older:
            if isinstance(event, Spoken):
                break
        async with aclosing(story.take_turn(message("It stole the king!", 21, persona="bram"), bram)) as newer:
            async for event in newer:
                if isinstance(event, Piece):
                    break
            async with asyncio.timeout(1):
                assert [event async for event in older] == []
            busy.cancel()
            assert isinstance([event async for event in newer][-1], Portrait)


async def test_every_model_computes_on_the_device_thread_with_its_number_of_threads(rooms: Rooms) -> None:
    """One thread budget: two pools of OpenMP threads would spin for each other on the same cores."""
    seen: dict[str, set[tuple[str, int]]] = {}

    def watch(module: torch.nn.Module, _: object) -> None:
        place = threading.current_thread().name, torch.get_num_threads()
        seen.setdefault(type(module).__module__.split(".")[0], set()).add(place)

    hook = torch.nn.modules.module.register_module_forward_pre_hook(watch)
    try:
        await turn(rooms, message("I am so happy to see you!", 22, persona="juno"))
        await rooms.painter.paint(rooms.cast.get("juno"), spec_for(rooms.cast.get("juno").card, "joy", seed=12345))
    finally:
        hook.remove()
    device = await rooms.gpu.call(lambda: ("mien-gpu", torch.get_num_threads()), Priority.REPLY)
    assert {place for places in seen.values() for place in places} == {device}
    assert {"avatar", "emotion", "kernels"} <= seen.keys()


async def test_a_turn_given_up_leaves_the_engine_free_and_no_reply(rooms: Rooms) -> None:
    async with aclosing(
        rooms.story.take_turn(message("Tell me everything!", 30), rooms.cast.get("marigold"))
    ) as events:
        async for event in events:
            if isinstance(event, Piece):
                break
    assert [turn.role for turn in await rooms.history.recent(30, "marigold", 10)] == [Role.USER]
    assert (await turn(rooms, message("Hello?", 31)))[-1].text  # type: ignore[union-attr]


@pytest.mark.parametrize(("text", "says"), [("  \n ", "empty"), ("x" * (LONGEST_TEXT + 1), "shorten")])
async def test_what_cannot_be_answered_is_refused_before_it_is_remembered(rooms: Rooms, text: str, says: str) -> None:
    with pytest.raises(StoryError, match=says):
        await turn(rooms, message(text, 40))
    assert await rooms.history.recent(40, "marigold", 10) == []


async def test_the_story_imports_neither_discord_nor_torch() -> None:
    code = "import sys, bot.conversation; print({'torch', 'discord', 'aiosqlite', 'PIL'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert printed.decode().strip() == "set()"
