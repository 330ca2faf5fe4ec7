"""What `/mood` and `mien mood` show: a persona's last turns in a channel as a picture, and the same in words.

Everything comes from the database and the shelf of faces; no model is asked.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from avatar.picture import PortraitError, to_small_png
from avatar.retelling import in_words
from avatar.timeline import MOST, ThemeName, draw
from bot.feeling import settings_of
from emotion.mood import Moment, Mood, rested
from emotion.motion import MoodSettings
from persona.card import Persona

if TYPE_CHECKING:
    from avatar.wardrobe import Wardrobe
    from bot.history import History

TURNS = 16  # shown: faces stay large enough for a phone
assert TURNS <= MOST


@dataclass(frozen=True, slots=True)
class LookBack:
    """moments: oldest first, may be none. felt: the mood of now, calmed by the silence since. worn: the newest face."""

    persona: Persona
    moments: list[Moment]
    felt: Mood
    worn: str

    @property
    def words(self) -> str:
        """The picture in words, for its description."""
        return in_words(self.moments, name=self.persona.card.name, felt=self.felt)

    async def png(self, wardrobe: "Wardrobe", theme: ThemeName = "dark") -> bytes:
        """The picture; drawn beside the event loop, for it takes a good part of a second."""
        return await asyncio.to_thread(self._draw, wardrobe, theme)

    def _draw(self, wardrobe: "Wardrobe", theme: ThemeName) -> bytes:
        faces = _faces(wardrobe, self.persona, {self.worn, *(one.expression for one in self.moments if one.expression)})
        name = self.persona.card.name
        return to_small_png(draw(self.moments, faces, name=name, felt=self.felt, worn=self.worn, theme=theme))


async def look_back(history: "History", persona: Persona, channel: int, settings: MoodSettings) -> LookBack:
    """What a persona felt in a channel, and feels by now."""
    moments = await history.moments(channel, persona.slug, TURNS)
    kept = await history.mood(channel, persona.slug)
    newest = await history.worn(channel, persona.slug)
    worn = next((one.expression for one in reversed(moments) if one.expression), None)
    felt = rested(kept, time.time(), settings_of(persona.card, settings))
    return LookBack(persona, moments, felt, worn or (newest.expression if newest else persona.card.neutral))


def _faces(wardrobe: "Wardrobe", persona: Persona, names: Iterable[str]) -> dict[str, Image.Image]:
    """Close-ups of faces; none for a portrait that cannot be opened, which is told elsewhere."""
    try:
        return {name: wardrobe.close_up(persona, name) for name in names}
    except PortraitError:
        return {}
