"""Gateway sessions and the connections they speak through: opcodes, close codes, the replay buffer."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum

from aiohttp import web

from bot.playground.records import User
from bot.playground.streams import Encoder

REPLAY = 2000  # events a session keeps for a client that resumes


class Op(IntEnum):
    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    RESUME = 6
    RECONNECT = 7
    MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Close(IntEnum):
    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    INVALID_SEQUENCE = 4007
    SESSION_TIMED_OUT = 4009
    INVALID_SHARD = 4010


class Closing(Exception):
    """The connection ends with this code."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(slots=True, eq=False)
class Connection:
    """One websocket: what waits to be written to it, and the session it speaks for."""

    socket: web.WebSocketResponse
    encoder: Encoder
    outbox: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)  # None = close after what is written
    session: "Session | None" = None
    close_code: int | None = None
    said_goodbye: bool = False  # the client ended its session; otherwise it may come back to resume

    def send(self, op: Op, data: object = None) -> None:
        self.outbox.put_nowait(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def close(self, code: int) -> None:
        self.close_code = code
        self.outbox.put_nowait(None)

    async def write(self) -> None:
        while (text := await self.outbox.get()) is not None:
            frame = self.encoder.encode(text)
            await (self.socket.send_str(frame) if isinstance(frame, str) else self.socket.send_bytes(frame))
        await self.socket.close(code=self.close_code or 1000)


@dataclass(slots=True, eq=False)
class Session:
    id: str
    user: User
    intents: int
    shard: tuple[int, int]
    sequence: int = 0
    replay: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=REPLAY))
    connection: Connection | None = None

    def dispatch(self, name: str, data: object) -> None:
        self.sequence += 1
        text = json.dumps({"op": Op.DISPATCH, "d": data, "s": self.sequence, "t": name})
        self.replay.append((self.sequence, text))
        if self.connection:
            self.connection.outbox.put_nowait(text)

    def missed_since(self, sequence: int) -> list[str] | None:
        """The events after `sequence`; None when some are no longer kept."""
        missed = [text for number, text in self.replay if number > sequence]
        return missed if sequence <= self.sequence and len(missed) == self.sequence - sequence else None
