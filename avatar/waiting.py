"""One work for all who want the same: whoever asks for a thing that is being made waits with the others.

The last one to give up cancels the work; a newer wish takes an older one's place. It knows neither faces nor devices.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from inference.job import Priority, Replaced, Stopped

R = TypeVar("R")


@dataclass(eq=False)
class _Work(Generic[R]):
    """What is being made, how urgently, and how many wait for it."""

    key: str
    task: "asyncio.Task[R]"
    priority: Priority
    waiting: int = 0


class Works(Generic[R]):
    """What is under way, by key. For one event loop's thread."""

    def __init__(self) -> None:
        self._works: dict[str, _Work[R]] = {}
        self._newest: dict[Hashable, asyncio.Event] = {}  # set when a newer wish took this one's place

    async def one(
        self, key: str, priority: Priority, make: Callable[[], Coroutine[Any, Any, R]], replaces: Hashable | None = None
    ) -> R:
        """What `make` returns: of the work under way, unless that is less urgent, else of a new one.

        replaces: an unfinished older wish of the same kind ends with Replaced. Raises what `make` raises, and Stopped
        after `close`.
        """
        work = self._works.get(key)
        if work is None or work.priority > priority:
            work = self._begin(key, priority, make)
        displaced = self._displace(replaces)
        news = asyncio.create_task(displaced.wait())
        work.waiting += 1
        try:
            await asyncio.wait({work.task, news}, return_when=asyncio.FIRST_COMPLETED)
            if work.task.cancelled():
                raise Stopped("Mien is shutting down, so this face was not finished.")
            if not work.task.done():
                raise Replaced("A newer face took this one's place.")
            return work.task.result()
        finally:
            news.cancel()
            if self._newest.get(replaces) is displaced:
                del self._newest[replaces]
            self._leave(work)

    async def close(self) -> None:
        """End all that is under way; whoever waits for it gets Stopped."""
        tasks = [work.task for work in self._works.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: str, priority: Priority, make: Callable[[], Coroutine[Any, Any, R]]) -> _Work[R]:
        work = self._works[key] = _Work(key, asyncio.create_task(make()), priority)
        work.task.add_done_callback(lambda _: self._ended(work))
        return work

    def _leave(self, work: _Work[R]) -> None:
        work.waiting -= 1
        if not work.waiting:
            self._forget(work)  # at once: nobody may join what is about to end
            work.task.cancel()

    def _ended(self, work: _Work[R]) -> None:
        self._forget(work)
        if not work.task.cancelled():
            work.task.exception()  # if nobody waits any more, asyncio need not report it as forgotten

    def _forget(self, work: _Work[R]) -> None:
        if self._works.get(work.key) is work:
            del self._works[work.key]

    def _displace(self, replaces: Hashable | None) -> asyncio.Event:
        """Send the older wish of this kind away; the event says when that happens to us."""
        displaced = asyncio.Event()
        if replaces is not None:
            if replaces in self._newest:
                self._newest[replaces].set()
            self._newest[replaces] = displaced
        return displaced
