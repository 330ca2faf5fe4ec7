"""What surrounds a reply: books of the persona, the channel and the server, what lasts of them, whom members play."""

import json
import logging
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.conversation import Incoming
from bot.errors import MienError
from bot.history import History
from bot.library import MOST_BOOKS, Library, read_book
from bot.lore_commands import told
from bot.scenery import Book, Mask
from bot.surroundings import Surroundings
from persona.card import Persona, load_persona
from persona.lore.entry import Scope
from persona.lorebook import Lorebook
from persona.setting import Setting
from persona.turn import Role, Turn

ROOT = Path(__file__).resolve().parents[2]
CHANNEL, GUILD = 10, 1


def book(*entries: dict[str, Any]) -> str:
    return json.dumps({"entries": [{"keys": ["oven"], "content": "…", "enabled": True} | entry for entry in entries]})


@pytest.fixture
def persona() -> Persona:
    own = Lorebook.of_card_book(json.loads(book({"content": "Her oven is called Bertha."})), scope=Scope.PERSONA)
    return replace(load_persona("marigold", [ROOT / "personas"]), lore=(own,))


def around(history: History) -> Surroundings:
    return Surroundings(history, Library(history), lambda text: len(text.split()), budget=100)


@pytest_asyncio.fixture
async def surroundings(history: History) -> AsyncGenerator[Surroundings]:
    yield around(history)


async def says(surroundings: Surroundings, persona: Persona, text: str, **changes: Any) -> Setting:
    """A member says something, and the persona answers; what surrounds the answer."""
    history = surroundings.history
    assert isinstance(history, History)
    said = {"guild": GUILD, "channel": CHANNEL, "message": None, "user": 5, "name": "Ann"} | changes
    asked = Incoming(**said, text=text, at=1.0, persona="marigold", seed=3)
    await history.remember(CHANNEL, "marigold", Turn(Role.USER, asked.name, text, 1.0), user=asked.user)
    turns = await history.recent(CHANNEL, "marigold", 9)
    setting = await surroundings.setting(asked, persona, turns, [load_persona("bram", [ROOT / "personas"])])
    await history.remember(CHANNEL, "marigold", Turn(Role.CHARACTER, "Marigold", "Hm.", 2.0))
    await surroundings.keep(asked, setting)
    return setting


def awake(setting: Setting) -> list[str]:
    return [] if setting.lore is None else [active.text for active in setting.lore.entries]


async def test_a_characters_replies_are_counted_beyond_what_the_prompt_holds(
    surroundings: Surroundings, persona: Persona
) -> None:
    sleeper = Lorebook.of_card_book(json.loads(book({"content": "@@activate_only_after 6\nShe trusts you now."})))
    patient = replace(persona, lore=(sleeper,))
    found = [awake(await says(surroundings, patient, f"The oven, {number}.")) for number in range(9)]
    assert found == [[]] * 6 + [["She trusts you now."]] * 3  # of 9 turns that are read, 4 are hers


async def test_books_of_persona_channel_and_server_are_searched_together(
    surroundings: Surroundings, persona: Persona
) -> None:
    kept = {"world.json": (GUILD, 0), "tavern.json": (GUILD, CHANNEL), "far.json": (2, 0), "other.json": (GUILD, 11)}
    for name, (guild, channel) in kept.items():
        await surroundings.library.add(Book(guild, channel, name, book({"content": f"{{{{char}}}} knows {name}."})))
    setting = await says(surroundings, persona, "Is the oven hot?")
    assert sorted(awake(setting)) == [
        "Her oven is called Bertha.",
        "Marigold knows tavern.json.",
        "Marigold knows world.json.",
    ]
    found = surroundings.awake(CHANNEL)
    assert found and found[0] == "marigold" and surroundings.awake(11) is None
    assert "(tavern): “oven” in the newest message" in told(found[1])


async def test_a_replaced_book_and_a_removed_one_count_at_once(surroundings: Surroundings, persona: Persona) -> None:
    persona, library = replace(persona, lore=()), surroundings.library
    for text in ("old", "new"):
        await library.add(Book(GUILD, 0, "world.json", book({"content": text})))
    assert awake(await says(surroundings, persona, "oven")) == ["new"]
    [kept] = await library._shelves.books(GUILD, CHANNEL)
    await library.remove(kept)
    assert (await says(surroundings, persona, "oven")).lore is None


async def test_what_is_sticky_stays_after_a_restart_and_only_if_the_reply_counted(
    tmp_path: Path, persona: Persona
) -> None:
    persona = replace(
        persona, lore=(read_book(Book(1, 0, "a.json", book({"content": "Hot.", "extensions": {"sticky": 9}}))),)
    )
    async with History(tmp_path / "lore.sqlite") as history:
        assert awake(await says(around(history), persona, "Mind the oven!")) == ["Hot."]
    async with History(tmp_path / "lore.sqlite") as history:
        surroundings = around(history)
        surroundings.rules = surroundings.rules.model_copy(update={"scan_depth": 1})
        assert awake(await says(surroundings, persona, "Good evening.")) == ["Hot."]
        await history.forget(CHANNEL)
        assert awake(await says(surroundings, persona, "Good evening.")) == []


async def test_a_damaged_state_and_a_damaged_book_silence_nobody(
    surroundings: Surroundings, history: History, persona: Persona, caplog: pytest.LogCaptureFixture
) -> None:
    await history.keep_lore_times(CHANNEL, "marigold", "{nonsense")
    await history.add_book(Book(GUILD, 0, "broken.json", "{"))
    with caplog.at_level(logging.WARNING):
        assert awake(await says(surroundings, persona, "oven")) == ["Her oven is called Bertha."]
    assert "broken.json" in caplog.text


@pytest.mark.parametrize(("name", "content"), [("a.json", "{"), ("a.toml", "entries = 3"), ("a.json", "[]")])
async def test_a_file_that_is_no_book_is_refused_by_its_own_name(
    surroundings: Surroundings, history: History, name: str, content: str
) -> None:
    with pytest.raises(MienError, match=rf"^{name}"):
        await surroundings.library.add(Book(GUILD, 0, name, content))
    assert await history.books(GUILD, CHANNEL) == []


async def test_there_is_an_end_to_books(surroundings: Surroundings) -> None:
    for number in range(MOST_BOOKS):
        await surroundings.library.add(Book(GUILD, 0, f"{number}.json", book()))
    await surroundings.library.add(Book(GUILD, 0, "3.json", book({})))
    with pytest.raises(MienError, match="makes room"):
        await surroundings.library.add(Book(GUILD, CHANNEL, "more.json", book()))


async def test_those_who_play_somebody_are_described_by_the_name_they_spoke_under(
    surroundings: Surroundings, history: History, persona: Persona
) -> None:
    await says(surroundings, persona, "I am still Ann.")
    await history.set_mask(GUILD, 5, Mask("Sir Ann", "A knight."))
    assert (await says(surroundings, persona, "hm", user=6, name="Bob")).members == {}
    setting = await says(surroundings, persona, "Hail!", name="Sir Ann")
    assert (setting.user, setting.members, setting.others) == ("Sir Ann", {"Sir Ann": "A knight."}, ("Bram",))
    await history.set_mask(GUILD, 5, None)
    assert (await says(surroundings, persona, "It is only me.")).members == {}
