"""Control tags in a reply of the starter: the reader never sees them, and the sampler is another one from there on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from inference.engine import Engine
from inference.gpu import Gpu
from inference.grammar import Grammar
from inference.loader import Loaded
from inference.sampling import SamplingParams
from inference.tokens import Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHAT = [Message(role="user", content="Say something.")]
FREE = SamplingParams(temperature=2.0, min_p=0.0, max_tokens=80)
TAGGED = Grammar.from_gbnf('root ::= [a-y]{6} " [calm] " [a-z]{8}')


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(model_cache: Path) -> AsyncIterator[Engine]:
    async with Gpu("cpu") as gpu, Engine(gpu, "starter", model_cache) as engine:
        yield engine


@pytest.fixture
def only_z(starter: Loaded) -> SamplingParams:
    """A sampler that says nothing but z where it may."""
    (z,) = starter.tokenizer.encode("z", add_special_tokens=False)
    return SamplingParams(temperature=0.0, logit_bias={z: 1000.0}, max_tokens=1, stop=("z",))


async def said(engine: Engine, params: SamplingParams, tags: dict[str, SamplingParams]) -> list[str]:
    return [piece async for piece in engine.stream(CHAT, params, grammar=TAGGED, tags=tags)]


async def test_a_tag_is_not_said_and_switches_the_sampler_from_there_on(engine: Engine, only_z: SamplingParams) -> None:
    for seed in range(8):
        free = SamplingParams(temperature=2.0, min_p=0.0, max_tokens=80, seed=seed)
        pieces = await said(engine, free, {"calm": only_z})
        before, after = "".join(pieces).split(" ")
        assert (len(before), len(after)) == (6, 8)
        assert after.endswith("zzzzz")  # the token that ended the tag may have begun what follows
        assert "z" not in before
        assert not any("[" in piece or "calm" in piece for piece in pieces)


async def test_what_is_no_tag_is_text(engine: Engine, only_z: SamplingParams) -> None:
    assert " [calm] " in "".join(await said(engine, FREE, {}))
    assert " [calm] " in "".join(await said(engine, FREE, {"joy": only_z, "cal": only_z}))


async def test_a_tag_that_is_taken_back_takes_its_sampler_along(engine: Engine, only_z: SamplingParams) -> None:
    """The phrase spans the tag: what came before it is drawn again by the sampler of before."""
    grammar = Grammar.from_gbnf('root ::= ("mm" | "nn") "[calm]" "m" [a-z]{3}')
    params = SamplingParams(temperature=0.0, max_tokens=30, banned_phrases=("mmm",))
    bans = SamplingParams(temperature=0.0, logit_bias=only_z.logit_bias, banned_phrases=("mmm",))
    pieces = [piece async for piece in engine.stream(CHAT, params, grammar=grammar, tags={"calm": bans})]
    assert "".join(pieces) == "nnmzzz"


async def test_tags_switch_bans_too(engine: Engine) -> None:
    grammar = Grammar.from_gbnf('root ::= "aa" "[calm]" ("aa" | "bb")')
    greedy = SamplingParams(temperature=0.0)
    calm = SamplingParams(temperature=0.0, banned_phrases=("aa",))
    pieces = [piece async for piece in engine.stream(CHAT, greedy, grammar=grammar, tags={"calm": calm})]
    assert "".join(pieces) == "aabb"
