"""The device thread's own work: take commands, run steps, tell what came of them.

Runs on the device thread only, and is told everything by `Begin`, `End` and `Stop` commands in its inbox. Imports
torch when it starts, so that whoever only submits jobs need not wait for it.
"""

import asyncio
import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from inference.job import Job, NoRoom, Priority, Steps
from inference.schedule import Schedule

if TYPE_CHECKING:
    import torch

    from inference.card import Card
    from inference.residency import Residency

# The device runs jobs of every type: what a job yields and returns is the business of those who brought it.
AnyJob = Job[Any, Any]
AnySteps = Steps[Any, Any]


class NoDevice(Exception):
    """The device of the settings is not in this machine; read by admins."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Take this job into the schedule."""

    job: AnyJob
    steps: AnySteps
    priority: Priority
    smaller: Callable[[], AnySteps] | None = None


@dataclass(frozen=True, slots=True)
class End:
    """This job is done or no longer wanted: close its steps if they are still here."""

    job: AnyJob


class Stop:
    """Close every job and end the thread."""


Command: TypeAlias = Begin | End | Stop


class Worker:
    """What the device thread keeps: the schedule and the generators of the jobs in it."""

    def __init__(
        self,
        inbox: "queue.SimpleQueue[Command]",
        device: "torch.device",
        residency: "Residency",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._inbox = inbox
        self._device = device
        self._residency = residency
        self._tell = loop.call_soon_threadsafe
        self._report = loop.call_exception_handler
        self._schedule: Schedule[AnyJob] = Schedule()
        self._steps: dict[AnyJob, AnySteps] = {}
        self._smaller: dict[AnyJob, Callable[[], AnySteps]] = {}  # what a job may run once instead

    def work(self) -> BaseException | None:
        """Take commands and run steps until told to stop; returns what went wrong here, outside of any step."""
        failure: BaseException | None = None
        try:
            while self._take_commands():
                self._step(self._schedule.next())
        except BaseException as error:
            failure = error
        for job in self._schedule.drain():
            self._close(job)
        return failure

    def _take_commands(self) -> bool:
        """Empty the inbox, waiting for commands until there is something to run. False when one said stop."""
        while not (self._inbox.empty() and len(self._schedule)):
            command = self._inbox.get()
            if isinstance(command, Stop):
                return False
            if isinstance(command, Begin):
                self._begin(command)
            elif self._schedule.remove(command.job):
                self._close(command.job)
        return True

    def _begin(self, command: Begin) -> None:
        self._steps[command.job] = command.steps
        if command.smaller is not None:
            self._smaller[command.job] = command.smaller
        self._schedule.add(command.job, command.priority)

    def _step(self, job: AnyJob) -> None:
        """Run one step of `job` to its synchronised end and tell its waiter what came of it."""
        try:
            value = self._advance(self._steps[job])
        except StopIteration as end:
            self._schedule.remove(job)
            self._close(job)
            self._tell(job.finish, end.value)
        except BaseException as error:  # not even SystemExit may take the device from the others
            self._failed(job, error)
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

    def _failed(self, job: AnyJob, error: BaseException) -> None:
        """Fail this job alone; but one that ran out of memory may once do something smaller, when room was made."""
        out_of_memory = _is_out_of_memory(error)
        smaller = self._smaller.get(job) if out_of_memory else None
        self._close(job)
        if out_of_memory:
            self._make_room(error)
        if smaller is not None:
            self._steps[job] = _again(smaller)
            self._schedule.stepped(job)
        else:
            self._schedule.remove(job)
            self._tell(job.fail, _translate(error))

    def _make_room(self, error: BaseException) -> None:
        """After an OOM: what the failed step held goes back to the device, and guests that are not in use leave."""
        cause: BaseException | None = error
        while cause is not None:
            cause.__traceback__, cause = None, cause.__context__  # its frames hold the step's tensors
        if not isinstance(error, NoRoom):  # who says so knows that nobody else's leaving would help
            self._residency.send_out()

    def _close(self, job: AnyJob) -> None:
        """Close the steps of a job, and forget them; the `finally` blocks of one that is no longer wanted run here."""
        import torch

        self._smaller.pop(job, None)
        try:
            with torch.inference_mode():
                self._steps.pop(job).close()
        except Exception as error:
            context = {"message": "closing a cancelled job failed", "exception": error}
            self._tell(self._report, context)


def _again(smaller: Callable[[], AnySteps]) -> AnySteps:
    """`smaller` as steps of its own, so that what it raises is told like what any step raises."""
    return (yield from smaller())


def resolve(wanted: str, threads: int | None, card: "Card | None") -> "tuple[torch.device, Residency]":
    """The torch device of a setting, ready for use on this thread, and who is on its card.

    NoDevice when this machine has none such.
    """
    import torch

    from inference.card import card_of
    from inference.residency import Residency

    if threads is not None:
        torch.set_num_threads(threads)  # the one place; OpenMP keeps this number per thread, so it must be this one
    cuda = torch.cuda.is_available()
    try:
        device = torch.device(("cuda" if cuda else "cpu") if wanted == "auto" else wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        have = "CUDA is available" if cuda else "only the CPU is"
        raise NoDevice(f"The device '{wanted}' cannot be used here ({have}): set it to 'auto' or 'cpu'.") from error
    return device, Residency(card or card_of(device))


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    # The CPU allocator raises a plain RuntimeError; its wording is the only sign.
    return isinstance(error, torch.OutOfMemoryError | MemoryError | NoRoom) or "can't allocate memory" in str(error)


def _translate(error: BaseException) -> Exception:
    """An OOM becomes NoRoom (without its traceback, whose frames hold tensors); everything else stays what it is."""
    if _is_out_of_memory(error) and not isinstance(error, NoRoom):
        return NoRoom("The device's memory was too small for this; nothing else was affected. Try something smaller.")
    return error if isinstance(error, Exception) else RuntimeError(f"A step ended with {type(error).__name__}.")
