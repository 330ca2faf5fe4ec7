"""The one thread that owns the device: every load, move and step of any model runs here, one step at a time.

The form is aiosqlite's: commands go in by a queue, outcomes go out by `loop.call_soon_threadsafe`. There are no
locks, because nobody else touches the device. Without a GPU the device is the CPU; nothing else changes.

    1. `submit` puts a job's steps into the inbox            (event loop's thread)
    2. the thread takes the inbox into the schedule           (device thread, between two steps)
    3. the schedule says whose step goes next                 inference/schedule.py
    4. one `next` on that generator, synchronised             in torch.inference_mode
    5. what it yields, returns or raises goes to its waiter   (event loop's thread)
"""

import asyncio
import queue
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from inference.job import Busy, Job, Priority, R, Replaced, Steps, Stopped, Y
from inference.worker import AnyJob, Begin, Command, End, NoDevice, Stop, Worker, resolve

if TYPE_CHECKING:
    import torch

    from inference.card import Card
    from inference.residency import Residency

__all__ = ["Gpu", "NoDevice"]


class Gpu:
    """The device, as an async context manager.

    device: "auto" (the first CUDA device, else the CPU) or a torch device such as "cuda:1" or "cpu".
    max_waiting: unfinished jobs allowed at a time; one more is refused with Busy.
    threads: CPU threads of one step; None leaves it to torch (one per core, or OMP_NUM_THREADS).
    card: the memory that weights share; None = the device's own.
    """

    device: "torch.device"
    residency: "Residency"
    """Whose weights are on the device. For steps, which run on its thread; `residents` may be read anywhere."""

    def __init__(
        self,
        device: str = "auto",
        max_waiting: int = 64,
        *,
        threads: int | None = None,
        card: "Card | None" = None,
    ) -> None:
        self._wanted = device
        self._max_waiting = max_waiting
        self._threads = threads
        self._card = card
        self._inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._open: dict[AnyJob, tuple[Priority, Hashable]] = {}  # unfinished; the event loop's thread only
        self._newest: dict[Hashable, AnyJob] = {}  # by key; the event loop's thread only
        self._running = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        ready: asyncio.Future[torch.device] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._live, args=(ready,), name="mien-gpu", daemon=True)
        self._thread.start()
        try:
            self.device = await ready
        except BaseException:
            await self._stop()
            raise
        self._running = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        """Let the step that is running end, close all jobs on the device thread, and join it."""
        self._abandon("Mien is shutting down, so this was not finished.")
        self._inbox.put(Stop())
        try:
            await self._ended.wait()
        finally:
            self._thread.join()

    def submit(
        self,
        steps: Steps[Y, R],
        priority: Priority,
        *,
        replaces: Hashable | None = None,
        timeout: float | None = None,
        smaller: Callable[[], Steps[Y, R]] | None = None,
    ) -> Job[Y, R]:
        """Queue a job; it starts when its first step is the most urgent.

        replaces: an unfinished older job of the same key ends at once with Replaced, whether it waits or runs.
        timeout: seconds from now until the job ends with TimedOut, whether it waits or runs.
        smaller: what the job runs instead, once, after its steps ran out of memory and room was made; what they had
        yielded by then has been handed out. Called on the device thread. Without it, or when that runs out of memory
        too, the job ends with NoRoom.
        Raises Busy when max_waiting jobs are unfinished, Stopped outside of the `async with`; `steps` is closed then.
        """
        older = None if replaces is None else self._newest.get(replaces)
        try:
            self._admit(older)
        except (Busy, Stopped):
            steps.close()
            raise
        if older is not None:
            older.fail(Replaced("A newer request took this one's place."))
        job: Job[Y, R] = Job(self._forget)
        self._open[job] = priority, replaces
        if replaces is not None:
            self._newest[replaces] = job
        if timeout is not None:
            job.expire_after(timeout)
        self._inbox.put(Begin(job, steps, priority, smaller))
        return job

    async def call(self, function: Callable[[], R], priority: Priority) -> R:
        """Run `function` on the device thread as a job of one step and return what it returns."""

        def one_step() -> Steps[None, R]:
            return function()
            yield  # what makes this a generator

        return await self.submit(one_step(), priority).result()

    @property
    def unfinished(self) -> Counter[Priority]:
        """How many jobs of each priority wait or run; for the event loop's thread."""
        return Counter(priority for priority, _ in self._open.values())

    def _admit(self, older: AnyJob | None) -> None:
        if not self._running:
            raise Stopped("The device is not running, so nothing can be done on it.")
        if older is None and len(self._open) >= self._max_waiting:
            raise Busy(f"{len(self._open)} requests are waiting already. Please try again in a moment.")

    def _forget(self, job: AnyJob) -> None:
        """A job is done: its place is free, and the device thread closes its steps if it has them still."""
        _, key = self._open.pop(job, (None, None))
        if key is not None and self._newest.get(key) is job:
            del self._newest[key]
        self._inbox.put(End(job))

    def _abandon(self, sentence: str) -> None:
        self._running = False
        for job in list(self._open):
            job.fail(Stopped(sentence))

    def _over(self, error: BaseException | None) -> None:
        """The device thread is at its end: nobody may wait for it any more."""
        if error is not None:
            self._loop.call_exception_handler({"message": "the device thread failed", "exception": error})
        self._abandon("The device thread has failed: please restart Mien.")
        self._ended.set()

    # --- the device thread ----------------------------------------------------------------------------------------

    def _live(self, ready: "asyncio.Future[torch.device]") -> None:
        failure: BaseException | None = None
        try:
            device, self.residency = resolve(self._wanted, self._threads, self._card)
        except Exception as error:
            self._tell(_settle, ready, error)
        else:
            self._tell(_settle, ready, device)
            failure = Worker(self._inbox, device, self.residency, self._loop).work()
        self._tell(self._over, failure)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)


def _settle(ready: "asyncio.Future[torch.device]", outcome: "torch.device | Exception") -> None:
    if ready.done():  # whoever waited was cancelled
        return
    if isinstance(outcome, Exception):
        ready.set_exception(outcome)
    else:
        ready.set_result(outcome)
