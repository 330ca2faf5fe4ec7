"""The real device thread; what the steps do is decided by the tests' events, so that every order is certain."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import torch

from inference.gpu import Gpu, NoDevice
from inference.job import Busy, Job, NoRoom, Priority, Replaced, Steps, Stopped, TimedOut
from inference.schedule import Schedule
from tests.inference.tiny_card import GRAIN, TinyCard, layers

PATIENCE = 30.0  # seconds until a step that waits for its test gives up


@pytest.fixture
async def gpu() -> AsyncIterator[Gpu]:
    async with Gpu("cpu", max_waiting=4) as device:
        yield device


class Held:
    """A job whose one step keeps the device until `release`."""

    def __init__(self, gpu: Gpu) -> None:
        self._started = asyncio.Event()
        self._release = threading.Event()
        loop = asyncio.get_running_loop()

        def steps() -> Steps[None, None]:
            loop.call_soon_threadsafe(self._started.set)
            assert self._release.wait(PATIENCE)
            yield

        self.job = gpu.submit(steps(), Priority.FEELING)

    async def started(self) -> None:
        await asyncio.wait_for(self._started.wait(), PATIENCE)

    def release(self) -> None:
        self._release.set()


async def held(gpu: Gpu) -> Held:
    hold = Held(gpu)
    await hold.started()
    return hold


def named(name: str, steps: int, record: list[str]) -> Steps[str, str]:
    try:
        for number in range(steps):
            record.append(name)
            yield f"{name}{number}"
        return name.upper()
    finally:
        record.append(f"/{name}")


async def everything(job: Job[str, str]) -> list[str]:
    return [value async for value in job]


async def test_a_job_hands_out_what_its_steps_yield_and_return(gpu: Gpu) -> None:
    job = gpu.submit(named("a", 3, []), Priority.REPLY)
    assert await everything(job) == ["a0", "a1", "a2"]
    assert await job.result() == "A"
    assert job.done
    assert await everything(job) == []


async def test_none_is_a_step_without_a_value(gpu: Gpu) -> None:
    def steps() -> Steps[int, None]:
        yield None
        yield 0
        yield None

    assert [value async for value in gpu.submit(steps(), Priority.REPLY)] == [0]


async def test_every_step_runs_on_one_thread_in_inference_mode(gpu: Gpu) -> None:
    def steps() -> Steps[tuple[str, bool], None]:
        with torch.enable_grad():  # stays open while others step
            yield threading.current_thread().name, torch.is_inference_mode_enabled()
            yield None

    first = [value async for value in gpu.submit(steps(), Priority.REPLY)]
    second = await gpu.call(
        lambda: (threading.current_thread().name, torch.is_inference_mode_enabled()), Priority.REPLY
    )
    assert first == [("mien-gpu", True)]
    assert second == ("mien-gpu", True)


async def test_between_steps_the_most_urgent_job_goes_next(gpu: Gpu) -> None:
    record: list[str] = []
    hold = await held(gpu)
    jobs = [
        gpu.submit(named("p", 2, record), Priority.PORTRAIT),
        gpu.submit(named("r", 2, record), Priority.REPLY),
        gpu.submit(named("f", 1, record), Priority.FEELING),
    ]
    hold.release()
    for job in jobs:
        await job.result()
    assert record == ["f", "/f", "r", "r", "/r", "p", "p", "/p"]


async def test_a_reply_arriving_during_a_painting_waits_one_step(gpu: Gpu) -> None:
    record: list[str] = []
    entered, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def painting() -> Steps[None, None]:
        for number in range(3):
            record.append(f"p{number}")
            if number == 1:
                loop.call_soon_threadsafe(entered.set)
                assert go_on.wait(PATIENCE)
            yield

    portrait = gpu.submit(painting(), Priority.PORTRAIT)
    await asyncio.wait_for(entered.wait(), PATIENCE)
    reply = gpu.submit(named("r", 2, record), Priority.REPLY)
    go_on.set()
    await reply.result()
    await portrait.result()
    assert record == ["p0", "p1", "r", "r", "/r", "p2"]


async def test_equal_jobs_take_turns(gpu: Gpu) -> None:
    record: list[str] = []
    hold = await held(gpu)
    jobs = [gpu.submit(named(name, 2, record), Priority.REPLY) for name in "abc"]
    hold.release()
    for job in jobs:
        await job.result()
    assert "".join(record) == "abcabc/a/b/c"


async def test_a_newer_job_of_a_key_replaces_the_one_that_waits(gpu: Gpu) -> None:
    record: list[str] = []
    hold = await held(gpu)
    older = gpu.submit(named("old", 1, record), Priority.PORTRAIT, replaces="channel 1")
    other = gpu.submit(named("other", 1, record), Priority.PORTRAIT, replaces="channel 2")
    newer = gpu.submit(named("new", 1, record), Priority.PORTRAIT, replaces="channel 1")
    with pytest.raises(Replaced, match=r"^A newer request took this one's place\.$"):
        await older.result()
    with pytest.raises(Replaced):
        await everything(older)
    hold.release()
    assert (await other.result(), await newer.result()) == ("OTHER", "NEW")
    assert "old" not in record


async def test_a_newer_job_of_a_key_replaces_the_one_that_runs(gpu: Gpu) -> None:
    record: list[str] = []
    older = gpu.submit(named("old", 1_000_000, record), Priority.PORTRAIT, replaces=7)
    assert await anext(older) == "old0"
    newer = gpu.submit(named("new", 1, record), Priority.PORTRAIT, replaces=7)
    assert await newer.result() == "NEW"
    with pytest.raises(Replaced):
        await older.result()
    assert "/old" in record


async def test_a_finished_job_is_not_replaced(gpu: Gpu) -> None:
    first = gpu.submit(named("a", 1, []), Priority.PORTRAIT, replaces="k")
    assert await first.result() == "A"
    second = gpu.submit(named("b", 1, []), Priority.PORTRAIT, replaces="k")
    assert (await first.result(), await second.result()) == ("A", "B")


async def test_a_full_queue_is_busy_and_says_so(gpu: Gpu) -> None:
    hold = await held(gpu)
    waiting = [gpu.submit(named("a", 1, []), Priority.REPLY, replaces=key) for key in range(3)]
    with pytest.raises(Busy, match=r"^4 requests are waiting already\. Please try again in a moment\.$"):
        gpu.submit(named("late", 1, []), Priority.FEELING)
    newer = gpu.submit(named("b", 1, []), Priority.REPLY, replaces=2)  # takes a place, needs none
    waiting[0].cancel()
    gpu.submit(named("c", 1, []), Priority.REPLY).cancel()
    hold.release()
    assert (await waiting[1].result(), await newer.result()) == ("A", "B")
    assert await gpu.submit(named("d", 1, []), Priority.REPLY).result() == "D"


async def test_cancelling_closes_the_steps_on_the_device_thread(gpu: Gpu) -> None:
    closed_on: list[str] = []

    def endless() -> Steps[int, None]:
        try:
            while True:
                yield 1
        finally:
            closed_on.append(threading.current_thread().name)

    job = gpu.submit(endless(), Priority.REPLY)
    assert await anext(job) == 1
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job.result()
    await gpu.call(lambda: None, Priority.REPLY)
    assert closed_on == ["mien-gpu"]


async def test_a_cancelled_waiter_cancels_its_job(gpu: Gpu) -> None:
    record: list[str] = []
    hold = await held(gpu)
    job = gpu.submit(named("a", 1, record), Priority.REPLY)
    waiter = asyncio.create_task(job.result())
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    hold.release()
    await hold.job.result()
    await gpu.call(lambda: None, Priority.PREWARM)
    assert job.done
    assert record == []


async def test_a_failing_step_reaches_only_its_own_waiter(gpu: Gpu) -> None:
    def failing() -> Steps[int, None]:
        yield 1
        raise ValueError("a broken step")

    hold = await held(gpu)
    bad = gpu.submit(failing(), Priority.REPLY)
    good = gpu.submit(named("g", 3, []), Priority.REPLY)
    hold.release()
    seen = []
    with pytest.raises(ValueError, match="a broken step"):
        async for value in bad:
            seen.append(value)
    assert seen == [1]
    with pytest.raises(ValueError, match="a broken step"):
        await bad.result()
    assert await good.result() == "G"


def out_of_memory(error: BaseException) -> Steps[None, None]:
    yield
    raise error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
async def test_out_of_memory_fails_that_job_alone_with_a_sentence(gpu: Gpu, error: Exception) -> None:
    hold = await held(gpu)
    bad = gpu.submit(out_of_memory(error), Priority.REPLY)
    good = gpu.submit(named("g", 3, []), Priority.REPLY)
    hold.release()
    with pytest.raises(NoRoom, match="memory was too small for this; nothing else was affected"):
        await bad.result()
    assert await good.result() == "G"


async def test_an_allocation_the_cpu_cannot_make_is_no_room(gpu: Gpu) -> None:
    with pytest.raises(NoRoom):
        await gpu.call(lambda: torch.empty(1 << 60, dtype=torch.int8), Priority.REPLY)


def two_tries(gpu: Gpu, record: list[str], second: Steps[str, str]) -> Job[str, str]:
    """A job whose second step runs out of memory, and what it does then."""

    def first() -> Steps[str, str]:
        try:
            record.append("big")
            yield "big"
            torch.empty(1 << 60, dtype=torch.int8)
            raise AssertionError("there was room")
        finally:
            record.append("/big")

    return gpu.submit(first(), Priority.REPLY, smaller=lambda: second)


async def test_after_an_out_of_memory_the_job_does_something_smaller(gpu: Gpu) -> None:
    record: list[str] = []
    job = two_tries(gpu, record, named("small", 2, record))
    beside = gpu.submit(named("b", 4, []), Priority.REPLY)
    assert await everything(job) == ["big", "small0", "small1"]
    assert await job.result() == "SMALL"
    assert record == ["big", "/big", "small", "small", "/small"]
    assert await beside.result() == "B"


async def test_what_is_smaller_and_still_too_large_is_no_room(gpu: Gpu) -> None:
    tries: list[str] = []

    def still_too_large() -> Steps[str, str]:
        tries.append("small")
        yield None
        torch.empty(1 << 60, dtype=torch.int8)
        return "never"

    with pytest.raises(NoRoom):
        await two_tries(gpu, [], still_too_large()).result()
    assert tries == ["small"]
    assert await gpu.call(lambda: 5, Priority.REPLY) == 5


async def test_smaller_is_for_memory_only(gpu: Gpu) -> None:
    record: list[str] = []
    job = gpu.submit(out_of_memory(ValueError("no")), Priority.REPLY, smaller=lambda: named("s", 1, record))
    with pytest.raises(ValueError, match="no"):
        await job.result()
    assert record == []


async def test_a_smaller_that_cannot_begin_fails_its_own_job(gpu: Gpu) -> None:
    def broken() -> Steps[None, None]:
        raise ZeroDivisionError

    job = gpu.submit(out_of_memory(MemoryError()), Priority.REPLY, smaller=broken)
    with pytest.raises(ZeroDivisionError):
        await job.result()
    assert await gpu.call(lambda: 5, Priority.REPLY) == 5


async def test_after_an_out_of_memory_guests_have_left_and_the_step_holds_nothing() -> None:
    card = TinyCard(48 * GRAIN)
    async with Gpu("cpu", card=card) as gpu:
        painter = await gpu.call(lambda: gpu.residency.invite("painter", layers(30)), Priority.PORTRAIT)

        def painting() -> Steps[str, None]:
            with gpu.residency.hosting(painter):
                yield "painted"

        def reply() -> Steps[None, int]:
            tensor = card.allocate(10 * GRAIN)
            yield None
            try:
                raise KeyError(tensor)  # other trouble, whose frames are the context of what comes next
            except KeyError:
                card.allocate(40 * GRAIN)
            return 0

        def smaller_reply() -> Steps[None, int]:
            yield None
            return card.free()

        assert await everything(gpu.submit(painting(), Priority.PORTRAIT)) == ["painted"]
        assert card.taken == 30 * GRAIN
        assert await gpu.submit(reply(), Priority.REPLY, smaller=smaller_reply).result() == 48 * GRAIN
        with pytest.raises(NoRoom):
            await gpu.submit(reply(), Priority.REPLY).result()
        assert await everything(gpu.submit(painting(), Priority.PORTRAIT)) == ["painted"]
        assert [(one.name, one.here) for one in gpu.residency.residents] == [("painter", True)]


async def test_what_the_failed_step_held_is_free_before_anybody_is_sent_out() -> None:
    free_when_measured: list[int] = []

    class Watched(TinyCard):
        def free(self) -> int:
            free_when_measured.append(super().free())
            return free_when_measured[-1]

    async with Gpu("cpu", card=(card := Watched(48 * GRAIN))) as gpu:

        def greedy() -> Steps[None, None]:
            mine = card.allocate(30 * GRAIN)
            card.allocate(30 * GRAIN)
            del mine
            yield

        with pytest.raises(NoRoom):
            await gpu.submit(greedy(), Priority.REPLY).result()
    assert free_when_measured[0] == 48 * GRAIN


async def test_a_guest_that_is_used_across_steps_outlives_the_out_of_memory_of_another() -> None:
    card = TinyCard(48 * GRAIN)
    async with Gpu("cpu", card=card) as gpu:
        painter = await gpu.call(lambda: gpu.residency.invite("painter", layers(30)), Priority.PORTRAIT)

        def painting() -> Steps[bool, None]:
            with gpu.residency.hosting(painter):
                for _ in range(2):
                    yield painter.here

        job = gpu.submit(painting(), Priority.PREWARM)
        assert await anext(job)
        with pytest.raises(NoRoom):
            await gpu.call(lambda: card.allocate(20 * GRAIN), Priority.REPLY)
        assert await everything(job) == [True]


async def test_a_job_that_takes_too_long_is_given_up(gpu: Gpu) -> None:
    record: list[str] = []
    running = gpu.submit(named("run", 1_000_000, record), Priority.REPLY, timeout=0.05)
    with pytest.raises(TimedOut, match=r"^This was not finished within 0\.05 seconds and was given up"):
        await everything(running)
    with pytest.raises(TimedOut):
        await running.result()
    await gpu.call(lambda: None, Priority.REPLY)
    assert record[-1] == "/run"


async def test_waiting_counts_as_taking_long(gpu: Gpu) -> None:
    record: list[str] = []
    hold = await held(gpu)
    with pytest.raises(TimedOut):
        await gpu.submit(named("wait", 1, record), Priority.REPLY, timeout=0.01).result()
    hold.release()
    await gpu.call(lambda: None, Priority.PREWARM)
    assert record == []


async def test_a_job_in_time_is_not_given_up_later(gpu: Gpu) -> None:
    job = gpu.submit(named("a", 1, []), Priority.REPLY, timeout=0.5)
    assert await job.result() == "A"
    await asyncio.sleep(0.6)
    assert await job.result() == "A"


async def test_even_a_system_exit_leaves_the_device_to_the_others(gpu: Gpu) -> None:
    with pytest.raises(RuntimeError, match="SystemExit"):
        await gpu.submit(out_of_memory(SystemExit(3)), Priority.REPLY).result()
    assert await gpu.call(lambda: 5, Priority.REPLY) == 5


async def test_a_failing_finally_of_a_cancelled_job_is_reported(gpu: Gpu) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))

    def untidy() -> Steps[int, None]:
        try:
            while True:
                yield 1
        finally:
            raise ValueError("untidy")

    job = gpu.submit(untidy(), Priority.REPLY)
    await anext(job)
    job.cancel()
    await gpu.call(lambda: None, Priority.REPLY)
    assert [str(report["exception"]) for report in reports] == ["untidy"]


async def test_leaving_closes_every_job_and_joins_the_thread() -> None:
    record: list[str] = []
    before = threading.active_count()
    async with Gpu("cpu") as gpu:
        running = gpu.submit(named("run", 1_000_000, record), Priority.REPLY)
        await anext(running)
        waiting = gpu.submit(named("wait", 1, record), Priority.PREWARM)
        unheard = gpu.submit(named("unheard", 1_000_000, record), Priority.PREWARM)
    assert threading.active_count() == before
    assert "/run" in record
    for job in (running, waiting, unheard):
        assert job.done
    with pytest.raises(Stopped, match="shutting down"):
        await waiting.result()
    with pytest.raises(Stopped, match="not running"):
        gpu.submit(named("late", 1, record), Priority.REPLY)
    gc.collect()  # an exception that nobody fetched would be a warning here


async def test_when_the_thread_itself_fails_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))

    def broken(schedule: Schedule[Any]) -> Any:
        raise ZeroDivisionError

    async with Gpu("cpu") as gpu:
        monkeypatch.setattr(Schedule, "next", broken)
        with pytest.raises(Stopped, match="please restart Mien"):
            await gpu.call(lambda: None, Priority.REPLY)
        with pytest.raises(Stopped, match="not running"):
            await gpu.call(lambda: None, Priority.REPLY)
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]


async def test_a_device_that_is_not_here_is_one_sentence() -> None:
    before = threading.active_count()
    for wanted in ("cuda:99", "toaster", "xpu"):
        with pytest.raises(NoDevice, match=f"^The device '{wanted}' cannot be used here .* 'auto' or 'cpu'\\.$"):
            async with Gpu(wanted):
                pass
    assert threading.active_count() == before


async def test_threads_are_set_on_the_device_thread() -> None:
    async with Gpu("cpu", threads=1) as gpu:
        assert await gpu.call(torch.get_num_threads, Priority.REPLY) == 1
