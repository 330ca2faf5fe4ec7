"""The one SQLite file: opened, brought to today's shape, closed; questions and changes, one at a time.

What the tables mean is not known here, but to those who ask: `bot/history.py` and `bot/readings.py`.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import aiosqlite

from bot.migrations import HistoryError, migrate

Value = int | float | str | bytes | None


class Database:
    """The database of one bot process.

    Args:
        path: the SQLite file; it and its folder are made if missing. `:memory:` keeps nothing.
        patience: seconds to wait for another process that holds the file.

    Raises (on entering):
        HistoryError: locked, not a database, not writable, or written by a newer Mien.
    """

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        self.path = path
        self._patience = patience
        self._writing = asyncio.Lock()
        self._connection: aiosqlite.Connection | None = None

    async def __aenter__(self) -> Self:
        try:
            if str(self.path) != ":memory:":
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # aiosqlite leaves a thread behind when it cannot open a file: let the file system say so first.
                self.path.open("ab").close()
            self._connection = await aiosqlite.connect(self.path, timeout=self._patience, isolation_level=None)
            await self._prepare(self._connection)
        except (OSError, sqlite3.Error, HistoryError) as error:
            await self._close()
            raise HistoryError(_why(self.path, error)) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _prepare(self, db: aiosqlite.Connection) -> None:
        db.row_factory = sqlite3.Row
        await db.execute("PRAGMA journal_mode = WAL")
        # In WAL mode NORMAL loses nothing when the process is killed, only when the power goes.
        await db.execute("PRAGMA synchronous = NORMAL")
        await migrate(db)

    async def _close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    @property
    def _db(self) -> aiosqlite.Connection:
        if self._connection is None:
            raise HistoryError(f"the database {self.path} is not open: use `async with History(...)`.")
        return self._connection

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[aiosqlite.Connection]:
        # One connection serves every coroutine: the lock keeps their statements out of each other's transactions.
        async with self._writing:
            await self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                await self._db.execute("ROLLBACK")
                raise
            await self._db.execute("COMMIT")

    async def _write(self, sql: str, *values: Value) -> aiosqlite.Cursor:
        async with self._writing:
            return await self._db.execute(sql, values)

    async def _rows(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        return list(await self._db.execute_fetchall(sql, values))

    async def _row(self, sql: str, *values: Value) -> sqlite3.Row | None:
        rows = await self._rows(sql, *values)
        return rows[0] if rows else None


def _why(path: Path, error: Exception) -> str:
    """What is wrong with the file, in one sentence."""
    if isinstance(error, HistoryError):
        return f"{path}: {error}"
    if isinstance(error, OSError) or "readonly" in str(error):
        return f"{path} cannot be opened for writing: check the path and its permissions ({error})."
    if "locked" in str(error):
        return f"{path} is held by another process: stop the other Mien, or give this one another state folder."
    return f"{path} is not a usable database ({error}): move it away, and Mien starts a new one."
