"""Two characters in one channel, killed between their replies: each speaks once, under its own name and face."""

import asyncio
import sqlite3
from pathlib import Path

from tests.e2e.member import Event, Member
from tests.e2e.processes import bot, kill, playground

INVISIBLE = "\u200a\u17b5"
BRIEF = {
    "MIEN_SCENE__REPLIES": "2",
    "MIEN_DRAFTS__COUNT": "1",
    "MIEN_MODEL__MAX_TOKENS": "16",
    "MIEN_FACE__PATIENCE": "0",
}


def asked(folder: Path, sql: str) -> list[tuple[int | str, ...]]:
    with sqlite3.connect(f"file:{folder / 'state' / 'mien.sqlite'}?mode=ro", uri=True) as db:
        rows = db.execute(sql).fetchall()
    db.close()
    return rows


async def until(folder: Path, sql: str, rows: list[tuple[int | str, ...]]) -> None:
    """Wait until the database of the bot answers so."""
    async with asyncio.timeout(90):
        while asked(folder, sql) != rows:
            await asyncio.sleep(0.05)  # the database of another process has no event to wait for


def by_persona(message: Event) -> bool:
    return "webhook_id" in message and message["author"]["username"] != "Mien"  # as commands are answered


def speakers(messages: list[Event]) -> list[str]:
    """Which personas these messages are by, oldest first."""
    return [m["author"]["username"].removesuffix(INVISIBLE) for m in reversed(messages) if by_persona(m)]


async def test_a_scene_killed_between_two_replies_goes_on_where_it_was(tmp_path: Path, model_cache: Path) -> None:
    owed = "SELECT persona, step FROM open_turns WHERE closed_at IS NULL"
    async with playground(tmp_path) as world, Member.of(world.address) as member:
        async with bot(world, tmp_path, model_cache, **BRIEF) as running:
            name = {"type": 3, "name": "name", "value": "bram"}
            await member.command("general", "scene", [{"type": 1, "name": "add", "options": [name]}])
            await member.sees("MESSAGE_CREATE", by_persona)  # his greeting
            await member.say("general", "Bram and Marigold, what do you think of the rain?")
            await until(tmp_path, owed, [("marigold", 1)])
            await kill(running)
        assert speakers(await member.messages("general"))[:2] == ["Bram", "Bram"]
        async with bot(world, tmp_path, model_cache, **BRIEF):
            await until(tmp_path, owed, [])
        messages = await member.messages("general")
        assert speakers(messages) == ["Bram", "Bram", "Marigold"]
        marigold, bram = [m["author"]["avatar"] for m in messages if by_persona(m)][:2]
        assert marigold and bram and marigold != bram
    heard = asked(tmp_path, "SELECT persona, role, name FROM turns ORDER BY id")
    assert [row[1:] for row in heard if row[0] == "bram"] == [
        *(("character", "Bram"), ("user", "You"), ("character", "Bram"), ("user", "Marigold"))
    ]
    assert [row[1:] for row in heard if row[0] == "marigold"] == [
        *(("user", "Bram"), ("user", "You"), ("user", "Bram"), ("character", "Marigold"))
    ]
    assert asked(tmp_path, "SELECT persona FROM scenes ORDER BY place") == [("marigold",), ("bram",)]
