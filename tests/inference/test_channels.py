"""Sixteen channels at once on the starter: all are answered, none hears another, and the memory comes back."""

import asyncio
import gc
import resource
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from inference.engine import Engine
from inference.gpu import Gpu
from inference.job import Busy, Priority
from inference.sampling import SamplingParams
from inference.tokens import Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHANNELS = 16
GREEDY = SamplingParams(temperature=0.0, repetition_penalty=1.0, max_tokens=24)
SECRETS = (
    *("anchor", "basil", "cedar", "delta", "ember", "fjord", "ginger", "hazel"),
    *("indigo", "jasmine", "kettle", "lemon", "maple", "nutmeg", "olive", "pepper"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gpu() -> AsyncIterator[Gpu]:
    async with Gpu("cpu", max_waiting=CHANNELS) as device:
        yield device


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(gpu: Gpu, model_cache: Path) -> AsyncIterator[Engine]:
    async with Engine(gpu, "starter", model_cache, prefix_bytes=16 << 20) as engine:
        yield engine


def chat(channel: int, padding: int = 0) -> list[Message]:
    secret = SECRETS[channel]
    return [
        Message(role="system", content=f"The secret word of this channel is {secret}." + " It is quiet." * padding),
        Message(role="user", content=f"{secret}, {secret}, {secret}. Which word did I say?"),
        Message(role="assistant", content="You said"),
    ]


async def said(engine: Engine, messages: list[Message], params: SamplingParams = GREEDY) -> str:
    return "".join([piece async for piece in engine.stream(messages, params)])


def check(channel: int, text: str) -> None:
    """It says its own secret and nobody else's."""
    assert [secret for secret in SECRETS if secret in text.lower()] == [SECRETS[channel]], f"{channel}: {text!r}"


async def test_every_channel_is_answered_as_it_is_alone_and_none_hears_another(engine: Engine) -> None:
    together = await asyncio.gather(*(said(engine, chat(channel)) for channel in range(CHANNELS)))
    for channel, text in enumerate(together):
        check(channel, text)
    alone = [await said(engine, chat(channel)) for channel in range(CHANNELS)]
    assert together == alone
    drawn = [SamplingParams(seed=channel, max_tokens=12) for channel in range(CHANNELS)]
    together = await asyncio.gather(*(said(engine, chat(number), params) for number, params in enumerate(drawn)))
    assert together[:4] == [await said(engine, chat(number), drawn[number]) for number in range(4)]


async def test_one_channel_too_many_is_told_so_and_the_others_are_answered(engine: Engine, gpu: Gpu) -> None:
    waiting = [asyncio.create_task(said(engine, chat(channel))) for channel in range(CHANNELS)]
    while gpu.unfinished[Priority.REPLY] < CHANNELS:  # noqa: ASYNC110  # nothing tells how many wait
        await asyncio.sleep(0)
    with pytest.raises(Busy, match=r"^16 requests are waiting already\."):
        await said(engine, chat(0))
    for channel, text in enumerate(await asyncio.gather(*waiting)):
        check(channel, text)


async def test_channels_that_are_given_up_leave_the_others_their_words(engine: Engine, gpu: Gpu) -> None:
    async def give_up(channel: int) -> None:
        """Hear some pieces and leave: the first channels at once, the last ones late."""
        async with aclosing(engine.stream(chat(channel), GREEDY)) as pieces:
            for _ in range(channel // 2):
                await anext(pieces)

    texts = await asyncio.gather(
        *(give_up(channel) if channel % 2 else said(engine, chat(channel)) for channel in range(CHANNELS))
    )
    for channel in range(0, CHANNELS, 2):
        check(channel, texts[channel] or "")
    assert await gpu.call(lambda: "free", Priority.PREWARM) == "free"


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def test_the_memory_comes_back(engine: Engine) -> None:
    """Rounds of sixteen channels, replies and drafts, half of them given up; after two rounds (the allocator's arenas
    and the prompts that are kept have their size then) the process does not grow by more than 2 %."""
    short = replace(GREEDY, max_tokens=6)

    async def given_up(channel: int) -> None:
        async with aclosing(engine.stream(chat(channel), GREEDY)) as pieces:
            await anext(pieces)

    async def once(number: int) -> int:
        await asyncio.gather(
            *(said(engine, chat(channel, number), short) for channel in range(6)),
            *(given_up(channel) for channel in range(6, 12)),
            *(engine.draft(chat(channel, number), short, 3, against=chat(0)) for channel in range(12, CHANNELS)),
        )
        return resident()

    held = [await once(number) for number in range(5)]
    assert min(held[3:]) <= held[1] * 1.02, [f"{each >> 20} MiB" for each in held]
