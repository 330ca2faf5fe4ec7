"""What was asked and not yet answered, and which messages answer it: what a killed process owes.

A turn is written down before it is begun and closed when its reply stands in the channel. In a scene the next reply to
the same message is opened as the one before it is closed. Ids are plain integers; nothing of Discord is known here.
"""

import json
import sqlite3
import time
from dataclasses import dataclass

from bot.database import Value
from bot.scenery import Scenery

CLOSED_TURNS_KEPT_SECONDS = 30 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A reply that is owed to a message. `posts` are the Discord messages of it sent so far, oldest first.

    In a scene a message brings several replies, one after another: `step` counts them, `waiting` are the slugs of those
    who speak after this one.
    """

    guild: int | None  # None in a direct message
    channel: int
    message: int
    user: int
    name: str
    text: str
    at: float  # unix seconds
    persona: str  # slug
    posts: tuple[int, ...] = ()
    attempts: int = 0  # how often it was begun
    step: int = 0
    waiting: tuple[str, ...] = ()


class Owed(Scenery):
    """Open turns and the posts of their replies; how the database is opened: `Database`."""

    async def open_turn(self, turn: OpenTurn) -> bool:
        """Write a message down before it is answered; False if it was ever opened before, so do not answer it."""
        await self._write("DELETE FROM open_turns WHERE closed_at < ?", time.time() - CLOSED_TURNS_KEPT_SECONDS)
        added = await self._write(_OPEN, *_opened(turn))
        return added.rowcount > 0

    async def open_turn_of(self, message: int, step: int = 0) -> OpenTurn | None:
        """The turn as it stands now (the member may have edited it), or None when it is closed or was never opened."""
        row = await self._row(
            "SELECT * FROM open_turns WHERE message = ? AND step = ? AND closed_at IS NULL", message, step
        )
        return await self._open_turn(row) if row else None

    async def unanswered(self) -> list[OpenTurn]:
        """Every open turn, oldest first: what a killed process owes."""
        rows = await self._rows("SELECT * FROM open_turns WHERE closed_at IS NULL ORDER BY message, step")
        return [await self._open_turn(row) for row in rows]

    async def take_up(self, message: int, step: int = 0) -> int:
        """Count one more attempt at an open turn, which is begun now; returns the attempts so far."""
        here = (message, step)
        await self._write("UPDATE open_turns SET attempts = attempts + 1 WHERE message = ? AND step = ?", *here)
        row = await self._row("SELECT attempts FROM open_turns WHERE message = ? AND step = ?", *here)
        return int(row[0]) if row else 0

    async def posted(self, turn: OpenTurn, post: int) -> None:
        """A Discord message of the answer was sent."""
        await self._write(
            "INSERT OR IGNORE INTO posts VALUES (?, ?, ?, ?, ?)",
            *(post, turn.channel, turn.persona, turn.message, turn.step),
        )

    async def unposted(self, post: int) -> None:
        """A Discord message of the answer was taken back by us; the answer itself stays remembered."""
        await self._write("DELETE FROM posts WHERE message = ?", post)

    async def posts(self, message: int, step: int = 0) -> tuple[int, ...]:
        """The Discord messages that answer `message`, oldest first."""
        rows = await self._rows(
            "SELECT message FROM posts WHERE answers = ? AND step = ? ORDER BY message", message, step
        )
        return tuple(int(row[0]) for row in rows)

    async def persona_of_post(self, post: int) -> str | None:
        """Whose message this is; None if no persona posted it."""
        row = await self._row("SELECT persona FROM posts WHERE message = ?", post)
        return row[0] if row else None

    async def close_turn(self, message: int, step: int = 0, *, following: OpenTurn | None = None) -> bool:
        """The answer is fully sent (or was given up), and the `following` one is owed from now on, in one transaction.

        The text is not kept here; the id is, so it is never reopened. False, and nothing follows, if it was closed
        already: its question is gone.
        """
        async with self._transaction() as db:
            closed = await db.execute(
                "UPDATE open_turns SET closed_at = ?, text = '', waiting = '[]'"
                " WHERE message = ? AND step = ? AND closed_at IS NULL",
                (time.time(), message, step),
            )
            if following and closed.rowcount:
                await db.execute(_OPEN, _opened(following))
            return closed.rowcount > 0

    async def _open_turn(self, row: sqlite3.Row) -> OpenTurn:
        values = {key: row[key] for key in row.keys() if key != "closed_at"}  # noqa: SIM118 (iterating a Row gives values)
        values["waiting"] = tuple(json.loads(row["waiting"]))
        return OpenTurn(**values, posts=await self.posts(row["message"], row["step"]))


_OPEN = (
    "INSERT OR IGNORE INTO open_turns (message, step, guild, channel, user, name, text, at, persona, waiting)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _opened(turn: OpenTurn) -> tuple[Value, ...]:
    said = (turn.message, turn.step, turn.guild, turn.channel, turn.user, turn.name, turn.text, turn.at)
    return (*said, turn.persona, json.dumps(turn.waiting))
