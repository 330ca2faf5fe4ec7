"""What rooms bring to the device: jobs, how urgent they are, and how they can end.

A job is a generator of steps; whoever brought it holds a `Job`: it iterates over what the steps yield and awaits
what they return. This file knows no device, no thread and no torch: `inference/gpu.py` runs the steps.

    Exception
    ├── Busy          refused: too much is waiting already
    ├── NoRoom        ended: the device's memory was too small for this job
    ├── ModelMissing  a model that was asked for is not on this machine, or none that can be used
    ├── Replaced      ended: a newer job of the same key took its place
    ├── TimedOut      ended: it took longer than it was given
    └── Stopped       ended or refused: the device is being shut down
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from enum import IntEnum
from typing import Generic, TypeAlias, TypeVar

Y = TypeVar("Y")
R = TypeVar("R")

Steps: TypeAlias = Generator[Y | None, None, R]
"""One `next` is one step on the device. A yielded value that is not None is handed to the waiter.

A step must be short (one token, one prefill chunk, one denoising step): nobody else gets the device meanwhile.
Cancelling calls `.close()`, on the device thread, between two steps: `finally` blocks run there.
"""


class Priority(IntEnum):
    """Which job's step goes next: the smallest first."""

    FEELING = 0
    REPLY = 1
    PORTRAIT = 2
    PREWARM = 3


class Busy(Exception):
    """Too many jobs are waiting for the device; read by members."""


class NoRoom(Exception):
    """The device ran out of memory in this job, and only this job failed; read by members and admins."""


class ModelMissing(Exception):
    """A model is not on this machine or cannot be used; the sentence says what to do; read by admins."""


class Replaced(Exception):
    """A newer job with the same `replaces` key took this one's place."""


class TimedOut(Exception):
    """The job was not finished in the time it was given; read by members."""


class Stopped(Exception):
    """The device was shut down before the job was finished."""


class Job(Generic[Y, R]):
    """The waiter's end of a job. All methods belong to the event loop's thread.

    - `async for value in job` gives what the steps yield; a failed job raises its failure there, after the values
      that came before it. Leaving the loop early does not stop the job: call `cancel()`.
    - `await job.result()` gives what the steps return, or raises what ended the job.
    """

    def __init__(self, on_end: "Callable[[Job[Y, R]], None]") -> None:
        """on_end is called once, when the job is done for whatever reason."""
        self._outcome: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._values: deque[Y] = deque()
        self._news = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._on_end = on_end

    @property
    def done(self) -> bool:
        """Whether the job has returned, failed, or was cancelled or replaced."""
        return self._outcome.done()

    def cancel(self) -> None:
        """End the job: its slot is free at the next step. `result()` raises CancelledError. Does nothing when done."""
        if not self.done:
            self._outcome.cancel()
            self._end()

    def expire_after(self, seconds: float) -> None:
        """End the job with TimedOut if it is not done by then. Called once, by the device."""
        late = TimedOut(f"This was not finished within {seconds:g} seconds and was given up; please try again.")
        self._timer = asyncio.get_running_loop().call_later(seconds, self.fail, late)

    async def result(self) -> R:
        """What the steps returned. A task cancelled while it waits here cancels the job, as if it awaited a task."""
        try:
            return await asyncio.shield(self._outcome)
        except asyncio.CancelledError:
            self.cancel()
            raise

    def __aiter__(self) -> "Job[Y, R]":
        return self

    async def __anext__(self) -> Y:
        while not self._values:
            if self.done:
                self._outcome.result()
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._values.popleft()

    def put(self, value: Y) -> None:
        """Hand one yielded value to the waiter; called by the device on the event loop's thread."""
        if not self.done:
            self._values.append(value)
            self._news.set()

    def finish(self, value: R) -> None:
        """Hand over what the steps returned; called by the device on the event loop's thread."""
        if not self.done:
            self._outcome.set_result(value)
            self._end()

    def fail(self, error: Exception) -> None:
        """End the job with an error; called by the device on the event loop's thread."""
        if not self.done:
            self._outcome.set_exception(error)
            if isinstance(error, Replaced | TimedOut | Stopped):
                self._outcome.exception()  # often nobody waits any more: asyncio need not report these as forgotten
            self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._news.set()
        self._on_end(self)
