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
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from inference.job import Busy, Job, NoRoom, Priority, R, Replaced, Steps, Stopped, Y
from inference.schedule import Schedule

if TYPE_CHECKING:
    import torch

# The device runs jobs of every type: what a job yields and returns is the business of those who brought it.
AnyJob = Job[Any, Any]
AnySteps = Steps[Any, Any]


class NoDevice(Exception):
    """The device of the settings is not in this machine; read by admins."""


@dataclass(frozen=True, slots=True)
class _Begin:
    job: AnyJob
    steps: AnySteps
    priority: Priority


@dataclass(frozen=True, slots=True)
class _End:
    job: AnyJob


class _Stop:
    pass


class Gpu:
    """The device, as an async context manager.

    device: "auto" (the first CUDA device, else the CPU) or a torch device such as "cuda:1" or "cpu".
    max_waiting: unfinished jobs allowed at a time; one more is refused with Busy.
    threads: CPU threads of one step; None leaves it to torch (one per core, or OMP_NUM_THREADS).
    """

    device: "torch.device"

    def __init__(self, device: str = "auto", max_waiting: int = 64, *, threads: int | None = None) -> None:
        self._wanted = device
        self._max_waiting = max_waiting
        self._threads = threads
        self._inbox: queue.SimpleQueue[_Begin | _End | _Stop] = queue.SimpleQueue()
        self._open: dict[AnyJob, Hashable | None] = {}  # unfinished jobs and their keys; the event loop's thread only
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
        self._running = False
        await self._stop()

    async def _stop(self) -> None:
        """Let the step that is running end, close all jobs on the device thread, and join it."""
        for job in list(self._open):
            job.fail(Stopped("Mien is shutting down, so this was not finished."))
        self._inbox.put(_Stop())
        try:
            await self._ended.wait()
        finally:
            self._thread.join()

    def submit(self, steps: Steps[Y, R], priority: Priority, *, replaces: Hashable | None = None) -> Job[Y, R]:
        """Queue a job; it starts when its first step is the most urgent.

        replaces: an unfinished older job of the same key ends at once with Replaced, whether it waits or runs.
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
        self._open[job] = replaces
        if replaces is not None:
            self._newest[replaces] = job
        self._inbox.put(_Begin(job, steps, priority))
        return job

    async def call(self, function: Callable[[], R], priority: Priority) -> R:
        """Run `function` on the device thread as a job of one step and return what it returns."""

        def one_step() -> Steps[None, R]:
            return function()
            yield  # what makes this a generator

        return await self.submit(one_step(), priority).result()

    def _admit(self, older: AnyJob | None) -> None:
        if not self._running:
            raise Stopped("The device is not running, so nothing can be done on it.")
        if older is None and len(self._open) >= self._max_waiting:
            raise Busy(f"{len(self._open)} requests are waiting already. Please try again in a moment.")

    def _forget(self, job: AnyJob) -> None:
        """A job is done: its place is free, and the device thread closes its steps if it has them still."""
        key = self._open.pop(job, None)
        if key is not None and self._newest.get(key) is job:
            del self._newest[key]
        self._inbox.put(_End(job))

    # --- the device thread ----------------------------------------------------------------------------------------

    def _live(self, ready: "asyncio.Future[torch.device]") -> None:
        try:
            device = _resolve(self._wanted, self._threads)
        except Exception as error:
            self._tell(_settle, ready, error)
        else:
            self._tell(_settle, ready, device)
            _Worker(self._inbox, device, self._loop).work()
        self._tell(self._ended.set)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)


class _Worker:
    """What the device thread keeps: the schedule and the generators of the jobs in it."""

    def __init__(
        self,
        inbox: "queue.SimpleQueue[_Begin | _End | _Stop]",
        device: "torch.device",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._inbox = inbox
        self._device = device
        self._tell = loop.call_soon_threadsafe
        self._report = loop.call_exception_handler
        self._schedule: Schedule[AnyJob] = Schedule()
        self._steps: dict[AnyJob, AnySteps] = {}

    def work(self) -> None:
        """Take commands and run steps until told to stop."""
        while self._take_commands():
            if len(self._schedule):
                self._step(self._schedule.next())
        for job in self._schedule.drain():
            self._close(job)

    def _take_commands(self) -> bool:
        """Empty the inbox; with nothing to run, wait for a command. False when it said stop."""
        while not (self._inbox.empty() and len(self._schedule)):
            command = self._inbox.get()
            if isinstance(command, _Stop):
                return False
            if isinstance(command, _Begin):
                self._steps[command.job] = command.steps
                self._schedule.add(command.job, command.priority)
            elif self._schedule.remove(command.job):
                self._close(command.job)
        return True

    def _step(self, job: AnyJob) -> None:
        """Run one step of `job` to its synchronised end and tell its waiter what came of it."""
        try:
            value = self._advance(self._steps[job])
        except StopIteration as end:
            self._drop(job)
            self._tell(job.finish, end.value)
        except BaseException as error:  # not even SystemExit may take the device from the others
            self._drop(job)
            self._tell(job.fail, _translate(error))
            self._free_after(error)
        else:
            self._schedule.stepped(job)
            if value is not None:
                self._tell(job.put, value)

    def _advance(self, steps: AnySteps) -> object:
        import torch

        # Entered for every step: a generator suspended inside its own `with torch.no_grad()` must not change others.
        with torch.inference_mode():
            value: object = next(steps)
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)  # a step ends when its work has ended, or priority is fiction
        return value

    def _drop(self, job: AnyJob) -> None:
        self._schedule.remove(job)
        del self._steps[job]

    def _close(self, job: AnyJob) -> None:
        """Close the generator of a job that is no longer wanted; its `finally` blocks run here."""
        import torch

        try:
            with torch.inference_mode():
                self._steps.pop(job).close()
        except Exception as error:
            context = {"message": "closing a cancelled job failed", "exception": error}
            self._tell(self._report, context)

    def _free_after(self, error: BaseException) -> None:
        """After an OOM, give what the failed job held back to the device."""
        import torch

        if _is_out_of_memory(error) and self._device.type == "cuda":
            error.__traceback__ = None  # its frames hold the job's tensors
            torch.cuda.empty_cache()


def _settle(ready: "asyncio.Future[torch.device]", outcome: "torch.device | Exception") -> None:
    if ready.done():  # whoever waited was cancelled
        return
    if isinstance(outcome, Exception):
        ready.set_exception(outcome)
    else:
        ready.set_result(outcome)


def _resolve(wanted: str, threads: int | None) -> "torch.device":
    """The torch device of a setting, ready for use on this thread. NoDevice when this machine has none such."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)  # the one place; OpenMP keeps this number per thread, so it must be this one
    cuda = torch.cuda.is_available()
    try:
        device = torch.device(("cuda" if cuda else "cpu") if wanted == "auto" else wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        have = "CUDA is available" if cuda else "only the CPU is"
        raise NoDevice(f"The device '{wanted}' cannot be used here ({have}): set it to 'auto' or 'cpu'.") from error
    return device


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    # The CPU allocator raises a plain RuntimeError; its wording is the only sign.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _translate(error: BaseException) -> Exception:
    """An OOM becomes NoRoom (without its traceback, whose frames hold tensors); everything else stays what it is."""
    if _is_out_of_memory(error):
        return NoRoom("The device's memory was too small for this; nothing else was affected. Try something smaller.")
    return error if isinstance(error, Exception) else RuntimeError(f"A step ended with {type(error).__name__}.")
