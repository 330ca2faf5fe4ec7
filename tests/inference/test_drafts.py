"""Several replies to one prompt, on the starter model: what they are, how they end, what they weigh."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import torch

from inference.batch import Batch
from inference.cache import PrefixCache
from inference.decode import drafts, reply, seed_of
from inference.engine import Engine, Guidance, TooLong
from inference.family import network_of
from inference.gpu import Gpu
from inference.job import NoRoom, TimedOut
from inference.loader import Loaded
from inference.sampling import SamplingParams
from inference.tokens import Message, Tokens
from inference.writer import Wish
from tests.inference.conftest import Run

pytestmark = pytest.mark.asyncio(loop_scope="module")
PARAMS = SamplingParams(seed=5, max_tokens=24)
CHAT = [
    Message(role="system", content="You are Marigold, a cheerful pony who bakes muffins."),
    Message(role="user", content="Good morning! What is in the oven?"),
]
GRUMPY = [Message(role="system", content="You are Bram, a bear who hates visitors."), CHAT[1]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(model_cache: Path) -> AsyncIterator[Engine]:
    async with Gpu("cpu") as gpu, Engine(gpu, "starter", model_cache, kv_bytes=128 << 20) as engine:
        yield engine


async def said(engine: Engine, params: SamplingParams) -> str:
    return "".join([piece async for piece in engine.stream(CHAT, params)])


def mean_log_probability(starter: Loaded, messages: list[Message], text: str) -> float:
    """The definition, read at once; the text's own tokens are those it is encoded with."""
    tokens = Tokens(starter.tokenizer)
    before, after = tokens.prompt(messages), tokens.literal(text)
    with torch.inference_mode():
        logits = starter.model(torch.tensor([before + after])).logits[0].double()
    picked = torch.log_softmax(logits, -1)[len(before) - 1 : -1].gather(1, torch.tensor(after)[:, None])
    return float(picked.mean())


async def test_a_single_draft_is_the_streamed_reply_and_all_drafts_can_be_had_again(engine: Engine) -> None:
    drafts = await engine.draft(CHAT, PARAMS, 4)
    assert len({draft.text for draft in drafts}) == 4
    assert await engine.draft(CHAT, PARAMS, 4) == drafts
    assert all(draft.against is None for draft in drafts)
    (single,) = await engine.draft(CHAT, PARAMS, 1)
    assert single.text == await said(engine, PARAMS)


async def test_each_draft_is_the_reply_of_its_own_seed(tiny: Any, run: Run) -> None:
    """On a float32 model, where sharing the prompt changes less than any draw notices."""
    batch, prompt = Batch(network_of(tiny), PrefixCache(1 << 20)), list(range(3, 90))
    params = SamplingParams(seed=3, max_tokens=20, temperature=1.2)

    def wish(seed: int | None) -> Wish:
        own = replace(params, seed=seed)
        return Wish(prompt, own, lambda ids: "".join(f"{id} " for id in ids), frozenset({2}))

    _, together = run(drafts(batch, wish(3), 4, None))
    alone = ["".join(run(reply(batch, wish(seed_of(3, number))))[0]) for number in range(4)]
    assert [draft.text for draft in together] == alone
    assert seed_of(3, 0) == 3
    assert len({seed_of(seed, number) for seed in range(50) for number in range(1, 50)}) == 50 * 49


async def test_without_a_seed_drafts_differ_from_time_to_time(engine: Engine) -> None:
    hot = SamplingParams(temperature=1.5, max_tokens=16)
    first, second = await engine.draft(CHAT, hot, 2), await engine.draft(CHAT, hot, 2)
    assert len({draft.text for draft in first + second}) == 4


async def test_how_a_draft_ends(engine: Engine) -> None:
    long = SamplingParams(temperature=0.0, repetition_penalty=1.0, max_tokens=60)
    (cut,) = await engine.draft(CHAT, replace(long, max_tokens=4), 1)
    assert cut.ended == "length"
    (stopped,) = await engine.draft(CHAT, replace(long, stop=(cut.text[3:7],)), 1)
    assert (stopped.ended, stopped.text) == ("stop", cut.text[:3])
    (enough,) = await engine.draft(CHAT, long, 1, enough=lambda text: len(text) >= 7)
    assert enough.ended == "stop"
    assert cut.text.startswith(enough.text) and len(enough.text) >= 7
    closing = [*CHAT, Message(role="assistant", content="Muffins, of course. Good bye!")]
    (finished,) = await engine.draft(closing, long, 1)
    assert finished.ended == "end"


async def test_what_drafts_weigh_is_the_models_own_say_whatever_drew_them(engine: Engine, starter: Loaded) -> None:
    params = SamplingParams(temperature=0.0, max_tokens=20, logit_bias={11: -5.0})
    for guidance in (None, Guidance(GRUMPY, 1.5)):
        drafts = await engine.draft(CHAT, params, 2, guidance=guidance, against=GRUMPY)
        for draft in drafts:
            assert draft.likelihood == pytest.approx(mean_log_probability(starter, CHAT, draft.text), abs=0.05)
            assert draft.against == pytest.approx(mean_log_probability(starter, GRUMPY, draft.text), abs=0.05)


async def test_drafts_that_cannot_be_are_refused_in_a_sentence(engine: Engine) -> None:
    with pytest.raises(ValueError, match="one draft at least"):
        await engine.draft(CHAT, PARAMS, 0)
    with pytest.raises(NoRoom, match="ask for fewer or shorter replies"):
        await engine.draft(CHAT, replace(PARAMS, max_tokens=2000), 50)
    with pytest.raises(TooLong):
        await engine.draft(CHAT, PARAMS, 1, against=[Message(role="user", content="muffin " * 9000)])


async def test_drafts_and_replies_end_in_time(engine: Engine) -> None:
    with pytest.raises(TimedOut, match="given up"):
        await engine.draft(CHAT, replace(PARAMS, max_tokens=800), 3, timeout=0.3)
    with pytest.raises(TimedOut, match="given up"):
        _ = [piece async for piece in engine.stream(CHAT, replace(PARAMS, max_tokens=2000), timeout=0.3)]
    assert await said(engine, replace(PARAMS, max_tokens=4))


async def test_a_draft_that_nobody_waits_for_is_given_up(engine: Engine) -> None:
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def hears(text: str) -> bool:
        loop.call_soon_threadsafe(begun.set)
        return False

    waiting = asyncio.create_task(engine.draft(CHAT, replace(PARAMS, max_tokens=900), 3, enough=hears))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await said(engine, replace(PARAMS, max_tokens=4))  # all the memory is free again
    assert len(await engine.draft(CHAT, replace(PARAMS, max_tokens=900, stop=(" ",)), 3)) == 3
