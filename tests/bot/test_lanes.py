"""One thing at a time per channel, channels side by side."""

import asyncio
import logging

import pytest

from bot.lanes import Lanes


class Bench:
    """Work that ends when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []
        self.may_end: dict[str, asyncio.Event] = {}
        self.news = asyncio.Condition()

    async def work(self, thing: str) -> None:
        await self._tell(self.begun, thing)
        await self.may_end.setdefault(thing, asyncio.Event()).wait()
        await self._tell(self.done, thing)

    async def _tell(self, where: list[str], thing: str) -> None:
        async with self.news:
            where.append(thing)
            self.news.notify_all()

    async def end(self, thing: str) -> None:
        self.may_end.setdefault(thing, asyncio.Event()).set()
        async with self.news:
            await self.news.wait_for(lambda: thing in self.done)

    async def has_begun(self, *things: str) -> None:
        async with self.news:
            await self.news.wait_for(lambda: set(things) <= set(self.begun))


async def test_a_channel_works_in_order_and_never_on_two_at_once() -> None:
    bench = Bench()
    async with Lanes(bench.work) as lanes:
        for thing in ("one", "two", "three"):
            assert lanes.put(1, thing)
        await bench.has_begun("one")
        assert (bench.begun, lanes.waiting) == (["one"], 2)
        for thing in ("one", "two", "three"):
            await bench.end(thing)
    assert bench.begun == bench.done == ["one", "two", "three"]


async def test_channels_do_not_wait_for_each_other() -> None:
    bench = Bench()
    async with Lanes(bench.work) as lanes:
        lanes.put(1, "slow")
        lanes.put(2, "quick")
        await bench.has_begun("slow", "quick")
        await bench.end("quick")
        assert bench.done == ["quick"]


async def test_a_full_channel_refuses_and_takes_again_later() -> None:
    bench = Bench()
    async with Lanes(bench.work, most_waiting=1) as lanes:
        assert lanes.put(1, "worked on")
        await bench.has_begun("worked on")
        assert lanes.put(1, "waiting")
        assert not lanes.put(1, "refused")
        assert lanes.put(2, "elsewhere")
        await bench.end("worked on")
        await bench.has_begun("waiting")
        assert lanes.put(1, "later")
        await bench.end("waiting")
        await bench.end("later")


async def test_one_failure_does_not_stop_the_channel(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    async def work(thing: str) -> None:
        if thing == "bad":
            raise RuntimeError("bad dough")
        await bench.work(thing)

    async with Lanes(work) as lanes:
        lanes.put(1, "bad")
        lanes.put(1, "good")
        with caplog.at_level(logging.CRITICAL, "bot.lanes"):
            await bench.end("good")


async def test_leaving_cancels_what_runs_and_forgets_what_waits() -> None:
    bench, cancelled = Bench(), asyncio.Event()

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with Lanes(bench.work) as lanes:
        lanes.put(1, "running")
        lanes.put(1, "waiting")
        lanes.aside(beside())
        await bench.has_begun("running")
    assert cancelled.is_set()
    assert (bench.begun, bench.done, lanes.waiting) == (["running"], [], 0)
