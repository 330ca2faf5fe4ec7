"""Builds the rooms and hands them to each other: the one place that knows everybody. Everything is an `async with`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatar.painter import Painter
from avatar.shelf import Shelf
from bot.conversation import Story
from bot.direction import Director
from bot.feeling import Feeling
from bot.footprint import Footprint, footprint, settle
from bot.history import History
from bot.library import Library
from bot.ranking import Weights
from bot.settings import Settings
from bot.speaking import Manners, Speaker
from bot.surroundings import Surroundings
from emotion.classifier import Choice, Classifier
from emotion.motion import MoodSettings
from inference.engine import Engine
from inference.gpu import Gpu
from inference.guidance import Guidance
from inference.sampling import SamplingParams
from persona.card import Card
from persona.cast import Cast


@dataclass(frozen=True)
class Rooms:
    """The whole bot, less Discord."""

    settings: Settings
    gpu: Gpu
    engine: Engine
    painter: Painter
    history: History
    cast: Cast
    story: Story
    surroundings: Surroundings


@asynccontextmanager
async def open_gpu(settings: Settings) -> AsyncIterator[Gpu]:
    async with Gpu(settings.gpu.device, max_waiting=settings.gpu.max_waiting, threads=settings.gpu.threads) as gpu:
        yield gpu


@asynccontextmanager
async def open_classifier(settings: Settings) -> AsyncIterator[Classifier]:
    async with open_gpu(settings) as gpu, Classifier(gpu, choice_of(settings)) as classifier:
        yield classifier


@asynccontextmanager
async def open_painter(settings: Settings, gpu: Gpu) -> AsyncIterator[Painter]:
    state = settings.bot.state
    shelf = Shelf(state / "shelf", max_bytes=settings.face.shelf_bytes)
    face = settings.face
    async with Painter(
        *(gpu, face.model, state / "cache", shelf),
        recipe=face.recipe(),
        critic=face.recogniser,
        mask_model=face.mask_model,
    ) as painter:
        yield painter


@asynccontextmanager
async def open_engine(settings: Settings, gpu: Gpu, found: Footprint) -> AsyncIterator[Engine]:
    model, cache = settings.model, settings.bot.state / "cache"
    async with Engine(
        gpu,
        model.name,
        cache,
        quantization=model.quantization,
        kv_bytes=found.kv_bytes,
        context=found.context_tokens,
        adapters=model.adapters,
        chat_template=model.chat_template,
    ) as engine:
        yield engine


@asynccontextmanager
async def compose(settings: Settings, *, history: Path | None = None) -> AsyncIterator[Rooms]:
    """Open every room; NoRoom before anything is loaded if the machine is too small.

    `history` names another database file than the state folder's.
    """
    state = settings.bot.state
    state.mkdir(parents=True, exist_ok=True)
    cast = Cast(settings.bot.persona_roots(), settings.model.adapters)
    found = await asyncio.to_thread(footprint, settings)
    found.plan.check()
    async with (
        History(history or state / "mien.sqlite") as remembered,
        open_gpu(settings) as gpu,
        open_engine(settings, gpu, found) as engine,
        Classifier(gpu, choice_of(settings)) as classifier,
        open_painter(settings, gpu) as painter,
    ):
        await settle(gpu, engine, found)
        surroundings = surroundings_of(settings, engine, remembered)
        story = Story(
            speaker=speaker_of(settings, engine, classifier),
            feeling=Feeling(classifier, remembered, MoodSettings(**settings.mood.model_dump())),
            painter=painter,
            history=remembered,
            director=director_of(settings, engine),
            surroundings=surroundings,
            recent_turns=settings.model.read_turns(),
            patience=settings.face.patience,
            blends=settings.face.blends,
        )
        yield Rooms(settings, gpu, engine, painter, remembered, cast, story, surroundings)


def choice_of(settings: Settings) -> Choice:
    """Which network hears single messages, as [emotion] says."""
    return Choice(settings.emotion.model, settings.emotion.labels, settings.emotion.thresholds)


def director_of(settings: Settings, engine: Engine) -> Director:
    """Whoever decides the expression of a reply, with the weights of [direction]."""
    weights = settings.direction
    return Director(engine, say=weights.say, mood=weights.mood, stay=weights.stay)


def surroundings_of(settings: Settings, engine: Engine, history: History) -> Surroundings:
    """Whoever finds what surrounds a reply, as [lore] says."""
    room = engine.context_tokens - settings.model.max_tokens
    return Surroundings(
        history, Library(history), engine.count_text, budget=int(room * settings.lore.share), rules=settings.lore
    )


def speaker_of(settings: Settings, engine: Engine, classifier: Classifier) -> Speaker:
    """Whoever finds the words, as [drafts], [guidance] and [direction] say."""
    drafts = settings.drafts
    manners = Manners(
        count=drafts.number(settings.model.name),
        again=drafts.again,
        weights=Weights(drafts.agreement, drafts.rubric),
        scale=settings.guidance.scale,
        limit=settings.guidance.limit,
        tags=settings.direction.tags,
    )
    return Speaker(engine, classifier, SamplerWishes(settings), Guidance, settings.model.max_tokens, manners)


@dataclass(frozen=True)
class SamplerWishes:
    """How the words are drawn: the settings' sampler, then the card's wishes, then the expression's; the last wins.

    Two things a card cannot loosen: a reply is no longer than the settings allow, and phrases once banned stay banned.
    """

    settings: Settings

    def __call__(self, card: Card, expression: str, stop: tuple[str, ...], seed: int | None) -> SamplingParams:
        longest = self.settings.model.max_tokens
        layers = [
            self.settings.sampler.model_dump(),
            card.sampler.wishes(),
            card.expressions[expression].sampler.wishes(),
        ]
        wishes: dict[str, Any] = {"max_tokens": longest}
        for layer in layers:
            wishes |= {key: tuple(value) if isinstance(value, list) else value for key, value in layer.items()}
        wishes["max_tokens"] = min(longest, wishes["max_tokens"])
        banned = (phrase for layer in layers for phrase in layer.get("banned_phrases", ()))
        wishes["banned_phrases"] = tuple(dict.fromkeys(banned))
        return SamplingParams(**wishes, stop=stop, seed=seed)
