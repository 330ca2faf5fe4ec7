"""The words of a reply: one that grows while it is written, or the best of several drafts.

What a card wants of its voice comes together here: the prompt, the sampler, how the reply may begin, what it must be
unlike (guidance), and what it must not be at all (the floor). Knows neither discord nor torch: the engine and the
classifier are handed in.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from bot.forms import Forms
from bot.ranking import Judged, Weights, agreement, ranked
from persona.floor import Fault, Scene, faults, gravity
from persona.prompt import begin, begun, build_prompt, openings, stops, tag_texts
from persona.setting import NOWHERE, Setting
from persona.speech import more_than_enough, tidy
from persona.turn import ChatMessage, Role, Turn

if TYPE_CHECKING:
    from emotion.classifier import Scores
    from inference.engine import Choice, Draft
    from inference.grammar import Grammar
    from inference.guidance import Guidance
    from inference.sampling import SamplingParams
    from persona.card import Card

ATTEMPTS = 3  # a tiny model sometimes ends its turn at once; another draw usually does not
OPENINGS = 2  # different ones among the drafts of one try, at most: each needs drafts of its own
STRIDE = 1_000_003  # between the seeds of one reply's tries, so that neighbouring seeds share none


class StoryError(ValueError):
    """A member asked for what a turn cannot do; the text is the sentence to show."""


class Writes(Protocol):
    """What is asked of the language model."""

    context_tokens: int

    def count(self, messages: Sequence[ChatMessage]) -> int: ...
    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: "SamplingParams",
        *,
        guidance: "Guidance | None" = None,
        adapter: str | None = None,
        tags: "Mapping[str, SamplingParams] | None" = None,
        grammar: "Grammar | None" = None,
    ) -> AsyncGenerator[str]: ...
    async def draft(
        self,
        messages: Sequence[ChatMessage],
        params: "SamplingParams",
        count: int,
        *,
        guidance: "Guidance | None" = None,
        against: Sequence[ChatMessage] | None = None,
        adapter: str | None = None,
        tags: "Mapping[str, SamplingParams] | None" = None,
        grammar: "Grammar | None" = None,
        enough: Callable[[str], bool] | None = None,
    ) -> "list[Draft]": ...
    async def choose(
        self,
        messages: Sequence[ChatMessage],
        options: Sequence[str],
        bias: Sequence[float],
        *,
        weight: float = 1.0,
        seed: int | None = None,
        adapter: str | None = None,
    ) -> "Choice": ...


class Reads(Protocol):
    async def score(self, texts: Sequence[str]) -> "list[Scores]": ...


class Wishes(Protocol):
    """How the words are drawn: the settings' sampler, then the card's wishes, then the expression's."""

    def __call__(self, card: "Card", expression: str, stop: tuple[str, ...], seed: int | None) -> "SamplingParams": ...


@dataclass(frozen=True, slots=True)
class Manners:
    """The admin's settings for speaking; the fields of [drafts], [guidance] and [direction] tags."""

    count: int = 1
    again: int = 2
    weights: Weights = field(default_factory=Weights)
    scale: float = 1.0
    limit: float = 10.0
    tags: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The finished reply, and the drafts that were good enough to stand in its place, best first."""

    text: str
    variations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cue:
    """Who speaks next, in which state, after what. `messages`: the prompt, without a beginning of the answer.

    others: characters of the scene, for whom it must not speak either; nor say what they said, as a small model would.
    """

    card: "Card"
    turns: Sequence[Turn]
    expression: str
    seed: int
    messages: Sequence[ChatMessage]
    others: tuple[str, ...] = ()

    def prompt(self, opening: str, *, unlike: bool = False) -> list[ChatMessage]:
        """The messages up to where the model's own words begin; `unlike`: the negative prompt."""
        return begun(self.messages, begin(self.card, self.expression, unlike=unlike) + opening)

    @cached_property
    def scene(self) -> Scene:
        members = sorted({*self.others, *(turn.name for turn in self.turns if turn.role is Role.USER)})
        before = [turn.text for turn in self.turns if turn.role is Role.CHARACTER or turn.name in self.others]
        heard = next((turn.text for turn in reversed(self.turns) if turn.role is Role.USER), "")
        return Scene(self.card, tuple(members), heard, tuple(before))

    def has_enough(self, written: str) -> bool:
        """Whether a growing reply need not go on."""
        return more_than_enough(written, self.card) and not self.card.form(self.expression)

    def tidy(self, written: str, *, finished: bool, again: bool = False) -> str:
        """What the character said of what the model wrote; `again`: it may repeat itself."""
        if self.card.form(self.expression):
            return written.strip()  # its shape is the grammar's to say
        before = () if again else self.scene.before
        return tidy(written, self.card, self.scene.members, finished=finished, before=before)


@dataclass
class Speaker:
    """Finds the words.

    Args:
        guidance: makes what the engine takes as guidance, from a negative prompt and a scale.
        forms: what a card's grammars mean.
        reply_tokens: room that every prompt leaves for the reply.
    """

    engine: Writes
    classifier: Reads
    wishes: Wishes
    guidance: "Callable[[Sequence[ChatMessage], float], Guidance]"
    reply_tokens: int
    manners: Manners = field(default_factory=Manners)
    forms: "Callable[[Card, str], Grammar | None]" = field(default_factory=Forms)

    def prompt(self, card: "Card", turns: Sequence[Turn], setting: Setting = NOWHERE) -> list[ChatMessage]:
        """What the stage direction and the words both answer."""
        return build_prompt(
            card, turns, budget=self.room, count=self.engine.count, tags=self.manners.tags, setting=setting
        )

    @property
    def room(self) -> int:
        """Tokens that a prompt may have."""
        return self.engine.context_tokens - self.reply_tokens

    async def speak(
        self, card: "Card", turns: Sequence[Turn], expression: str, seed: int | None, setting: Setting = NOWHERE
    ) -> AsyncGenerator[str | Said]:
        """The reply so far, as it grows, if it does; last of all Said. setting: the one that `prompt` was given.

        Raises StoryError when the model found no words, and whatever the engine raises.
        """
        seed = random.getrandbits(31) if seed is None else seed
        cue = Cue(card, turns, expression, seed, self.prompt(card, turns, setting), setting.others)
        if self.manners.count > 1:
            yield await self._best(cue)
            return
        async with aclosing(self._grow(cue)) as growing:
            async for said in growing:
                yield said

    # --- one reply, shown while it is written ---------------------------------------------------------------------

    async def _grow(self, cue: Cue) -> AsyncGenerator[str | Said]:
        for attempt in range(ATTEMPTS):
            again = attempt == ATTEMPTS - 1  # rather an old word than none
            seed = cue.seed + attempt
            [opening] = await self._openings(cue, 1, seed)
            written, asked = opening, self._asked(cue, opening, seed)
            stream = self.engine.stream(cue.prompt(opening), self._params(cue, seed), **asked)
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    written += piece
                    yield cue.tidy(written, finished=False, again=again)
                    if cue.has_enough(written):
                        break
            said = cue.tidy(written, finished=True, again=again)
            if said and (again or said != opening):
                yield Said(said)
                return
        raise _speechless(cue)

    # --- the best of several --------------------------------------------------------------------------------------

    async def _best(self, cue: Cue) -> Said:
        drafts: list[Judged] = []
        for attempt in range(1 + self.manners.again):
            drafts += await self._judged(cue, await self._drafts(cue, cue.seed + attempt * STRIDE))
            if any(draft.gravity == 0 for draft in drafts):
                break
        best, *rest = ranked(drafts, self.manners.weights)
        if best.gravity >= Fault.EMPTY.gravity:
            raise _speechless(cue)
        return Said(best.text, tuple(draft.text for draft in rest if draft.gravity == 0))

    async def _drafts(self, cue: Cue, seed: int) -> "list[tuple[str, Draft]]":
        """`count` drafts, each with its opening."""
        count = self.manners.count
        drawn = await self._openings(cue, min(OPENINGS, count), seed)
        rows = [count // len(drawn) + (number < count % len(drawn)) for number in range(len(drawn))]
        found = await asyncio.gather(
            *(self._draft(cue, opening, rows[number], seed + number) for number, opening in enumerate(drawn))
        )
        return [(opening, draft) for opening, drafts in zip(drawn, found, strict=True) for draft in drafts]

    async def _draft(self, cue: Cue, opening: str, rows: int, seed: int) -> "list[Draft]":
        against = cue.prompt(opening, unlike=True) if cue.card.rubric(cue.expression) else None
        return await self.engine.draft(
            cue.prompt(opening),
            self._params(cue, seed),
            rows,
            against=against,
            enough=lambda text: cue.has_enough(opening + text),
            **self._asked(cue, opening, seed),
        )

    async def _judged(self, cue: Cue, drafts: "Sequence[tuple[str, Draft]]") -> list[Judged]:
        """The floor and both judges on every draft."""
        written = [opening + draft.text for opening, draft in drafts]
        # What only repeats old words is kept as it is: the floor knows its name, and nothing else may be left.
        said = [cue.tidy(text, finished=True) or cue.tidy(text, finished=True, again=True) for text in written]
        bad = [
            _gravity(cue, draft, text, words, opening)
            for text, words, (opening, draft) in zip(written, said, drafts, strict=True)
        ]
        scores = await self.classifier.score(said)
        return [
            Judged(words, grave, agreement(cue.card, cue.expression, heard), _contrast(draft))
            for words, grave, heard, (_, draft) in zip(said, bad, scores, drafts, strict=True)
        ]

    # --- what the engine is asked ---------------------------------------------------------------------------------

    async def _openings(self, cue: Cue, count: int, seed: int) -> list[str]:
        """How the reply begins: up to `count` of the card's openings, drawn by the model's own liking; [""] if none."""
        offered = list(openings(cue.card, cue.expression, cue.scene.before))
        if not offered or cue.card.form(cue.expression):  # a grammar is of whole replies
            return [""]
        choice = await self.engine.choose(cue.prompt(""), offered, [0.0] * len(offered), adapter=cue.card.adapter)
        weights, dice = list(choice.probabilities), random.Random(seed)
        drawn: list[str] = []
        while offered and len(drawn) < count:
            [index] = dice.choices(range(len(offered)), [max(weight, 1e-6) for weight in weights])
            drawn.append(offered.pop(index))
            weights.pop(index)
        return drawn

    def _asked(self, cue: Cue, opening: str, seed: int) -> dict[str, Any]:
        """What the engine heeds besides prompt and sampler: adapter, guidance, control tags and form, where wished."""
        asked: dict[str, Any] = {"adapter": cue.card.adapter}
        card, expression = cue.card, cue.expression
        scale = min(card.scale(expression) or self.manners.scale, self.manners.limit)
        if scale > 1 and card.rubric(expression):
            asked["guidance"] = self.guidance(cue.prompt(opening, unlike=True), scale)
        if self.manners.tags:
            stop = stops(card, cue.turns)
            asked["tags"] = {tag: self.wishes(card, name, stop, seed) for tag, name in tag_texts(card).items()}
        if grammar := self.forms(card, expression):
            asked["grammar"] = grammar
        return asked

    def _params(self, cue: Cue, seed: int) -> "SamplingParams":
        return self.wishes(cue.card, cue.expression, stops(cue.card, cue.turns), seed)


def _gravity(cue: Cue, draft: "Draft", written: str, said: str, opening: str) -> int:
    """How bad a draft is: what the floor says, or of a reply in a form whether it is whole."""
    if not cue.card.form(cue.expression):
        return gravity(faults(written, said, replace(cue.scene, opening=opening)))
    fault = Fault.EMPTY if not said else Fault.CUT_OFF if draft.ended == "length" else None
    return fault.gravity if fault else 0


def _contrast(draft: "Draft") -> float:
    """Nats a token by which the words are likelier under the prompt than under the rubric."""
    return 0.0 if draft.against is None else draft.likelihood - draft.against


def _speechless(cue: Cue) -> StoryError:
    return StoryError(f"{cue.card.name} found no words this time; say it again, perhaps in other words.")
