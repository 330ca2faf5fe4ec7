"""Old databases keep their rows; databases of the future are refused."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import aiosqlite
import pytest

from bot.history import History
from bot.migrations import MIGRATIONS, HistoryError, migrate, version
from emotion.mood import Mood, Reading

OLD_MOOD = '{"leading": "joy", "weights": {"joy": 0.75, "neutral": 0.25}}'  # as it was before there were readings
READING = Reading((0.5,) * 28, (0.0,) * 27 + (1.0,))


def schema(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as db:
        rows = set(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    db.close()
    return rows


ROWS = {  # as each step found them
    "m001_conversation": (
        "INSERT INTO turns (channel, persona, role, name, text, at, user, message)"
        " VALUES (7, 'marigold', 'user', 'Ann', 'hello', 1.5, 3, 100)",
        f"INSERT INTO moods VALUES (7, 'marigold', '{OLD_MOOD}')",
        "INSERT INTO channels VALUES (7, 'marigold', 100)",
        "INSERT INTO channels VALUES (8, NULL, 90)",
    ),
    "m002_delivery": (
        "INSERT INTO open_turns VALUES (100, 1, 7, 3, 'Ann', 'hello', 1.5, 'marigold', 2, NULL)",
        "INSERT INTO posts VALUES (200, 7, 'marigold', 100)",
    ),
}


async def write_version(number: int, path: Path) -> None:
    """A file as the first `number` steps left it, with rows in the tables of the first."""
    async with aiosqlite.connect(path, isolation_level=None) as db:
        await version(db)
        for count, step in enumerate(MIGRATIONS[:number], start=1):
            await step(db)
            await db.execute("INSERT INTO migrations VALUES (?, ?, 0)", (count, step.__name__))
            for row in ROWS.get(step.__name__, ()):
                await db.execute(row)


async def test_an_empty_file_gets_every_step_in_order(tmp_path: Path) -> None:
    async with aiosqlite.connect(tmp_path / "mien.sqlite", isolation_level=None) as db:
        assert await migrate(db) == [step.__name__ for step in MIGRATIONS]
        assert await version(db) == len(MIGRATIONS)
        assert await migrate(db) == []


async def test_step_names_carry_their_number() -> None:
    assert [int(step.__name__[1:4]) for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS) + 1))
async def test_an_old_file_keeps_its_rows_and_looks_like_a_new_one(tmp_path: Path, number: int) -> None:
    old, new = tmp_path / "old.sqlite", tmp_path / "new.sqlite"
    await write_version(number, old)
    async with History(old) as history:
        (turn,) = await history.recent(7, "marigold", 10)
        assert (turn.name, turn.text, turn.at) == ("Ann", "hello", 1.5)
        assert await history.mood(7, "marigold") == Mood.from_json(OLD_MOOD)
        assert await history.moments(7, "marigold", 10) == []
        assert (await history.scene(7), await history.scene(8)) == (["marigold"], [])
        assert await history.last_seen() == {7: 100, 8: 90}
        if number > 1:
            [owed] = await history.unanswered()
            assert (owed.message, owed.step, owed.attempts, owed.posts, owed.waiting) == (100, 0, 2, (200,), ())
        assert await history.variations(turn.id) == []
        await history.keep_variations(turn.id, ["hello", "hullo"], "")
        assert await history.choose_variation(turn.id, 1)
        await history.keep_reading(replace(turn, text="hullo"), READING, Mood.neutral())
        assert await history.reading(turn.id) == (READING, Mood.neutral())
        assert await history.delete(100) and await history.variations(turn.id) == []
        assert await history.reading(turn.id) is None
        assert await history.mood(7, "marigold") == Mood.from_json(OLD_MOOD)
    async with History(new):
        pass
    assert schema(old) == schema(new)


async def test_a_step_that_fails_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def m999_broken(db: aiosqlite.Connection) -> None:
        await db.execute("CREATE TABLE half (x)")
        await db.execute("THIS IS NOT SQL")

    monkeypatch.setattr("bot.migrations.MIGRATIONS", [*MIGRATIONS, m999_broken])
    with pytest.raises(HistoryError):
        async with History(tmp_path / "mien.sqlite"):
            pass
    assert "half" not in {name for name, _ in schema(tmp_path / "mien.sqlite")}


async def test_a_database_of_the_future_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mien.sqlite"
    async with aiosqlite.connect(path, isolation_level=None) as db:
        await migrate(db)
        await db.execute("INSERT INTO migrations VALUES (99, 'm099_holograms', 0)")
    with pytest.raises(HistoryError, match=r"version 99.*update Mien\.$"):
        async with History(path):
            pass
