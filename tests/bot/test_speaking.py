"""Finding the words, on the starter: several drafts, the floor, the ranking, guidance, openings, tags."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.compose import speaker_of
from bot.ranking import agreement
from bot.settings import Bot, DirectionTable, Drafts, GuidanceTable, Model, Settings
from bot.speaking import Cue, Said, Speaker, StoryError
from emotion.classifier import Classifier
from inference.engine import Engine
from inference.gpu import Gpu
from persona.card import Card, load_persona
from persona.expression import GuidanceWishes, SamplerWishes
from persona.floor import Scene, faults
from persona.turn import Role, Turn

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.asyncio(loop_scope="module")
MARIGOLD = load_persona("marigold", [ROOT / "personas"]).card
TURNS = [Turn(Role.USER, "Robin", "You are stupid and your cakes are ugly.", 0.0)]


@dataclass
class Parts:
    engine: Engine
    classifier: Classifier

    def speaker(self, **tables: Any) -> Speaker:
        return speaker_of(Settings(bot=Bot(), model=Model(max_tokens=24), **tables), self.engine, self.classifier)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts(model_cache: Path) -> AsyncIterator[Parts]:
    async with Gpu("cpu", threads=1) as gpu, Engine(gpu, "starter", model_cache) as engine, Classifier(gpu) as judge:
        yield Parts(engine, judge)


async def words(
    speaker: Speaker, *, card: Card = MARIGOLD, expression: str = "anger", seed: int = 5, turns: list[Turn] = TURNS
) -> tuple[list[str], Said]:
    """What grew, and what was said."""
    async with aclosing(speaker.speak(card, turns, expression, seed)) as spoken:
        *grown, said = [word async for word in spoken]
    assert isinstance(said, Said)
    return [word for word in grown if isinstance(word, str)], said


async def test_one_draft_grows_and_several_come_at_once_with_what_else_might_have_been_said(parts: Parts) -> None:
    grown, alone = await words(parts.speaker(drafts=Drafts(count=1)))
    assert len(grown) > 2 and alone.variations == ()
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(grown))
    grown, best = await words(parts.speaker(drafts=Drafts(count=4)))
    assert grown == [] and best.text and best.text not in best.variations
    assert len(set(best.variations)) == len(best.variations) <= 3


async def test_the_best_agrees_no_less_than_the_others_when_nothing_else_counts(parts: Parts) -> None:
    _, best = await words(parts.speaker(drafts=Drafts(count=4, rubric=0.0)))
    heard = await parts.classifier.score([best.text, *best.variations])
    first, *rest = [agreement(MARIGOLD, "anger", scores) for scores in heard]
    assert rest and all(first >= other - 1e-6 for other in rest)
    for text in (best.text, *best.variations):
        assert faults(text, text, Scene(MARIGOLD, ("Robin",), TURNS[0].text)) == ()


async def test_a_reply_begins_with_an_opening_of_its_expression_and_what_is_banned_is_not_said(parts: Parts) -> None:
    _, said = await words(parts.speaker(drafts=Drafts(count=4)))
    opens = tuple(MARIGOLD.expressions["anger"].opens)
    for text in (said.text, *said.variations):
        assert text.startswith(opens) and text not in opens
        assert "sorry" not in text.casefold()


async def test_guidance_changes_the_words_and_the_admins_limit_switches_it_off(parts: Parts) -> None:
    def drafts() -> Drafts:
        return Drafts(count=1)

    _, pushed = await words(parts.speaker(drafts=drafts()))
    _, plain = await words(parts.speaker(drafts=drafts(), guidance=GuidanceTable(limit=1.0)))
    unwilling = MARIGOLD.model_copy(update={"guidance": MARIGOLD.guidance.model_copy(update={"scale": 1.0})})
    _, same = await words(parts.speaker(drafts=drafts()), card=unwilling)
    assert pushed.text != plain.text == same.text


async def test_tags_reach_the_engine_as_each_expressions_sampler(parts: Parts) -> None:
    speaker = parts.speaker(direction=DirectionTable(tags=True))
    cue = Cue(MARIGOLD, TURNS, "anger", 1, speaker.prompt(MARIGOLD, TURNS))
    assert "[joy]" in cue.messages[0]["content"]
    tags = speaker._asked(cue, "", 1)["tags"]
    assert tags.keys() == {f"[{name}]" for name in MARIGOLD.expressions}
    assert tags["[anger]"].temperature == 0.65 and tags["[sadness]"].temperature == 0.45
    _, said = await words(replace(speaker, manners=replace(speaker.manners, count=2)))
    assert "[" not in said.text


@pytest.mark.parametrize("count", [1, 3])
async def test_a_character_that_can_only_repeat_itself_is_heard_rather_than_silent(parts: Parts, count: int) -> None:
    """Greedy, unguided and without openings every draft is the same, and was said before."""
    stuck = MARIGOLD.model_copy(
        update={"sampler": SamplerWishes(temperature=0.0, max_tokens=24), "guidance": GuidanceWishes(scale=1.0)}
    )
    speaker = parts.speaker(drafts=Drafts(count=count, again=1))
    _, first = await words(speaker, card=stuck, expression="neutral")
    before = [*TURNS, Turn(Role.CHARACTER, "Marigold", first.text, 1.0, feeling="neutral"), *TURNS]
    _, second = await words(speaker, card=stuck, expression="neutral", turns=before)
    assert second.text


async def test_a_model_without_words_is_a_sentence(parts: Parts) -> None:
    """Stopped before the first letter, it has none, however often it tries."""
    speaker = parts.speaker(drafts=Drafts(count=2, again=1))
    letters = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
    mute = replace(speaker, wishes=lambda *asked: replace(speaker.wishes(*asked), stop=letters))
    for count in (1, 2):
        tried = replace(mute, manners=replace(mute.manners, count=count))
        with pytest.raises(StoryError, match=r"^Marigold found no words this time; say it again"):
            await words(tried, expression="neutral")


async def test_the_same_seed_says_the_same_whatever_else_is_written_beside_it(parts: Parts) -> None:
    speaker = parts.speaker(drafts=Drafts(count=3))
    _, alone = await words(speaker, seed=9)
    beside = await asyncio.gather(words(speaker, seed=9), words(speaker, seed=10, expression="joy"))
    assert beside[0][1] == alone


async def test_in_a_scene_a_character_says_nothing_that_another_one_said() -> None:
    said = "How dare you! You stole my rolling pin, you thief of a stag!"
    turns = [Turn(Role.USER, "Robin", "Who took the rolling pin?", 1.0), Turn(Role.USER, "Bram", said, 2.0)]
    alone, together = (Cue(MARIGOLD, turns, "anger", 1, [], others) for others in ((), ("Bram",)))
    assert alone.tidy(f"{said} I am hurt.", finished=True).startswith("How dare you!")
    assert together.tidy(f"{said} I am hurt.", finished=True) == "I am hurt."
