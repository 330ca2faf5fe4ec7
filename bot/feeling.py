"""How a turn is felt: read once, mixed into the mood, kept beside the turn; and felt again when the past changes.

A message that is edited or deleted changes what was felt after it. The moods from there on are then found again from
the readings that were kept; only words that are new are read. Imports neither discord nor torch: whoever reads the
words, and whoever remembers, is handed in.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from bot.speaking import StoryError
from emotion.mood import Mood, Reading, feel
from emotion.motion import MoodSettings
from emotion.window import TURNS, Heard, around, newest
from persona.turn import Role, Turn

if TYPE_CHECKING:
    from bot.readings import Unsettled
    from emotion.classifier import Scores
    from persona.card import Card

MOST_UNREAD = 12  # turns: whoever was away for longer feels the newest of them


class Feels(Protocol):
    async def score(self, texts: Sequence[str]) -> "list[Scores]": ...
    async def read(self, windows: Sequence[Sequence[Heard]]) -> "list[Scores]": ...


class KeepsReadings(Protocol):
    async def recent(self, channel: int, persona: str, limit: int, *, until: int | None = None) -> list[Turn]: ...
    async def keep_reading(self, turn: Turn, reading: Reading, mood: Mood) -> None: ...
    async def reading(self, turn: int) -> tuple[Reading, Mood] | None: ...
    async def mood(self, channel: int, persona: str, *, before: int | None = None) -> Mood: ...
    async def unread(self, channel: int, persona: str, most: int) -> list[int]: ...
    async def unsettled(self, channel: int, persona: str) -> "list[Unsettled]": ...
    async def unsettled_places(self) -> list[tuple[int, str]]: ...
    async def settle(self, moods: Sequence[tuple[int, Mood]]) -> None: ...


@dataclass
class Feeling:
    """What all personas feel, in all channels. `settings`: how moods move where a card wishes nothing else."""

    classifier: Feels
    history: KeepsReadings
    settings: MoodSettings
    _moving: asyncio.Lock = field(default_factory=asyncio.Lock)  # moods follow from each other: one after another

    async def feel(self, channel: int, persona: str, card: "Card", turn: int) -> tuple[Mood, Reading]:
        """The mood after a remembered turn, and what was read from it; both are kept.

        A turn that is taken up again after a crash is not felt twice. Raises StoryError if the turn is gone.
        """
        if kept := await self.history.reading(turn):
            return kept[1], kept[0]
        said, reading = await self._read(channel, persona, card, turn)
        async with self._moving:
            await self._settle(channel, persona, card)
            before = await self.history.mood(channel, persona, before=turn)
            mood = after(before, said, reading, settings_of(card, self.settings))
            await self.history.keep_reading(said, reading, mood)
            await self._settle(channel, persona, card)  # an older turn that is felt late moves the later ones
        return mood, reading

    async def catch_up(self, channel: int, persona: str, card: "Card") -> None:
        """Feel what a persona heard since it last felt anything: in a scene, what the others said."""
        for turn in await self.history.unread(channel, persona, MOST_UNREAD):
            with suppress(StoryError):  # it was deleted meanwhile
                await self.feel(channel, persona, card, turn)

    async def settle(self, cards: "Iterable[tuple[str, Card]]") -> None:
        """Find again every mood that an edit or a deletion has left open; `cards` by the slugs of their personas."""
        known = dict(cards)
        async with self._moving:
            for channel, persona in await self.history.unsettled_places():
                if persona in known:
                    await self._settle(channel, persona, known[persona])

    async def _settle(self, channel: int, persona: str, card: "Card") -> None:
        changed = await self.history.unsettled(channel, persona)
        if not changed:
            return
        settings = settings_of(card, self.settings)
        mood = await self.history.mood(channel, persona, before=changed[0].turn.id)
        found: list[tuple[int, Mood]] = []
        for one in changed:
            turn, reading = one.turn, one.reading
            if reading is None:
                turn, reading = await self._read(channel, persona, card, turn.id)
            mood = after(mood, turn, reading, settings)
            if one.reading is None:
                await self.history.keep_reading(turn, reading, mood)
            found.append((turn.id, mood))
        await self.history.settle(found)

    async def _read(self, channel: int, persona: str, card: "Card", turn: int) -> tuple[Turn, Reading]:
        """A turn, what its words sound like, and what the character feels after it."""
        turns = await self.history.recent(channel, persona, TURNS, until=turn)
        if not turns or turns[-1].id != turn:
            raise StoryError("The message is gone: it was deleted before it could be answered.")
        return turns[-1], await read(self.classifier, turns, card.name)


async def read(classifier: Feels, turns: Sequence[Turn], character: str) -> Reading:
    """What the newest of some turns (oldest first, at least one) sounds like, and what the character feels after it."""
    heard = newest(turns)
    assert heard, "a window has a newest turn"
    [said], [felt] = await asyncio.gather(classifier.score([heard.text]), classifier.read([around(turns, character)]))
    return Reading(said, felt)


def settings_of(card: "Card", settings: MoodSettings) -> MoodSettings:
    """How this character's mood moves: the card's wishes over the settings."""
    return replace(settings, **card.mood.wishes())


def after(mood: Mood, turn: Turn, reading: Reading, settings: MoodSettings) -> Mood:
    """The mood after one more turn."""
    own = turn.role is Role.CHARACTER
    return feel(mood, reading, own=own, name=turn.name, at=turn.at, settings=settings)
