"""A planted out-of-memory error: one job fails, and the replies of the real starter go on and arrive."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
import torch

from inference.engine import Engine
from inference.gpu import Gpu
from inference.job import NoRoom, Priority, Steps
from inference.network import Segment
from inference.sampling import SamplingParams
from inference.tokens import Message
from tests.inference.tiny_card import GRAIN, TinyCard, layers

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASKED = ["What is in the oven?", "Who lives in the mill?", "Sing me a song!"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def device() -> AsyncIterator[Gpu]:
    """The CPU beside a card of 48 grains, on which guests come and go."""
    async with Gpu("cpu", threads=1, card=TinyCard(48 * GRAIN)) as gpu:
        yield gpu


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(device: Gpu, model_cache: Path) -> AsyncIterator[Engine]:
    async with Engine(device, "starter", model_cache) as engine:
        yield engine


async def said(engine: Engine, text: str) -> str:
    messages = [Message(role="system", content="You are Marigold, a pony."), Message(role="user", content=text)]
    params = SamplingParams(seed=3, max_tokens=12)
    return "".join([piece async for piece in engine.stream(messages, params)])


def planted() -> Steps[None, None]:
    yield None
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def huge() -> Steps[None, None]:
    yield None
    torch.empty(1 << 60, dtype=torch.int8)  # the CPU's own allocator refuses


@pytest.mark.parametrize("failing", [planted, huge])
@pytest.mark.parametrize("priority", [Priority.FEELING, Priority.REPLY, Priority.PREWARM])
async def test_one_job_fails_and_the_replies_arrive(
    device: Gpu, engine: Engine, failing: Callable[[], Steps[None, None]], priority: Priority
) -> None:
    alone = [await said(engine, text) for text in ASKED]
    guest = await device.call(lambda: device.residency.invite("painter", layers(30)), Priority.PORTRAIT)

    def painting() -> Steps[None, int]:
        for _ in range(4):
            with device.residency.hosting(guest):
                yield None
        return 4

    replies = [asyncio.create_task(said(engine, text)) for text in ASKED]
    portrait = device.submit(painting(), Priority.PORTRAIT)
    failures = [device.submit(failing(), priority) for _ in range(3)]
    for failure in failures:
        with pytest.raises(NoRoom, match="nothing else was affected"):
            await failure.result()
    assert await asyncio.gather(*replies) == alone
    assert await portrait.result() == 4
    await device.call(lambda: device.residency.dismiss(guest), Priority.PORTRAIT)


def short_of_memory(engine: Engine, times: int) -> Callable[[Sequence[Segment]], list[torch.Tensor]]:
    """The engine's shared read, for which there is no memory the first `times` that all replies are in it."""
    read, left = engine._batch.network.read, [times]

    def instead(segments: Sequence[Segment]) -> list[torch.Tensor]:
        if len(segments) == len(ASKED) and left[0]:
            left[0] -= 1
            torch.empty(1 << 60, dtype=torch.int8)
        return read(segments)

    return instead


@pytest.mark.parametrize(("times", "lost"), [(1, 0), (1_000_000, 1)])
async def test_replies_that_do_not_fit_together_are_written_all_but_the_one_too_many(
    device: Gpu, engine: Engine, monkeypatch: pytest.MonkeyPatch, times: int, lost: int
) -> None:
    """Whoever runs the shared read fails and goes on once; nobody's words change."""
    alone = [await said(engine, text) for text in ASKED]
    monkeypatch.setattr(engine._batch.network, "read", short_of_memory(engine, times))
    told = await asyncio.gather(*(said(engine, text) for text in ASKED), return_exceptions=True)
    assert [type(one) for one in told].count(NoRoom) == lost
    assert all(one == then for one, then in zip(told, alone, strict=True) if isinstance(one, str))
    assert sum(isinstance(one, str) for one in told) == len(ASKED) - lost
