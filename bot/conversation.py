"""The story of one message: remember, feel, build, direct, look, speak, remember. Read this file first.

It imports neither discord nor torch. Engine, classifier, painter, history and cast are handed in by `bot/compose.py`;
the Protocols below are all that the story asks of them, so that any of them may live on another machine.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from avatar.expression import ExpressionSpec
from bot.direction import Director, look
from bot.feeling import Feeling
from bot.speaking import Said, Speaker, StoryError
from emotion.mood import Mood, Reading
from inference.job import Replaced
from persona.budget import window
from persona.turn import Role, Turn

if TYPE_CHECKING:
    from avatar.painter import Face
    from persona.card import Card, Persona
    from persona.setting import Setting

log = logging.getLogger(__name__)

LONGEST_TEXT = 8000  # characters: twice what Discord lets a member with Nitro send


class Paints(Protocol):
    def nearest(self, persona: "Persona", spec: ExpressionSpec) -> "Face": ...
    async def paint(self, persona: "Persona", spec: ExpressionSpec, *, replaces: Hashable | None = None) -> "Face": ...


class Remembers(Protocol):
    async def remember(
        self,
        channel: int,
        persona: str,
        turn: Turn,
        *,
        message: int | None = None,
        user: int | None = None,
        answers: int | None = None,
        step: int = 0,
        heard_by: Sequence[str] = (),
    ) -> int: ...
    async def keep_variations(self, turn: int, texts: Sequence[str], feeling: str) -> None: ...
    async def recent(self, channel: int, persona: str, limit: int) -> list[Turn]: ...
    async def count(self, channel: int, persona: str) -> int: ...


class Surrounds(Protocol):
    async def setting(
        self, incoming: "Incoming", persona: "Persona", turns: Sequence[Turn], beside: "Sequence[Persona]"
    ) -> "Setting": ...
    async def keep(self, incoming: "Incoming", setting: "Setting") -> None: ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message to a persona. `message` and `user` are None outside Discord; `at` is in unix seconds.

    `step`: which of the replies to it this will be; in a scene others may have answered before.
    """

    guild: int | None
    channel: int
    message: int | None
    user: int | None
    name: str
    text: str
    at: float
    persona: str
    seed: int | None = None
    step: int = 0


@dataclass(frozen=True, slots=True)
class Felt:
    mood: Mood
    reading: Reading


@dataclass(frozen=True, slots=True)
class Directed:
    """The stage direction and the face to show beside the words; `face` may be the nearest one meanwhile."""

    expression: str
    face: "Face"


@dataclass(frozen=True, slots=True)
class Piece:
    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """The whole reply as remembered, the seconds each stage took, and what might have been said instead, best first."""

    text: str
    turn: int
    seconds: dict[str, float]
    variations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Portrait:
    """The directed face, painted after the words had begun."""

    face: "Face"


Event = Felt | Directed | Piece | Spoken | Portrait


@dataclass
class Clock:
    """Seconds spent per stage of one turn."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


@dataclass
class Story:
    """Everything a turn needs, handed in. `patience` is how long (s) the words may wait for a face being
    painted; None: as long as it takes."""

    speaker: Speaker
    feeling: Feeling
    painter: Paints
    history: Remembers
    director: Director
    surroundings: Surrounds
    patience: float | None
    recent_turns: int = 60
    blends: bool = False

    async def take_turn(
        self, incoming: Incoming, persona: "Persona", beside: "Sequence[Persona]" = ()
    ) -> AsyncGenerator[Event]:
        """Answer one message. Yields Felt, Directed, Piece…, Spoken and, if the face came late, Portrait.

        `beside`: the other personas of the scene. They hear the message and the reply, and feel both.

        Raises:
            StoryError: the text is empty or too long, or the model found no words.
        """
        card, clock = persona.card, Clock()
        # 1 remember
        number, turns = await self._remember(incoming, beside)
        # 2 feel
        with clock.stage("feel"):
            await self.feeling.catch_up(incoming.channel, incoming.persona, card)
            mood, reading = await self.feeling.feel(incoming.channel, incoming.persona, card, number)
        yield Felt(mood, reading)
        # 3 direct: what surrounds the reply, and one expression of the persona's, from the model and the mood
        with clock.stage("direct"):
            setting = await self.surroundings.setting(incoming, persona, turns, beside)
            prompt = self.speaker.prompt(card, turns, setting)
            direction = await self.director.direct(prompt, card, mood, worn(turns))
        # 4 look
        spec = look(card, direction, blends=self.blends)
        async with self._painting(incoming, persona, spec) as painting:
            with clock.stage("look"):
                face = await self._look(persona, spec, painting)
            late = not painting.done()
            yield Directed(direction.expression, face)
            # 5 speak
            shown, said = "", Said("")
            with clock.stage("speak"):
                speech = self.speaker.speak(card, turns, direction.expression, incoming.seed, setting)
                async with aclosing(speech) as words:
                    async for word in words:
                        said = word if isinstance(word, Said) else said
                        text = word.text if isinstance(word, Said) else word
                        if text.startswith(shown) and len(text) > len(shown):
                            yield Piece(text[len(shown) :])
                        shown = text
            # 6 remember the reply and what saying it felt like
            turn = await self._remember_reply(incoming, card, said, direction.expression, beside)
            await self.surroundings.keep(incoming, setting)
            yield Spoken(said.text, turn, clock.seconds, said.variations)
            if late and (portrait := await self._painted(persona, painting)):
                yield Portrait(portrait)

    async def _remember(self, incoming: Incoming, beside: "Sequence[Persona]") -> tuple[int, list[Turn]]:
        """The conversation up to what is answered, and the number of that: the message, or what was said after it."""
        here = incoming.channel, incoming.persona
        said = Turn(Role.USER, incoming.name, readable(incoming.text), incoming.at)
        number = 0
        if not incoming.step or incoming.message is not None:  # else it was remembered when the first one answered it
            heard_by = [other.slug for other in beside]
            number = await self.history.remember(
                *here, said, message=incoming.message, user=incoming.user, heard_by=heard_by
            )
        turns = await self.history.recent(*here, window(await self.history.count(*here), self.recent_turns))
        return turns[-1].id if incoming.step else number, turns

    @asynccontextmanager
    async def _painting(
        self, incoming: Incoming, persona: "Persona", spec: ExpressionSpec
    ) -> AsyncIterator["asyncio.Task[Face]"]:
        """The face being painted beside the words; given up when the turn is, or when the next face is due."""
        painting = asyncio.create_task(self.painter.paint(persona, spec, replaces=(incoming.channel, incoming.persona)))
        try:
            yield painting
        finally:
            painting.cancel()
            await asyncio.gather(painting, return_exceptions=True)

    async def _look(self, persona: "Persona", spec: ExpressionSpec, painting: "asyncio.Task[Face]") -> "Face":
        """The directed face if it is there in time, else the nearest one that is."""
        done, _ = await asyncio.wait({painting}, timeout=self.patience)
        face = await self._painted(persona, painting) if done else None
        return face or self.painter.nearest(persona, spec)

    async def _painted(self, persona: "Persona", painting: "asyncio.Task[Face]") -> "Face | None":
        """The painted face; None, and a line in the log, if painting failed: words never wait for a broken brush."""
        try:
            return await painting
        except Replaced:
            return None
        except Exception as error:
            from bot.errors import sentence  # it knows discord, which the story does not need to be told

            said = sentence(error)  # a bug has none, and leaves its traceback
            log.warning("no face could be painted for %s: %s", persona.slug, said or repr(error), exc_info=not said)
            return None

    async def _remember_reply(
        self, incoming: Incoming, card: "Card", said: Said, expression: str, beside: "Sequence[Persona]"
    ) -> int:
        turn = Turn(Role.CHARACTER, card.name, said.text, time.time(), feeling=expression)
        number = await self.history.remember(
            *(incoming.channel, incoming.persona, turn),
            answers=incoming.message,
            step=incoming.step,
            heard_by=[other.slug for other in beside],
        )
        await self.feeling.feel(incoming.channel, incoming.persona, card, number)
        for other in beside:
            await self.feeling.catch_up(incoming.channel, other.slug, other.card)
        await self.history.keep_variations(number, (said.text, *said.variations), expression)
        return number


def readable(text: str) -> str:
    """The message without space around it; StoryError when there is nothing to answer, or too much."""
    text = text.strip()
    if not text:
        raise StoryError("There is nothing to answer: the message is empty; write something to the character.")
    if len(text) > LONGEST_TEXT:
        raise StoryError(
            f"The message has {len(text):,} characters; at most {LONGEST_TEXT:,} can be read, so shorten it."
        )
    return text


def worn(turns: Sequence[Turn]) -> str | None:
    """The expression of the character's newest reply."""
    return next((turn.feeling for turn in reversed(turns) if turn.role is Role.CHARACTER), None)
