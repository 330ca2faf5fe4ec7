"""What was read from turns, in real SQLite files: kept with them, gone with them, unsettled by what changes them."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from bot.history import History
from bot.readings import Unsettled
from emotion.labels import EMOTIONS
from emotion.mood import Moment, Mood, Reading
from persona.turn import Role, Turn

HERE = (10, "marigold")
EMOTIONAL = ("joy", "anger", "love", "fear", "pride")


def mood(emotion: str, at: float = 1.0) -> Mood:
    return Mood(tuple(float(name == emotion) for name in EMOTIONS), emotion, at, (("Ann", 0.5),))


def reading(number: int) -> Reading:
    scores = tuple((number + place) % 7 / 8 for place in range(28))
    return Reading(scores, scores[::-1])


@pytest_asyncio.fixture
async def history(tmp_path: Path) -> AsyncGenerator[History]:
    async with History(tmp_path / "mien.sqlite") as history:
        yield history


async def felt(history: History, count: int, channel: int = 10, persona: str = "marigold") -> list[Turn]:
    """Some turns by Ann and Marigold, one after another, each read and felt."""
    for number in range(count):
        own = number % 2 == 1
        turn = Turn(
            *((Role.CHARACTER, "Marigold") if own else (Role.USER, "Ann")),
            *(f"line {number}", float(number)),
            feeling="joy" if own else "",
        )
        address = {} if channel != 10 else {"answers": 99 + number} if own else {"message": 100 + number}
        turn = replace(turn, id=await history.remember(channel, persona, turn, **address))  # type: ignore[arg-type]
        await history.keep_reading(turn, reading(number), mood(EMOTIONAL[number], turn.at))
    return await history.recent(channel, persona, count)


async def test_moments_are_the_newest_turns_with_the_mood_after_each(history: History) -> None:
    await felt(history, 4)
    await felt(history, 2, channel=11)
    assert await history.moments(*HERE, limit=3) == [
        Moment(1.0, "Marigold", True, "line 1", mood("anger", 1.0), "joy"),
        Moment(2.0, "Ann", False, "line 2", mood("love", 2.0), None),
        Moment(3.0, "Marigold", True, "line 3", mood("fear", 3.0), "joy"),
    ]


async def test_a_reading_comes_back_as_it_was_after_a_restart(tmp_path: Path) -> None:
    async with History(tmp_path / "mien.sqlite") as history:
        turns = await felt(history, 2)
    async with History(tmp_path / "mien.sqlite") as history:
        assert await history.reading(turns[0].id) == (reading(0), mood("joy", 0.0))
        assert await history.mood(*HERE) == mood("anger", 1.0)
        assert await history.unsettled(*HERE) == []


async def test_two_personas_in_one_channel_feel_each_for_themselves(history: History) -> None:
    await felt(history, 1)
    turn = Turn(Role.USER, "Ann", "hello", 5.0)
    turn = replace(turn, id=await history.remember(10, "bram", turn))
    await history.keep_reading(turn, reading(3), mood("fear"))
    assert (await history.mood(10, "bram")).leading == "fear"
    assert (await history.mood(10, "marigold")).leading == "joy"
    assert await history.delete(100)
    assert (await history.mood(10, "bram")).leading == "fear"
    assert await history.mood(10, "marigold") == Mood.neutral()


async def test_a_deleted_message_takes_its_reading_along_and_unsettles_what_followed(history: History) -> None:
    _, *later = await felt(history, 4)
    assert await history.delete(100)
    assert await history.unsettled(*HERE) == [Unsettled(turn, reading(n)) for n, turn in enumerate(later, start=1)]
    assert await history.unsettled_places() == [HERE]
    await history.settle([(turn.id, mood("relief")) for turn in later])
    assert await history.unsettled_places() == []
    assert [moment.mood.leading for moment in await history.moments(*HERE, limit=9)] == ["relief"] * 3


async def test_the_newest_message_leaves_the_mood_as_it_was_before_it(history: History) -> None:
    await felt(history, 3)
    assert await history.delete(102)
    assert await history.mood(*HERE) == mood("anger", 1.0)
    assert await history.unsettled(*HERE) == []


async def test_changed_words_lose_their_reading_and_other_readings_stay(history: History) -> None:
    first, second, third = await felt(history, 3)
    assert await history.edit(100, "other words")
    changed = replace(first, text="other words")
    assert await history.unsettled(*HERE) == [
        Unsettled(changed, None),
        Unsettled(second, reading(1)),
        Unsettled(third, reading(2)),
    ]
    assert await history.reading(first.id) is None
    assert await history.mood(*HERE) == Mood.neutral(), "nothing is known any more until it is settled"


async def test_an_edit_that_changes_nothing_unsettles_nothing(history: History) -> None:
    await felt(history, 3)
    assert await history.edit(100, "line 0")
    assert await history.unsettled_places() == []


async def test_another_variation_of_a_reply_is_read_anew(history: History) -> None:
    _, reply, _ = await felt(history, 3)
    await history.keep_variations(reply.id, [reply.text, "other words"], "joy")
    assert await history.choose_variation(reply.id, 1)
    [anew, _] = await history.unsettled(*HERE)
    assert (anew.turn.text, anew.reading) == ("other words", None)


async def test_a_reset_takes_all_readings_of_the_channel(history: History) -> None:
    await felt(history, 4)
    await felt(history, 2, channel=11)
    assert await history.forget(10) == 4
    assert await history.moments(*HERE, limit=9) == []
    assert await history.mood(*HERE) == Mood.neutral()
    assert len(await history.moments(11, "marigold", limit=9)) == 2


async def test_a_turn_that_is_felt_late_unsettles_the_later_ones(history: History) -> None:
    first, second, third = await felt(history, 3)
    await history.keep_reading(second, reading(1), mood("grief"))
    assert [one.turn for one in await history.unsettled(*HERE)] == [third]
    assert (await history.mood(*HERE, before=third.id)).leading == "grief"
    assert (await history.mood(*HERE, before=second.id)) == mood("joy", 0.0)
    assert await history.mood(*HERE, before=first.id) == Mood.neutral()


async def test_what_was_read_from_words_that_changed_meanwhile_is_not_kept(history: History) -> None:
    [turn] = await felt(history, 1)
    await history.edit(100, "other words")
    await history.keep_reading(turn, reading(0), mood("joy"))
    assert await history.unsettled(*HERE) == [Unsettled(replace(turn, text="other words"), None)]


async def test_what_was_read_from_a_turn_that_is_gone_is_not_kept(history: History) -> None:
    [turn] = await felt(history, 1)
    await history.delete(100)
    await history.keep_reading(turn, reading(0), mood("joy"))
    assert await history.reading(turn.id) is None
    assert await history.moments(*HERE, limit=9) == []


async def test_a_damaged_mood_is_told_and_taken_for_neutral(history: History, caplog: pytest.LogCaptureFixture) -> None:
    [turn] = await felt(history, 1)
    await history._write("UPDATE readings SET mood = '{}' WHERE turn = ?", turn.id)
    assert await history.mood(*HERE) == Mood.neutral()
    assert "damaged" in caplog.text
