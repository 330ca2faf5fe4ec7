"""Keeping the world over a restart: every record one JSON row of an SQLite file, every file one row of bytes.

Rows are written by one task in the order things happened; `settled` waits until everything so far is on disk, so that
after `kill -9` nothing is lost that a client was told.
"""

import asyncio
import dataclasses
import json
import sqlite3
import typing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiosqlite
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.playground.errors import PlaygroundError
from bot.playground.records import Change, Channel, Command, Guild, Message, Record, StoredFile, User, Webhook
from bot.playground.world import World

KINDS: dict[str, type] = {
    "user": User,
    "guild": Guild,
    "channel": Channel,
    "message": Message,
    "webhook": Webhook,
    "command": Command,
}
SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS records (kind TEXT, id INTEGER, body TEXT NOT NULL, PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, content_type TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, user_id INTEGER NOT NULL);
"""
PASSING = ("TYPING_START", "CHANNEL_PINS_UPDATE")  # leave nothing to keep
Statement = tuple[str, tuple[object, ...]]


class Store:
    """`async with Store(path, world)` loads the world, then keeps every change; PlaygroundError for a bad file."""

    def __init__(self, path: Path, world: World) -> None:
        self.path = path
        self.world = world
        self._queue: asyncio.Queue[Statement | asyncio.Future[None]] = asyncio.Queue()
        self._database: aiosqlite.Connection | None = None
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = await aiosqlite.connect(self.path)
            await self._database.executescript(SCHEMA)
            await self._load(self._database)
        except (OSError, sqlite3.Error, ValueError, TypeError, KeyError) as error:
            if self._database:
                await self._database.close()
            raise PlaygroundError(
                f"The playground's state in {self.path} cannot be read ({error}): move that file away to start anew."
            ) from error
        self.world.listeners.append(self.hear)
        self._writer = asyncio.create_task(self._write(self._database))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._database and self._writer
        self.world.listeners.remove(self.hear)
        await self.settled()
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        await self._database.close()

    # ── reading ──

    async def _load(self, database: aiosqlite.Connection) -> None:
        for kind, into in self._shelves().items():
            rows = await database.execute_fetchall("SELECT body FROM records WHERE kind = ? ORDER BY id", (kind,))
            for (body,) in rows:
                record = restore(KINDS[kind], json.loads(body))
                into[record.id] = record
                self.world.ids.seen(record.id)
        for message in await self._messages(database):
            self._place(message)
        for key, content_type, data in await database.execute_fetchall("SELECT key, content_type, data FROM files"):
            self.world.files[key] = StoredFile(key, content_type, data)
        for token, user_id in await database.execute_fetchall("SELECT token, user_id FROM tokens"):
            self.world.tokens[token] = user_id

    def _shelves(self) -> dict[str, dict[int, Any]]:
        world = self.world
        return {
            "user": world.users,
            "guild": world.guilds,
            "channel": world.channels,
            "webhook": world.webhooks,
            "command": world.commands,
        }

    @staticmethod
    async def _messages(database: aiosqlite.Connection) -> list[Message]:
        rows = await database.execute_fetchall("SELECT body FROM records WHERE kind = 'message' ORDER BY id")
        return [restore(Message, json.loads(body)) for (body,) in rows]

    def _place(self, message: Message) -> None:
        channel = self.world.channels[message.channel_id]
        self.world.messages.setdefault(channel.id, {})[message.id] = message
        channel.last_message_id = message.id
        self.world.ids.seen(max([message.id, *(one.id for one in message.attachments)]))

    # ── writing ──

    def hear(self, change: Change) -> None:
        record = change.record
        if change.name in PASSING or (isinstance(record, Message) and record.only_for is not None):
            return
        self._queue.put_nowait(forget(record) if change.gone else keep(record))
        if isinstance(record, User):
            token = self.world.token_of(record.id)
            self._queue.put_nowait(("DELETE FROM tokens WHERE user_id = ?", (record.id,)))
            self._queue.put_nowait(("INSERT INTO tokens VALUES (?, ?)", (token, record.id)))

    async def settled(self) -> None:
        """Returns once everything that happened before the call is on disk."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(written)
        await written

    async def _write(self, database: aiosqlite.Connection) -> None:
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            for item in batch:
                if not isinstance(item, asyncio.Future):
                    await database.execute(*item)
            await database.commit()
            for item in batch:
                if isinstance(item, asyncio.Future) and not item.done():
                    item.set_result(None)

    def middleware(self) -> Middleware:
        """Answers to requests that change something wait until the change is on disk."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await handler(request)
            if request.method not in ("GET", "HEAD"):
                await self.settled()
            return response

        return middleware


def keep(record: Record) -> Statement:
    if isinstance(record, StoredFile):
        return "INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (record.key, record.content_type, record.data)
    body = json.dumps(dataclasses.asdict(record))
    return "INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (kind_of(record), record.id, body)


def forget(record: Record) -> Statement:
    if isinstance(record, StoredFile):
        return "DELETE FROM files WHERE key = ?", (record.key,)
    return "DELETE FROM records WHERE kind = ? AND id = ?", (kind_of(record), record.id)


def kind_of(record: Record) -> str:
    return type(record).__name__.lower()


def restore(kind: type, fields: dict[str, Any]) -> Any:
    """A record from its JSON; records inside records come back as records."""
    hints = typing.get_type_hints(kind)
    return kind(**{name: _restored(hints[name], value) for name, value in fields.items()})


def _restored(hint: Any, value: Any) -> Any:
    inner = [one for one in (typing.get_args(hint) or (hint,)) if dataclasses.is_dataclass(one)]
    if not inner or value is None:
        return value
    kind = typing.cast(type, inner[0])
    return [restore(kind, entry) for entry in value] if isinstance(value, list) else restore(kind, value)
