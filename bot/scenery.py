"""Who plays in a channel, and what surrounds the play: members' own personas, books of lore and their timed entries.

The third part of the history (`bot/history.py`). What a book says, and what a state of timed lore means, is not known
here: both are text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.readings import Readings


@dataclass(frozen=True, slots=True)
class Mask:
    """Whom a member plays in a server."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Book:
    """A book of lore of a guild, or of one of its channels (`channel` is not 0); `content`: the file as it came."""

    guild: int
    channel: int
    name: str
    content: str
    id: int = 0


class Scenery(Readings):
    """Scenes, masks, books and timed lore; how the database is opened: `Database`."""

    # --- scenes ------------------------------------------------------------------------------------------------

    async def scene(self, channel: int) -> list[str]:
        """The slugs of those who play in a channel, in the order in which they joined; none: the default one does."""
        rows = await self._rows("SELECT persona FROM scenes WHERE channel = ? ORDER BY place", channel)
        return [str(row[0]) for row in rows]

    async def set_scene(self, channel: int, personas: Sequence[str]) -> None:
        """Who plays in a channel from now on; none: the default one does."""
        async with self._transaction() as db:
            await db.execute("DELETE FROM scenes WHERE channel = ?", (channel,))
            rows = [(channel, persona, place) for place, persona in enumerate(dict.fromkeys(personas))]
            await db.executemany("INSERT INTO scenes VALUES (?, ?, ?)", rows)

    async def newest_speaker(self, channel: int) -> str | None:
        """The slug of whoever spoke last in a channel."""
        row = await self._row("SELECT persona FROM posts WHERE channel = ? ORDER BY message DESC LIMIT 1", channel)
        return str(row[0]) if row else None

    # --- whom members play ---------------------------------------------------------------------------------------

    async def mask(self, guild: int | None, user: int | None) -> Mask | None:
        """Whom a member plays in a guild (None: in direct messages)."""
        row = await self._row("SELECT name, description FROM masks WHERE guild = ? AND user = ?", guild or 0, user)
        return Mask(row["name"], row["description"]) if row else None

    async def set_mask(self, guild: int | None, user: int, mask: Mask | None) -> bool:
        """Put a mask on, or take it off (None); False if there was none to take off."""
        if mask is None:
            gone = await self._write("DELETE FROM masks WHERE guild = ? AND user = ?", guild or 0, user)
            return gone.rowcount > 0
        await self._write(
            "INSERT OR REPLACE INTO masks VALUES (?, ?, ?, ?)", guild or 0, user, mask.name, mask.description
        )
        return True

    async def masks_of(self, guild: int | None, channel: int, persona: str, since: int) -> dict[str, str]:
        """Whom those play who spoke to a persona since a turn, in the order of their first words: name, description.

        Only words that were said under the mask's name count: whoever spoke as nobody else is not described.
        """
        rows = await self._rows(
            "SELECT masks.name, masks.description FROM turns JOIN masks ON masks.user = turns.user"
            " AND masks.name = turns.name WHERE guild = ? AND channel = ? AND persona = ? AND turns.id >= ?"
            " GROUP BY masks.user ORDER BY min(turns.id)",
            *(guild or 0, channel, persona, since),
        )
        return {str(row["name"]): str(row["description"]) for row in rows}

    async def erase_masks(self, user: int) -> int:
        """Forget whom a member plays, everywhere; returns in how many servers it was."""
        gone = await self._write("DELETE FROM masks WHERE user = ?", user)
        return gone.rowcount

    # --- lore ----------------------------------------------------------------------------------------------------

    async def books(self, guild: int | None, channel: int) -> list[Book]:
        """The books that count in a channel: those of its guild first, then its own, each by name."""
        rows = await self._rows(
            "SELECT * FROM books WHERE (guild = ? AND channel = 0) OR channel = ? ORDER BY channel <> 0, name",
            *(guild or 0, channel),
        )
        return [Book(row["guild"], row["channel"], row["name"], row["content"], row["id"]) for row in rows]

    async def add_book(self, book: Book) -> None:
        """Keep a book; one of the same name and place is replaced."""
        await self._write(
            "INSERT INTO books (guild, channel, name, content) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (guild, channel, name) DO UPDATE SET content = excluded.content",
            *(book.guild, book.channel, book.name, book.content),
        )

    async def remove_book(self, book: int) -> bool:
        """Drop a book by its id; False if it is gone already."""
        gone = await self._write("DELETE FROM books WHERE id = ?", book)
        return gone.rowcount > 0

    async def lore_times(self, channel: int, persona: str) -> str:
        """Which entries of lore stay awake or rest for a persona in a channel; "" where none ever did."""
        row = await self._row("SELECT state FROM lore_times WHERE channel = ? AND persona = ?", channel, persona)
        return str(row[0]) if row else ""

    async def keep_lore_times(self, channel: int, persona: str, state: str) -> None:
        await self._write("INSERT OR REPLACE INTO lore_times VALUES (?, ?, ?)", channel, persona, state)
