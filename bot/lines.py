"""Standard input as lines, whatever comes: any bytes, lines of any length, at the pace at which they arrive.

It blocks nothing: while no line is there the event loop runs, so that Ctrl-C ends the waiting at once.
"""

import asyncio
import os
from collections.abc import AsyncGenerator

from bot.errors import MienError

AT_ONCE = 1 << 16  # bytes read at a time
KEPT = 1 << 15  # bytes: of a longer line only so much of either end is kept, far more than a classifier reads


async def lines(descriptor: int) -> AsyncGenerator[list[str]]:
    """The lines that are there, without their ends, as soon as at least one is; the last needs no newline.

    Bytes that are no UTF-8 become replacement characters. Raises MienError for what cannot be read.
    """
    begun = _Line()
    async for chunk in _chunks(descriptor):
        *ended, rest = chunk.split(b"\n")
        done = []
        for part in ended:
            begun.grow(part)
            done.append(begun.text())
            begun = _Line()
        begun.grow(rest)
        if done:
            yield done
    if begun.is_any:
        yield [begun.text()]


class _Line:
    """A line as it arrives: the beginning and the end of it, so that a line without end needs no memory without end."""

    def __init__(self) -> None:
        self.is_any = False
        self._head, self._tail = bytearray(), bytearray()
        self._left_out = False

    def grow(self, part: bytes) -> None:
        self.is_any = self.is_any or bool(part)
        room = KEPT - len(self._head)
        self._head += part[:room]
        self._tail += part[room:]
        if len(self._tail) > 2 * KEPT:
            del self._tail[:-KEPT]
            self._left_out = True

    def text(self) -> str:
        parts = [self._head, self._tail] if self._left_out else [self._head + self._tail]
        return " ".join(bytes(part).decode("utf-8", errors="replace") for part in parts).removesuffix("\r")


async def _chunks(descriptor: int) -> AsyncGenerator[bytes]:
    try:
        while chunk := await _read(descriptor):
            yield chunk
    except OSError as error:
        raise MienError(f"Standard input cannot be read: {error.strerror}.") from error


async def _read(descriptor: int) -> bytes:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except (PermissionError, NotImplementedError):  # a file on disk, which never lets wait; or Windows
        return os.read(descriptor, AT_ONCE)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, AT_ONCE)
