"""What was read from each turn, and the mood it left: the half of the history that feelings are rebuilt from.

A turn is read once and its reading stands beside it until the turn goes. When a turn is changed or deleted, however
that happens, triggers empty what follows from it: the reading of changed words, and the moods from there on
(`bot/migrations.py`, m004). Whoever feels next finds these turns by `unsettled` and goes through them again.
"""

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from bot.database import Database
from emotion.mood import Moment, Mood, Reading
from persona.turn import Role, Turn

log = logging.getLogger(__name__)

_BESIDE = "SELECT turns.*, said, felt, mood FROM readings JOIN turns ON turns.id = readings.turn"
_HERE = " WHERE readings.channel = ? AND readings.persona = ?"


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A turn whose mood has to be found again; `reading` is None where its words were changed."""

    turn: Turn
    reading: Reading | None


class Readings(Database):
    """Readings and moods, per persona and channel."""

    async def keep_reading(self, turn: Turn, reading: Reading, mood: Mood) -> None:
        """Keep what was read from a remembered turn, and the mood after it; the moods of later turns are unsettled.

        Where the turn says something else by now, only that it has to be read again is kept; of one that is gone,
        nothing.
        """
        async with self._transaction() as db:
            await db.execute(
                "INSERT OR REPLACE INTO readings SELECT id, channel, persona, iif(text = ?2, ?3, NULL),"
                " iif(text = ?2, ?4, NULL), iif(text = ?2, ?5, NULL) FROM turns WHERE id = ?1",
                (turn.id, turn.text, *reading.packed(), mood.to_json()),
            )
            await db.execute(
                "UPDATE readings SET mood = NULL FROM turns WHERE turns.id = ?1 AND readings.turn > ?1"
                " AND readings.channel = turns.channel AND readings.persona = turns.persona",
                (turn.id,),
            )

    async def reading(self, turn: int) -> tuple[Reading, Mood] | None:
        """What was read from a turn and the mood after it; None where there is not both."""
        row = await self._row(
            "SELECT said, felt, mood FROM readings WHERE turn = ? AND said IS NOT NULL AND mood IS NOT NULL", turn
        )
        return (Reading.unpacked(row["said"], row["felt"]), _mood(row["mood"])) if row else None

    async def mood(self, channel: int, persona: str, *, before: int | None = None) -> Mood:
        """What a persona feels in a channel, or felt before a turn; neutral where nothing was ever felt."""
        row = await self._row(
            "SELECT mood FROM readings WHERE channel = ?1 AND persona = ?2 AND turn < coalesce(?3, turn + 1)"
            " AND mood IS NOT NULL ORDER BY turn DESC LIMIT 1",
            *(channel, persona, before),
        ) or await self._row("SELECT mood FROM moods WHERE channel = ? AND persona = ?", channel, persona)
        return _mood(row[0]) if row else Mood.neutral()

    async def moments(self, channel: int, persona: str, limit: int) -> list[Moment]:
        """The newest `limit` turns that were felt, with the mood after each, oldest first."""
        rows = await self._rows(
            f"{_BESIDE}{_HERE} AND mood IS NOT NULL ORDER BY turns.id DESC LIMIT ?", channel, persona, limit
        )
        return [_moment(row) for row in reversed(rows)]

    async def unread(self, channel: int, persona: str, most: int) -> list[int]:
        """The ids of at most `most` turns that came after the newest one that was read, oldest first."""
        rows = await self._rows(
            "SELECT id FROM turns WHERE channel = ?1 AND persona = ?2 AND id >"
            " (SELECT coalesce(max(turn), 0) FROM readings WHERE channel = ?1 AND persona = ?2)"
            " ORDER BY id DESC LIMIT ?3",
            *(channel, persona, most),
        )
        return [int(row["id"]) for row in reversed(rows)]

    async def unsettled(self, channel: int, persona: str) -> list[Unsettled]:
        """Every read turn from the first one on whose mood has to be found again, oldest first."""
        rows = await self._rows(
            f"{_BESIDE}{_HERE} AND readings.turn >="
            " (SELECT min(turn) FROM readings WHERE channel = ? AND persona = ? AND mood IS NULL) ORDER BY turns.id",
            *(channel, persona, channel, persona),
        )
        readings = (None if row["said"] is None else Reading.unpacked(row["said"], row["felt"]) for row in rows)
        return [Unsettled(turn_of(row), reading) for row, reading in zip(rows, readings, strict=True)]

    async def unsettled_places(self) -> list[tuple[int, str]]:
        """Where moods have to be found again: (channel, persona)."""
        rows = await self._rows("SELECT DISTINCT channel, persona FROM readings WHERE mood IS NULL")
        return [(int(row["channel"]), str(row["persona"])) for row in rows]

    async def settle(self, moods: Sequence[tuple[int, Mood]]) -> None:
        """Moods that were found again, by turn."""
        async with self._transaction() as db:
            rows = [(mood.to_json(), turn) for turn, mood in moods]
            await db.executemany("UPDATE readings SET mood = ? WHERE turn = ? AND said IS NOT NULL", rows)


def turn_of(row: sqlite3.Row) -> Turn:
    """A row of the table of turns."""
    return Turn(Role(row["role"]), row["name"], row["text"], row["at"], id=row["id"], feeling=row["feeling"])


def _moment(row: sqlite3.Row) -> Moment:
    own = row["role"] == Role.CHARACTER
    worn = row["feeling"] if own and row["feeling"] else None
    return Moment(row["at"], row["name"], own, row["text"], _mood(row["mood"]), worn)


def _mood(stored: str) -> Mood:
    """A damaged mood is no reason never to speak again: it is told in the log, and nothing is felt."""
    try:
        return Mood.from_json(stored)
    except ValueError as error:
        log.warning("a stored mood is damaged and taken for neutral: %s", error)
        return Mood.neutral()
