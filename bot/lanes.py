"""One turn at a time per channel; channels run side by side. What a turn is, nobody here knows."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Generic, Self, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Lanes(Generic[T]):
    """Queues of work, one per channel.

    `async with Lanes(work) as lanes: lanes.put(channel, thing)` awaits `work(thing)` for every thing of a channel, in
    order, never two of one channel at once. Leaving cancels whatever still runs. A failed `work` is logged, and the
    next thing is taken.

    Args:
        most_waiting: how many things may wait in a channel behind the one that is worked on.
    """

    def __init__(self, work: Callable[[T], Awaitable[None]], *, most_waiting: int = 8) -> None:
        self._work, self._most_waiting = work, most_waiting
        self._waiting: dict[int, deque[T]] = {}  # a channel is in here while its lane runs
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def waiting(self) -> int:
        """How many things wait in all channels, less those that are worked on."""
        return sum(map(len, self._waiting.values()))

    def put(self, channel: int, thing: T) -> bool:
        """False when too much is waiting in that channel already."""
        if channel in self._waiting:
            if len(self._waiting[channel]) >= self._most_waiting:
                return False
            self._waiting[channel].append(thing)
            return True
        self._waiting[channel] = deque([thing])
        self.aside(self._run(channel))
        return True

    def aside(self, coroutine: Coroutine[None, None, None]) -> None:
        """Let something run beside the lanes, until it ends or the lanes do."""
        task = asyncio.create_task(_logged(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, channel: int) -> None:
        try:
            while waiting := self._waiting[channel]:
                await _logged(self._work(waiting.popleft()))
        finally:
            del self._waiting[channel]


async def _logged(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception:
        log.exception("a turn failed")
