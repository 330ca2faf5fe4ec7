"""The engine with the real starter model, short prompts and few tokens; a tiny one where the context must be small."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from inference.engine import Engine, Guidance, TooLong
from inference.gpu import Gpu
from inference.job import Priority
from inference.loader import Loaded
from inference.sampling import SamplingParams
from inference.tokens import Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
GREEDY = SamplingParams(temperature=0.0, repetition_penalty=1.0, max_tokens=12)
CHAT = [
    Message(role="system", content="You are Marigold, a cheerful pony who bakes muffins."),
    Message(role="user", content="Good morning! What is in the oven?"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gpu() -> AsyncIterator[Gpu]:
    async with Gpu("cpu") as device:
        yield device


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(gpu: Gpu, model_cache: Path) -> AsyncIterator[Engine]:
    async with Engine(gpu, "starter", model_cache) as engine:
        yield engine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(gpu: Gpu, starter: Loaded, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """A random model of 96 tokens of context with the starter's tokenizer, loaded from a folder."""
    folder = tmp_path_factory.mktemp("small")
    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=96,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    starter.tokenizer.save_pretrained(folder)
    async with Engine(gpu, str(folder), folder / "cache") as engine:
        yield engine


async def said(engine: Engine, messages: Sequence[Message], params: SamplingParams) -> list[str]:
    return [piece async for piece in engine.stream(messages, params)]


async def test_a_reply_streams_and_greedy_is_what_generate_says(engine: Engine, starter: Loaded) -> None:
    tokenizer, model = starter.tokenizer, starter.model
    inputs = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_tensors="pt")
    with torch.inference_mode():
        whole = model.generate(**inputs, do_sample=False, max_new_tokens=GREEDY.max_tokens)
    expected = tokenizer.decode(whole[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    pieces = await said(engine, CHAT, GREEDY)
    assert len(pieces) > 3
    assert "".join(pieces) == expected


async def test_greedy_is_what_generate_says_while_others_write_beside_it(engine: Engine, starter: Loaded) -> None:
    """Five others join and leave meanwhile, one of them guided and one drawn from."""
    tokenizer, model = starter.tokenizer, starter.model
    inputs = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_tensors="pt")
    with torch.inference_mode():
        whole = model.generate(**inputs, do_sample=False, max_new_tokens=24)
    expected = tokenizer.decode(whole[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    other = [CHAT[0], Message(role="user", content="Tell me about the rain. " * 9)]
    texts = await asyncio.gather(
        said(engine, CHAT, replace(GREEDY, max_tokens=24)),
        *(said(engine, other, SamplingParams(seed=seed, max_tokens=6 * seed)) for seed in (1, 2, 3)),
        engine.draft(other, SamplingParams(max_tokens=9), 2, guidance=Guidance(CHAT, 2.0)),
    )
    assert "".join(str(piece) for piece in texts[0]) == expected


async def test_the_same_seed_is_the_same_reply_and_replies_at_once_do_not_change_it(engine: Engine) -> None:
    params = SamplingParams(seed=3, max_tokens=8)
    alone = await said(engine, CHAT, params)
    other = [CHAT[0], Message(role="user", content="Tell me about the rain.")]
    both = await asyncio.gather(said(engine, CHAT, params), said(engine, other, SamplingParams(max_tokens=8)))
    assert both[0] == alone


async def test_a_stop_string_ends_the_reply_and_is_not_said(engine: Engine) -> None:
    full = "".join(await said(engine, CHAT, GREEDY))
    stop = full[10:16]
    pieces = await said(engine, CHAT, SamplingParams(0.0, repetition_penalty=1.0, max_tokens=12, stop=(stop,)))
    assert "".join(pieces) == full[: full.index(stop)]


async def test_closing_a_reply_frees_the_device_at_the_next_step(engine: Engine, gpu: Gpu) -> None:
    async with aclosing(engine.stream(CHAT, SamplingParams(max_tokens=2000))) as pieces:
        assert await anext(pieces)
    assert await gpu.call(lambda: "free", Priority.PREWARM) == "free"


async def test_a_cancelled_listener_frees_the_device_too(engine: Engine, gpu: Gpu) -> None:
    heard = asyncio.Event()

    async def listen() -> None:
        async with aclosing(engine.stream(CHAT, SamplingParams(max_tokens=2000))) as pieces:
            async for _ in pieces:
                heard.set()

    listener = asyncio.create_task(listen())
    await heard.wait()
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    assert await gpu.call(lambda: "free", Priority.PREWARM) == "free"


async def test_count_is_the_length_of_the_prompt(engine: Engine, starter: Loaded) -> None:
    expected = starter.tokenizer.apply_chat_template(CHAT, add_generation_prompt=True)["input_ids"]
    assert engine.count(CHAT) == len(expected)
    assert engine.context_tokens == 8192


async def test_a_choice_is_the_likeliest_option_and_leans_with_the_bias(engine: Engine) -> None:
    question = [
        Message(role="system", content="Answer with one word."),
        Message(role="user", content="What is the capital of France?"),
    ]
    options = ["Paris", "Marmalade", "Pumpernickel"]
    free = await engine.choose(question, options, [0.0, 0.0, 0.0])
    assert free.index == 0
    assert sum(free.probabilities) == pytest.approx(1.0)
    leaned = await engine.choose(question, options, [0.0, 0.0, 30.0])
    assert leaned.index == 2
    assert leaned.probabilities[0] / leaned.probabilities[1] == pytest.approx(
        free.probabilities[0] / free.probabilities[1], rel=1e-6
    )
    unleaned = await engine.choose(question, options, [0.0, 0.0, 30.0], weight=0.0)
    assert unleaned.probabilities == pytest.approx(free.probabilities)


async def test_a_choice_by_seed_is_repeatable(small: Engine) -> None:
    options = ["a", "b b b", "c"]
    chosen = [(await small.choose(CHAT, options, [0.0] * 3, seed=seed)).index for seed in range(12)]
    assert chosen == [(await small.choose(CHAT, options, [0.0] * 3, seed=seed)).index for seed in range(12)]
    assert len(set(chosen)) > 1


@pytest.mark.parametrize(
    ("options", "bias"), [([], []), (["a", ""], [0.0, 0.0]), (["a"], [0.0, 1.0]), (["a"], [float("nan")])]
)
async def test_options_that_are_none_are_refused(small: Engine, options: list[str], bias: list[float]) -> None:
    with pytest.raises(ValueError, match="There must be"):
        await small.choose(CHAT, options, bias)


async def test_a_prompt_beyond_the_context_is_one_sentence(small: Engine) -> None:
    long = [Message(role="user", content="muffin " * 200)]
    sentence = r"^This is \d+ tokens long, and the language model reads 95 at most: please shorten"
    with pytest.raises(TooLong, match=sentence):
        await said(small, long, GREEDY)
    with pytest.raises(TooLong):
        await small.choose(long, ["a"], [0.0])


async def test_a_reply_is_cut_where_the_context_ends(small: Engine, gpu: Gpu) -> None:
    pieces = await said(small, CHAT, SamplingParams(seed=1, max_tokens=500))
    assert 0 < len(pieces) <= 96 - small.count(CHAT)
