"""The lorebooks of guilds and channels: kept as they came, read once.

What a persona knows of itself lies in its folder (persona/lore/folder.py); what everybody in a server or in a channel
knows is sent by the server's managers and lies in the database.
"""

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bot.errors import MienError
from bot.scenery import Book
from persona.lore.entry import Scope
from persona.lorebook import Lorebook, read_lorebook
from persona.tomlfile import TomlError

log = logging.getLogger(__name__)

ENDINGS = (".json", ".toml")
MOST_BYTES = 4_000_000  # of one file that is sent
MOST_BOOKS = 20  # that count in one channel


class KeepsBooks(Protocol):
    async def books(self, guild: int | None, channel: int) -> list[Book]: ...
    async def add_book(self, book: Book) -> None: ...
    async def remove_book(self, book: int) -> bool: ...


class Library:
    """Every book of the database, compiled when it is first needed. It alone adds and removes them."""

    def __init__(self, shelves: KeepsBooks) -> None:
        self._shelves = shelves
        self._open: dict[tuple[int, int], tuple[Lorebook, ...]] = {}  # by guild and channel

    async def books(self, guild: int | None, channel: int) -> tuple[Lorebook, ...]:
        """The books that count in a channel."""
        here = (guild or 0, channel)
        if here not in self._open:
            kept = await self._shelves.books(guild, channel)
            self._open[here] = await asyncio.to_thread(_read_all, kept)
        return self._open[here]

    async def add(self, book: Book) -> Lorebook:
        """Keep a book, in the place of one of the same name. Raises MienError for one that cannot be read."""
        read = await asyncio.to_thread(read_book, book)
        there = await self._shelves.books(book.guild, book.channel)
        if len(there) >= MOST_BOOKS and book.name not in (one.name for one in there):
            raise MienError(f"There are {MOST_BOOKS} books here already; /lore remove makes room.")
        await self._shelves.add_book(book)
        self._open.clear()
        return read

    async def remove(self, book: Book) -> None:
        await self._shelves.remove_book(book.id)
        self._open.clear()


def read_book(book: Book) -> Lorebook:
    """What a kept file says. Raises MienError."""
    scope = Scope.CHANNEL if book.channel else Scope.GUILD
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:  # a file is told to be TOML or JSON by its name
        file = Path(folder) / f"book{Path(book.name).suffix}"
        file.write_text(book.content, "utf-8")
        try:
            read = read_lorebook(file, scope=scope)
        except TomlError as error:  # whoever sent it knows the file by its name
            raise MienError(str(error).replace(str(file), book.name)) from error
    name = Path(book.name).stem if read.name == file.stem else read.name
    return replace(read, name=name, path=None)


def _read_all(books: Sequence[Book]) -> tuple[Lorebook, ...]:
    """Those that can be read: a book that was kept by another version of Mien must silence nobody."""
    read = []
    for book in books:
        try:
            read.append(read_book(book))
            _ = read[-1].index  # compiled here, beside the event loop
        except MienError as error:
            log.warning("a lorebook is left out: %s", error)
    return tuple(read)
