"""What is remembered, through real SQLite files."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bot.history import History, Worn
from bot.migrations import HistoryError
from bot.owed import OpenTurn
from emotion.labels import EMOTIONS
from emotion.mood import Mood, Reading
from persona.turn import Role, Turn, Variation

CHANNEL, OTHER = 10, 11
HAPPY = Mood(tuple(float(name == "joy") for name in EMOTIONS), "joy", at=2.0)
READING = Reading(HAPPY.weights, HAPPY.weights)
ASKED = OpenTurn(guild=1, channel=CHANNEL, message=100, user=5, name="Ann", text="hello", at=1.0, persona="marigold")


def said(text: str, name: str = "Ann") -> Turn:
    return Turn(Role.USER, name, text, at=1.0)


def answer(text: str) -> Turn:
    return Turn(Role.CHARACTER, "Marigold", text, at=2.0, feeling="joy")


@pytest_asyncio.fixture
async def history(tmp_path: Path) -> AsyncGenerator[History]:
    async with History(tmp_path / "new folder" / "mien.sqlite") as history:
        yield history


async def test_turns_come_back_oldest_first_per_channel_and_persona(history: History) -> None:
    for number in range(5):
        await history.remember(CHANNEL, "marigold", said(f"{number}"), message=number, user=5)
    await history.remember(CHANNEL, "bramble", said("to another"))
    await history.remember(OTHER, "marigold", said("elsewhere"))
    assert [turn.text for turn in await history.recent(CHANNEL, "marigold", 3)] == ["2", "3", "4"]


async def test_a_turn_comes_back_as_it_was(history: History) -> None:
    number = await history.remember(CHANNEL, "marigold", answer("Muffins! 🧁"), answers=100)
    assert await history.recent(CHANNEL, "marigold", 9) == [replace(answer("Muffins! 🧁"), id=number)]


async def test_the_same_message_is_remembered_once(history: History) -> None:
    first = await history.remember(CHANNEL, "marigold", said("hello"), message=100)
    assert await history.remember(CHANNEL, "marigold", said("hello"), message=100) == first
    reply = await history.remember(CHANNEL, "marigold", answer("one"), answers=100)
    assert await history.remember(CHANNEL, "marigold", answer("two"), answers=100) == reply != first
    assert [turn.text for turn in await history.recent(CHANNEL, "marigold", 9)] == ["hello", "two"]


async def test_turns_without_a_message_id_are_all_kept(history: History) -> None:
    for _ in range(2):
        await history.remember(CHANNEL, "marigold", said("same"))
    assert await history.count(CHANNEL) == 2


async def test_an_edited_message_is_edited_in_the_history_and_in_the_waiting_question(history: History) -> None:
    await history.open_turn(ASKED)
    await history.remember(CHANNEL, "marigold", said("hello"), message=100)
    assert await history.edit(100, "goodbye")
    assert [turn.text for turn in await history.recent(CHANNEL, "marigold", 9)] == ["goodbye"]
    assert [turn.text for turn in await history.unanswered()] == ["goodbye"]
    assert not await history.edit(999, "unknown")


async def test_a_deleted_question_is_forgotten_and_not_answered(history: History) -> None:
    await history.open_turn(ASKED)
    await history.remember(CHANNEL, "marigold", said("hello"), message=100)
    assert await history.delete(100)
    assert await history.recent(CHANNEL, "marigold", 9) == []
    assert await history.open_turn_of(100) is None
    assert not await history.open_turn(ASKED)
    assert not await history.delete(100)


async def test_an_answer_is_forgotten_when_the_last_of_its_messages_is_deleted(history: History) -> None:
    await history.open_turn(ASKED)
    for post in (200, 201):
        await history.posted(ASKED, post)
    await history.remember(CHANNEL, "marigold", answer("long"), answers=100)
    assert await history.delete(200)
    assert await history.count(CHANNEL) == 1
    assert await history.delete(201)
    assert await history.count(CHANNEL) == 0


async def test_a_message_we_took_back_does_not_forget_the_answer(history: History) -> None:
    await history.posted(ASKED, 200)
    await history.remember(CHANNEL, "marigold", answer("kept"), answers=100)
    await history.unposted(200)
    assert not await history.delete(200)
    assert await history.count(CHANNEL) == 1


async def test_reset_empties_one_channel_and_keeps_its_persona(history: History) -> None:
    await history.set_scene(CHANNEL, ["bramble"])
    for channel in (CHANNEL, OTHER):
        await history.remember(channel, "bramble", said("hello"))
        [turn] = await history.recent(channel, "bramble", 1)
        await history.keep_reading(turn, READING, HAPPY)
        await history.set_worn(channel, "bramble", Worn("joy", True))
    assert await history.forget(CHANNEL) == 1
    assert await history.count(CHANNEL) == 0
    assert await history.mood(CHANNEL, "bramble") == Mood.neutral()
    assert await history.moments(CHANNEL, "bramble", 9) == []
    assert await history.worn(CHANNEL, "bramble") is None
    assert await history.scene(CHANNEL) == ["bramble"]
    assert (await history.count(OTHER), await history.mood(OTHER, "bramble")) == (1, HAPPY)


async def test_persona_and_worn_face_are_kept_per_channel(history: History) -> None:
    await history.set_worn(CHANNEL, "marigold", Worn("anger", False, "5ha"))
    assert await history.worn(CHANNEL, "marigold") == Worn("anger", False, "5ha")
    await history.set_scene(CHANNEL, ["bramble"])
    await history.saw(CHANNEL, 50)
    await history.set_scene(CHANNEL, [])
    assert await history.scene(CHANNEL) == []
    assert await history.last_seen() == {CHANNEL: 50}


async def test_a_message_is_opened_once_even_when_seen_by_two_at_the_same_time(history: History) -> None:
    assert sorted(await asyncio.gather(*(history.open_turn(ASKED) for _ in range(8)))) == [False] * 7 + [True]
    await history.close_turn(ASKED.message)
    assert not await history.open_turn(ASKED)
    assert await history.unanswered() == []


async def test_open_turns_survive_a_kill_with_what_was_already_posted(tmp_path: Path) -> None:
    path = tmp_path / "mien.sqlite"
    async with History(path) as history:
        for message in (102, 101):
            await history.open_turn(replace(ASKED, message=message))
        await history.posted(replace(ASKED, message=101), 201)
        await history.posted(replace(ASKED, message=101), 202)
        # A copy of the live files is what kill -9 leaves behind: nothing was closed or checkpointed.
        killed = tmp_path / "killed.sqlite"
        for suffix in ("", "-wal"):
            killed.with_name(killed.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    async with History(killed) as history:
        first, second = await history.unanswered()
        assert (first.message, first.posts, first.text) == (101, (201, 202), "hello")
        assert (second.message, second.posts) == (102, ())
        assert [await history.take_up(101), await history.take_up(101)] == [1, 2]


async def test_a_closed_turn_keeps_no_words_but_knows_whose_posts_they_are(history: History) -> None:
    await history.open_turn(ASKED)
    await history.posted(ASKED, 200)
    await history.close_turn(ASKED.message)
    with sqlite3.connect(history.path) as db:
        assert db.execute("SELECT text FROM open_turns").fetchall() == [("",)]
    db.close()
    assert await history.persona_of_post(200) == "marigold"
    assert await history.persona_of_post(201) is None
    assert await history.posts(100) == (200,)


async def test_the_finished_answer_to_a_message_is_found(history: History) -> None:
    assert await history.reply_to(100) is None
    await history.remember(CHANNEL, "marigold", answer("Muffins!"), answers=100)
    reply = await history.reply_to(100)
    assert reply is not None
    assert (reply.text, reply.feeling, reply.role) == ("Muffins!", "joy", Role.CHARACTER)


async def test_last_seen_never_goes_back(history: History) -> None:
    for message in (5, 9, 7):
        await history.saw(CHANNEL, message)
    assert await history.last_seen() == {CHANNEL: 9}
    await history.lose_sight(CHANNEL)
    assert await history.last_seen() == {}


async def test_the_address_of_a_face_is_kept_per_guild_until_its_message_goes(history: History) -> None:
    await history.set_face_url(1, "ab", channel=2, message=3, url="http://cdn/ab.png")
    assert await history.face_url(1, "ab") == "http://cdn/ab.png"
    assert await history.face_url(2, "ab") is None
    await history.drop_face(3)
    assert await history.face_url(1, "ab") is None


async def test_changes_of_many_coroutines_do_not_get_into_each_other(history: History) -> None:
    async def chat(channel: int) -> None:
        for number in range(20):
            await history.remember(channel, "marigold", said(f"{number}"))
            await history.delete(-1)
        await history.forget(channel)

    await asyncio.gather(*(chat(channel) for channel in range(8)))
    assert [await history.count(channel) for channel in range(8)] == [0] * 8


async def test_a_history_in_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with History(Path(":memory:")) as history:
        await history.remember(CHANNEL, "marigold", said("hello"))
        assert await history.count(CHANNEL) == 1
    assert not os.listdir(tmp_path)  # noqa: PTH208


async def test_a_locked_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mien.sqlite"
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match="held by another process: stop the other Mien"):
            async with History(path, patience=0.01):
                pass
    other.close()


async def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mien.sqlite"
    path.write_text("These are my notes about muffins. " * 40)
    with pytest.raises(HistoryError, match="is not a usable database"):
        async with History(path):
            pass


async def test_a_folder_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be opened for writing"):
        async with History(tmp_path):
            pass


async def test_a_history_that_was_not_entered_says_so(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="async with"):
        await History(tmp_path / "mien.sqlite").unanswered()


async def test_variations_come_back_by_rank_with_the_one_that_is_said(history: History) -> None:
    turn = await history.remember(CHANNEL, "marigold", answer("one"), answers=100)
    await history.keep_variations(turn, ["one", "two", "three"], "joy")
    assert await history.variations(turn) == [
        Variation("one", "joy", 0, chosen=True),
        Variation("two", "joy", 1),
        Variation("three", "joy", 2),
    ]
    await history.keep_variations(turn, ["only"], "joy")
    assert await history.variations(turn) == []


async def test_a_chosen_variation_is_what_the_turn_says_and_none_is_lost(history: History) -> None:
    turn = await history.remember(CHANNEL, "marigold", answer("one"), answers=100)
    await history.keep_variations(turn, ["one", "two"], "pride")
    assert await history.choose_variation(turn, 1) == Variation("two", "pride", 1, chosen=True)
    [said_now] = await history.recent(CHANNEL, "marigold", 9)
    assert (said_now.text, said_now.feeling) == ("two", "pride")
    assert [(v.text, v.chosen) for v in await history.variations(turn)] == [("one", False), ("two", True)]
    assert await history.choose_variation(turn, 0) and await history.choose_variation(turn, 7) is None
    assert [turn.text for turn in await history.recent(CHANNEL, "marigold", 9)] == ["one"]


@pytest.mark.parametrize("way", ["forget_reply", "delete", "forget"])
async def test_variations_go_with_their_turn(history: History, way: str) -> None:
    other = await history.remember(OTHER, "marigold", answer("kept"))
    turn = await history.remember(CHANNEL, "marigold", answer("one"), answers=100)
    for number in (turn, other):
        await history.keep_variations(number, ["one", "two"], "joy")
    await history.posted(ASKED, 200)
    await {"forget_reply": history.forget_reply, "delete": history.delete, "forget": history.forget}[way](
        {"forget_reply": 100, "delete": 200, "forget": CHANNEL}[way]
    )
    assert await history.variations(turn) == [] and len(await history.variations(other)) == 2
