"""What Mien remembers, in one SQLite file.

Turns and what they said are here; what was felt comes from `bot/readings.py`, who plays in a channel from
`bot/scenery.py`, what is not yet answered from `bot/owed.py`. Every method is one question or one change, and every
change is one transaction. This file knows neither Discord nor models: ids are plain integers.

Each persona has a memory of its own in each channel. What several of them hear is remembered by each, and a message
that is edited or deleted changes in all of these memories.

    async with History(state / "mien.sqlite") as history:
        turns = await history.recent(channel, "marigold", limit=40)
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import aiosqlite

from bot.owed import Owed
from bot.readings import turn_of
from persona.turn import Role, Turn, Variation

CHANGES_KEPT = 10  # of the bot's own face in a server


@dataclass(frozen=True, slots=True)
class Worn:
    """How a persona's newest message in a channel looked."""

    expression: str
    suffixed: bool  # its name carried the invisible suffix
    face: str = ""  # SHA-256 of the picture


@dataclass(frozen=True, slots=True)
class Posted:
    """A face that stands in a guild's shelf channel: the picture's SHA-256, and where."""

    sha256: str
    channel: int
    message: int


@dataclass(frozen=True, slots=True)
class Change:
    """A face that the bot put on itself: the picture's SHA-256, and when, unix seconds."""

    sha256: str
    at: float


class History(Owed):
    """Everything that is remembered, in one database; how it is opened: `Database`."""

    # --- turns -------------------------------------------------------------------------------------------------

    async def remember(
        self,
        channel: int,
        persona: str,
        turn: Turn,
        *,
        message: int | None = None,
        user: int | None = None,
        answers: int | None = None,
        step: int = 0,
        heard_by: Sequence[str] = (),
    ) -> int:
        """Add a turn; returns its id.

        `message` is the Discord message of a member's turn; `answers` the one a character's turn replies to, `step`
        which of the replies to it this is. A persona remembers either once: remembering the same again changes the turn
        that is there, so a turn taken up again after a crash stands in the history once. The personas of `heard_by`
        remember it as well, each for itself; what another character said they remember as they do members' words.
        """
        async with self._transaction() as db:
            numbers = [
                await _keep(db, channel, slug, one, (user, message, answers, step))
                for slug, one in ((persona, turn), *((other, _heard(turn)) for other in heard_by))
            ]
        return numbers[0]

    async def recent(self, channel: int, persona: str, limit: int, *, until: int | None = None) -> list[Turn]:
        """The newest `limit` turns of a persona in a channel, or the newest when `until` was, oldest first."""
        rows = await self._rows(
            "SELECT * FROM turns WHERE channel = ?1 AND persona = ?2 AND id <= coalesce(?3, id)"
            " ORDER BY id DESC LIMIT ?4",
            *(channel, persona, until, limit),
        )
        return [turn_of(row) for row in reversed(rows)]

    async def reply_to(self, message: int, step: int = 0) -> Turn | None:
        """The character's finished answer to a member's message, if there is one."""
        row = await self._row(
            "SELECT * FROM turns WHERE answers = ? AND step = ? AND role = ?", message, step, str(Role.CHARACTER)
        )
        return turn_of(row) if row else None

    async def forget_reply(self, message: int, step: int = 0) -> None:
        """The answer to a member's message never reached the channel: it will be said anew. Nobody heard it."""
        await self._write("DELETE FROM turns WHERE answers = ? AND step = ?", message, step)

    async def keep_variations(self, turn: int, texts: Sequence[str], feeling: str) -> None:
        """What a character's turn says (first) and what it might have said, best first; forgets what was kept before.

        Fewer than two are no choice and not kept.
        """
        async with self._transaction() as db:
            await db.execute("DELETE FROM variations WHERE turn = ?", (turn,))
            if len(texts) > 1:
                rows = [(turn, rank, text, feeling, rank == 0) for rank, text in enumerate(texts)]
                await db.executemany("INSERT INTO variations VALUES (?, ?, ?, ?, ?)", rows)

    async def variations(self, turn: int) -> list[Variation]:
        """What a turn might say, by rank; empty where there is no choice."""
        rows = await self._rows("SELECT text, feeling, rank, chosen FROM variations WHERE turn = ? ORDER BY rank", turn)
        return [Variation(row["text"], row["feeling"], row["rank"], bool(row["chosen"])) for row in rows]

    async def choose_variation(self, turn: int, rank: int) -> Variation | None:
        """Let a turn say another of its variations from now on; None if it has none of that rank."""
        async with self._transaction() as db:
            found = await db.execute("SELECT text, feeling FROM variations WHERE turn = ? AND rank = ?", (turn, rank))
            row = await found.fetchone()
            if row is None:
                return None
            await db.execute("UPDATE variations SET chosen = (rank = ?) WHERE turn = ?", (rank, turn))
            await db.execute("UPDATE turns SET text = ?, feeling = ? WHERE id = ?", (row["text"], row["feeling"], turn))
            await db.execute(
                "UPDATE turns SET text = ?1 FROM turns AS said WHERE said.id = ?2"
                " AND turns.answers = said.answers AND turns.step = said.step",
                (row["text"], turn),
            )
            return Variation(row["text"], row["feeling"], rank, chosen=True)

    async def edit(self, message: int, text: str) -> bool:
        """A member changed a message; False if it is not in the history."""
        changed = await self._write("UPDATE turns SET text = ? WHERE message = ?", text, message)
        await self._write("UPDATE open_turns SET text = ? WHERE message = ? AND closed_at IS NULL", text, message)
        return changed.rowcount > 0

    async def delete(self, message: int) -> bool:
        """A message was deleted on Discord, a member's or one of ours; False if it is not in the history.

        A waiting question goes unanswered then. An answer of several messages is forgotten with its last one.
        """
        async with self._transaction() as db:
            gone = await db.execute("DELETE FROM turns WHERE message = ?", (message,))
            await db.execute("UPDATE open_turns SET closed_at = ?, text = '' WHERE message = ?", (time.time(), message))
            posts = await db.execute("DELETE FROM posts WHERE message = ? RETURNING answers, step", (message,))
            answered = await posts.fetchone()
            if answered:
                gone = await db.execute(
                    "DELETE FROM turns WHERE answers = ?1 AND step = ?2"
                    " AND NOT EXISTS (SELECT 1 FROM posts WHERE answers = ?1 AND step = ?2)",
                    tuple(answered),
                )
            return gone.rowcount > 0 or answered is not None

    async def forget(self, channel: int) -> int:
        """Drop everything said, felt and worn in a channel (`/reset`); returns the number of dropped turns."""
        async with self._transaction() as db:
            await db.execute("DELETE FROM readings WHERE channel = ?", (channel,))  # before each turn does it by itself
            dropped = await db.execute("DELETE FROM turns WHERE channel = ?", (channel,))
            await db.execute("DELETE FROM moods WHERE channel = ?", (channel,))
            await db.execute("DELETE FROM worn WHERE channel = ?", (channel,))
            await db.execute("DELETE FROM lore_times WHERE channel = ?", (channel,))
            return dropped.rowcount

    async def count(self, channel: int, persona: str | None = None) -> int:
        """How many turns are remembered in a channel, of one persona or of all."""
        row = await self._row(
            "SELECT count(*) FROM turns WHERE channel = ?1 AND persona = coalesce(?2, persona)", channel, persona
        )
        return int(row[0]) if row else 0

    async def replies(self, channel: int, persona: str) -> int:
        """How often a persona has spoken in a channel, as far as it is remembered."""
        row = await self._row(
            "SELECT count(*) FROM turns WHERE channel = ? AND persona = ? AND role = ?",
            *(channel, persona, Role.CHARACTER.value),
        )
        return int(row[0]) if row else 0

    async def personas(self, channel: int) -> list[str]:
        """The slugs of those who have a history in a channel; whoever heard or said something last comes first."""
        rows = await self._rows(
            "SELECT persona FROM turns WHERE channel = ? GROUP BY persona ORDER BY max(id) DESC", channel
        )
        return [str(row[0]) for row in rows]

    # --- how personas look ---------------------------------------------------------------------------------------

    async def worn(self, channel: int, persona: str) -> Worn | None:
        row = await self._row(
            "SELECT expression, suffixed, face FROM worn WHERE channel = ? AND persona = ?", channel, persona
        )
        return Worn(row["expression"], bool(row["suffixed"]), row["face"]) if row else None

    async def set_worn(self, channel: int, persona: str, worn: Worn) -> None:
        await self._write(
            "INSERT OR REPLACE INTO worn VALUES (?, ?, ?, ?, ?)",
            *(channel, persona, worn.expression, worn.suffixed, worn.face),
        )

    # --- what was seen, and where faces are kept -------------------------------------------------------------------

    async def saw(self, channel: int, message: int) -> None:
        """Remember the newest message of a channel that was looked at."""
        await self._write(
            "INSERT INTO channels (channel, last_seen) VALUES (?, ?) ON CONFLICT (channel)"
            " DO UPDATE SET last_seen = max(coalesce(last_seen, 0), excluded.last_seen)",
            *(channel, message),
        )

    async def last_seen(self) -> dict[int, int]:
        """Channel -> id of the newest message that was looked at there."""
        rows = await self._rows("SELECT channel, last_seen FROM channels WHERE last_seen IS NOT NULL")
        return {int(row["channel"]): int(row["last_seen"]) for row in rows}

    async def lose_sight(self, channel: int) -> None:
        """The channel is gone, or cannot be seen any more."""
        await self._write("UPDATE channels SET last_seen = NULL WHERE channel = ?", channel)

    async def face_url(self, guild: int, sha256: str) -> str | None:
        """The address, without parameters, of a face that was posted in the guild's shelf channel."""
        row = await self._row("SELECT url FROM faces WHERE guild = ? AND sha256 = ?", guild, sha256)
        return str(row[0]) if row else None

    async def set_face_url(self, guild: int, sha256: str, *, channel: int, message: int, url: str) -> None:
        await self._write("INSERT OR REPLACE INTO faces VALUES (?, ?, ?, ?, ?)", guild, sha256, channel, message, url)

    async def forget_face(self, guild: int, sha256: str) -> None:
        """The address of a face was of no use."""
        await self._write("DELETE FROM faces WHERE guild = ? AND sha256 = ?", guild, sha256)

    async def drop_face(self, message: int) -> None:
        """The Discord message that held a face is gone, so its address will die."""
        await self._write("DELETE FROM faces WHERE message = ?", message)

    async def faces_of(self, guild: int) -> list[Posted]:
        """Every face that was posted in a guild, the newest first."""
        rows = await self._rows(
            "SELECT sha256, channel, message FROM faces WHERE guild = ? ORDER BY message DESC", guild
        )
        return [Posted(*row) for row in rows]

    async def drop_shelf(self, channel: int) -> None:
        """A channel is gone, with all faces that were in it."""
        await self._write("DELETE FROM faces WHERE channel = ?", channel)

    async def member_changes(self, guild: int, limit: int) -> list[Change]:
        """The last changes of the bot's own face in a guild, the newest first."""
        rows = await self._rows(
            "SELECT sha256, at FROM member_faces WHERE guild = ? ORDER BY at DESC, rowid DESC LIMIT ?", guild, limit
        )
        return [Change(*row) for row in rows]

    async def member_changed(self, guild: int, sha256: str) -> None:
        """The bot wears another face in a guild since now. Of old changes some are kept, to count by."""
        await self._write("INSERT INTO member_faces VALUES (?, ?, ?)", guild, sha256, time.time())
        await self._write(
            "DELETE FROM member_faces WHERE guild = ?1 AND rowid NOT IN"
            " (SELECT rowid FROM member_faces WHERE guild = ?1 ORDER BY at DESC, rowid DESC LIMIT ?2)",
            *(guild, CHANGES_KEPT),
        )


def _heard(turn: Turn) -> Turn:
    """What another persona remembers: what anybody but itself says is said by somebody else."""
    return replace(turn, role=Role.USER, feeling="")


async def _keep(db: aiosqlite.Connection, channel: int, persona: str, turn: Turn, marks: tuple[int | None, ...]) -> int:
    """One turn of one persona's memory, added or changed; its id. `marks`: user, message, answers, step."""
    _, message, answers, step = marks
    found = await db.execute(
        "SELECT id FROM turns WHERE persona = ? AND (message = ? OR (answers = ? AND step = ?))",
        (persona, message, answers, step),
    )
    if known := await found.fetchone():
        await db.execute("UPDATE turns SET text = ?, feeling = ? WHERE id = ?", (turn.text, turn.feeling, known[0]))
        return int(known[0])
    added = await db.execute(
        "INSERT INTO turns (channel, persona, role, name, text, feeling, at, user, message, answers, step)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (channel, persona, str(turn.role), turn.name, turn.text, turn.feeling, turn.at, *marks),
    )
    return added.lastrowid or 0


def channel_number(name: str) -> int:
    """A channel's number by its name: a Discord id as it is, any other name as a negative number of its own."""
    if name.isdecimal() and len(name) < 20 and int(name) < 2**63:
        return int(name)
    return -int.from_bytes(hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:7])
