"""`kill -9` in the middle of a reply: after the restart the message is answered once, and no other one twice."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.member import Event, Member
from tests.e2e.processes import bot, kill, playground


def open_turns(folder: Path) -> int:
    with sqlite3.connect(f"file:{folder / 'state' / 'mien.sqlite'}?mode=ro", uri=True) as db:
        [count] = db.execute("SELECT count(*) FROM open_turns WHERE closed_at IS NULL").fetchone()
    db.close()
    return int(count)


def felt(folder: Path) -> list[int]:
    """For every turn that is remembered, whether there are a reading and a mood beside it."""
    with sqlite3.connect(f"file:{folder / 'state' / 'mien.sqlite'}?mode=ro", uri=True) as db:
        beside = "SELECT said IS NOT NULL AND mood IS NOT NULL FROM turns LEFT JOIN readings ON turn = id"
        found = [int(row[0]) for row in db.execute(beside)]
    db.close()
    return found


async def settled(folder: Path) -> None:
    """Wait until nothing is owed any more."""
    async with asyncio.timeout(90):
        while open_turns(folder):
            await asyncio.sleep(0.05)  # the database of another process has no event to wait for


def answers(messages: list[Event]) -> list[str]:
    """Webhook messages, oldest first."""
    return [m["content"] for m in reversed(messages) if "webhook_id" in m]


@pytest.mark.parametrize("moment", ["typing", "the first words"])
async def test_a_killed_reply_is_given_once_after_the_restart(tmp_path: Path, model_cache: Path, moment: str) -> None:
    async with playground(tmp_path) as world, Member.of(world.address) as member:
        # One draft: the best of several comes whole, and its first words are its last.
        async with bot(world, tmp_path, model_cache, MIEN_DRAFTS__COUNT="1") as running:
            await member.say("general", "Hello Marigold! What smells so good?")
            await member.sees("MESSAGE_CREATE", lambda m: "webhook_id" in m)
            await settled(tmp_path)
            start = len(member.events)
            await member.say("general", "Please tell me a long story about the old oven.")
            if moment == "typing":
                await member.sees("TYPING_START", since=start)
            else:
                await member.sees("MESSAGE_CREATE", lambda m: "webhook_id" in m, since=start)
            await kill(running)
            assert open_turns(tmp_path) == 1
        missed = await member.say("general", "Are you still there?")  # nobody hears it
        start = len(member.events)
        async with bot(world, tmp_path, model_cache):
            await member.sees(
                "MESSAGE_CREATE", lambda m: "webhook_id" in m and int(m["id"]) > int(missed["id"]), since=start
            )
            async with asyncio.timeout(90):
                while len(answers(await member.messages("general"))) < 3:
                    await asyncio.sleep(0.1)
            await settled(tmp_path)
        given = answers(await member.messages("general"))
        assert len(given) == 3 and all(text.strip() for text in given), given
        assert felt(tmp_path) == [1] * 6, "each of three questions and answers was felt, and none twice"
