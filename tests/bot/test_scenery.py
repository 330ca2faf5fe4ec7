"""Who plays in a channel, what each of them remembers, and what is owed to a message: real SQLite files."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.history import History
from bot.owed import OpenTurn
from bot.scenery import Book, Mask
from emotion.mood import Mood, Reading
from persona.turn import Role, Turn

CHANNEL, OTHER = 10, 11
ASKED = OpenTurn(1, CHANNEL, 100, 5, "Ann", "Bram? Juno?", 1.0, "bram", waiting=("juno",))
HELLO, LINE = Turn(Role.USER, "Ann", "hello", 1.0), Turn(Role.CHARACTER, "Bram", "Ask Juno.", 2.0, feeling="joy")


async def texts(history: History, persona: str) -> list[tuple[str, str, str]]:
    return [(str(turn.role), turn.name, turn.text) for turn in await history.recent(CHANNEL, persona, 9)]


async def both(history: History) -> int:
    """Ann says hello to Bram and Juno, and Bram answers; the number of his turn in his memory."""
    await history.remember(CHANNEL, "bram", HELLO, message=100, user=5, heard_by=["juno"])
    return await history.remember(CHANNEL, "bram", LINE, answers=100, heard_by=["juno"])


async def test_those_who_play_are_kept_in_the_order_of_joining(tmp_path: Path) -> None:
    async with History(tmp_path / "mien.sqlite") as history:
        await history.set_scene(CHANNEL, ["marigold", "bram", "marigold"])
        await history.set_scene(OTHER, ["juno"])
    async with History(tmp_path / "mien.sqlite") as history:
        assert await history.scene(CHANNEL) == ["marigold", "bram"]
        await history.set_scene(CHANNEL, ["juno", "bram"])
        assert (await history.scene(CHANNEL), await history.scene(OTHER)) == (["juno", "bram"], ["juno"])


async def test_each_remembers_what_it_heard_and_the_others_lines_as_words_of_theirs(history: History) -> None:
    number = await both(history)
    assert await texts(history, "bram") == [("user", "Ann", "hello"), ("character", "Bram", "Ask Juno.")]
    assert await texts(history, "juno") == [("user", "Ann", "hello"), ("user", "Bram", "Ask Juno.")]
    assert (await history.recent(CHANNEL, "bram", 1))[0].id == number
    assert await both(history) == number, "the same again is remembered once"
    assert await history.count(CHANNEL) == 4


async def test_edits_and_deletions_reach_everybodys_memory(history: History) -> None:
    await both(history)
    await history.posted(ASKED, 200)
    await history.edit(100, "good bye")
    assert (await texts(history, "juno"))[0] == (await texts(history, "bram"))[0] == ("user", "Ann", "good bye")
    await history.delete(200)
    assert len(await texts(history, "juno")) == len(await texts(history, "bram")) == 1
    await history.delete(100)
    assert await history.count(CHANNEL) == 0


async def test_other_words_for_a_reply_are_what_the_others_heard(history: History) -> None:
    number = await both(history)
    await history.keep_variations(number, ["Ask Juno.", "Hm."], "joy")
    await history.choose_variation(number, 1)
    assert (await texts(history, "bram"))[1:] == [("character", "Bram", "Hm.")]
    assert await texts(history, "juno") == [("user", "Ann", "hello"), ("user", "Bram", "Hm.")]


async def test_a_reply_that_never_came_was_heard_by_nobody(history: History) -> None:
    await both(history)
    answer = Turn(Role.CHARACTER, "Juno", "Me?", 3.0)
    await history.remember(CHANNEL, "juno", answer, answers=100, step=1, heard_by=["bram"])
    first, second = await history.reply_to(100), await history.reply_to(100, 1)
    assert first and second and (first.text, second.text) == ("Ask Juno.", "Me?")
    await history.forget_reply(100, 1)
    assert [len(await texts(history, persona)) for persona in ("bram", "juno")] == [2, 2]


async def test_the_next_reply_is_owed_as_soon_as_the_one_before_is_given(tmp_path: Path) -> None:
    async with History(tmp_path / "mien.sqlite") as history:
        assert await history.open_turn(ASKED) and not await history.open_turn(ASKED)
        await history.take_up(100)
        await history.posted(ASKED, 200)
        follows = replace(ASKED, persona="juno", step=1, waiting=())
        assert await history.close_turn(100, following=follows)
    async with History(tmp_path / "mien.sqlite") as history:
        assert await history.unanswered() == [follows]
        await history.posted(follows, 201)
        assert (await history.posts(100), await history.posts(100, 1)) == ((200,), (201,))
        assert await history.newest_speaker(CHANNEL) == "juno"
        assert await history.edit(100, "never mind") is False  # nobody remembers it, but what is owed is changed
        [owed] = await history.unanswered()
        assert (owed.text, owed.posts, owed.attempts) == ("never mind", (201,), 0)


async def test_nothing_follows_on_a_question_that_is_gone(history: History) -> None:
    await history.open_turn(ASKED)
    await history.delete(100)
    assert not await history.close_turn(100, following=replace(ASKED, step=1))
    assert await history.unanswered() == []


async def test_what_was_heard_and_not_felt_yet_is_found(history: History) -> None:
    await both(history)
    first, second = [turn.id for turn in await history.recent(CHANNEL, "juno", 9)]
    assert await history.unread(CHANNEL, "juno", 9) == [first, second]
    assert await history.unread(CHANNEL, "juno", 1) == [second]
    turn = (await history.recent(CHANNEL, "juno", 9))[0]
    await history.keep_reading(turn, Reading((0.0,) * 28, (0.0,) * 28), Mood.neutral())
    assert await history.unread(CHANNEL, "juno", 9) == [second]


async def test_a_member_is_somebody_else_in_every_server_and_nobody_when_forgotten(history: History) -> None:
    await history.set_mask(1, 5, Mask("Sir Ann", "A knight."))
    await history.set_mask(1, 5, Mask("Dame Ann", "A better knight."))
    await history.set_mask(None, 5, Mask("Ann", "Herself."))
    await history.set_mask(1, 6, Mask("Bob", "A squire."))
    assert await history.mask(1, 5) == Mask("Dame Ann", "A better knight.")
    assert await history.mask(2, 5) is None and await history.mask(None, None) is None
    assert await history.set_mask(1, 6, None) and not await history.set_mask(1, 6, None)
    assert await history.erase_masks(5) == 2
    assert await history.mask(1, 5) is await history.mask(None, 5) is None


async def test_books_count_in_their_guild_or_in_their_channel(history: History) -> None:
    for book in (
        Book(1, 0, "world", "old"),
        Book(1, 0, "world", "{}"),
        Book(1, CHANNEL, "tavern", "[]"),
        Book(2, 0, "else", ""),
    ):
        await history.add_book(book)
    here = await history.books(1, CHANNEL)
    assert [(book.name, book.content, book.channel) for book in here] == [("world", "{}", 0), ("tavern", "[]", CHANNEL)]
    assert [book.name for book in await history.books(1, OTHER)] == ["world"]
    assert await history.remove_book(here[0].id) and not await history.remove_book(here[0].id)
    assert [book.name for book in await history.books(1, CHANNEL)] == ["tavern"]


@pytest.mark.parametrize("state", ["{}", '{"1": 3}'])
async def test_timed_lore_is_kept_until_the_channel_is_reset(history: History, state: str) -> None:
    assert await history.lore_times(CHANNEL, "bram") == ""
    for kept in ("first", state):
        await history.keep_lore_times(CHANNEL, "bram", kept)
    assert await history.lore_times(CHANNEL, "bram") == state
    await history.forget(CHANNEL)
    assert await history.lore_times(CHANNEL, "bram") == ""
