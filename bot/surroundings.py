"""What surrounds a reply: which lore is awake, whom the members play, who else is in the scene.

Gathered once for a turn and handed to the prompt as its `Setting`. What lasts of lore (sticky, cooldown) is kept when
the reply counts; a turn that is begun again after a crash finds the state it found before. Knows no Discord.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Protocol

from bot.library import Library
from persona.lore.engine import Lore
from persona.lore.obstacles import Moment
from persona.lore.outcome import Awakened
from persona.lore.rules import LoreRules
from persona.lore.timed import Timed
from persona.sections import Sections
from persona.setting import Setting
from persona.turn import Turn

if TYPE_CHECKING:
    from bot.conversation import Incoming
    from persona.card import Card, Persona

MOST_REMEMBERED = 200  # channels of which it is still known what was awake


class KeepsScenery(Protocol):
    """What is asked of the history."""

    async def masks_of(self, guild: int | None, channel: int, persona: str, since: int) -> dict[str, str]: ...
    async def lore_times(self, channel: int, persona: str) -> str: ...
    async def keep_lore_times(self, channel: int, persona: str, state: str) -> None: ...
    async def count(self, channel: int, persona: str | None = None) -> int: ...
    async def replies(self, channel: int, persona: str) -> int: ...


@dataclass
class Surroundings:
    """count: the tokens of a text. budget: of all lore together, in tokens."""

    history: KeepsScenery
    library: Library
    count: Callable[[str], int]
    budget: int
    rules: LoreRules = field(default_factory=LoreRules)
    _awake: dict[int, tuple[str, Awakened]] = field(default_factory=dict)

    async def setting(
        self, incoming: "Incoming", persona: "Persona", turns: Sequence[Turn], beside: "Sequence[Persona]"
    ) -> Setting:
        """What surrounds the reply of `persona` after `turns`, the newest last."""
        since = turns[0].id if turns else 0
        members = await self.history.masks_of(incoming.guild, incoming.channel, persona.slug, since)
        others = tuple(other.card.name for other in beside)
        # By itself the turn's number, which is the same if the turn is begun again.
        seed = (turns[-1].id if turns else 0) if incoming.seed is None else incoming.seed
        chat = f"{incoming.channel}/{persona.slug}"
        now = datetime.fromtimestamp(incoming.at).astimezone()
        setting = Setting(incoming.name, members, others=others, now=now, seed=seed, chat=chat)
        return replace(setting, lore=await self._lore(incoming, persona, turns, Random(seed), setting))

    async def keep(self, incoming: "Incoming", setting: Setting) -> None:
        """The reply counts: what lasts of its lore is kept."""
        if setting.lore is None:
            return
        await self.history.keep_lore_times(incoming.channel, incoming.persona, setting.lore.timed.to_json())
        self._awake.pop(incoming.channel, None)
        self._awake[incoming.channel] = (incoming.persona, setting.lore)
        while len(self._awake) > MOST_REMEMBERED:
            del self._awake[next(iter(self._awake))]

    def awake(self, channel: int) -> tuple[str, Awakened] | None:
        """For whose reply in a channel lore was looked for last, and what came of it; None since the start if never."""
        return self._awake.get(channel)

    async def _lore(
        self,
        incoming: "Incoming",
        persona: "Persona",
        turns: Sequence[Turn],
        chance: Random,
        setting: Setting,
    ) -> Awakened | None:
        books = (*persona.lore, *await self.library.books(incoming.guild, incoming.channel))
        if not books:
            return None
        card = persona.card
        state = _state(await self.history.lore_times(incoming.channel, persona.slug))
        moment = Moment(
            messages=await self.history.count(incoming.channel, persona.slug),
            replies=await self.history.replies(incoming.channel, persona.slug),
            names=frozenset({card.name, card.nickname, persona.slug} - {""}),
            tags=frozenset(persona.character.tags if persona.character else ()),
        )
        return await asyncio.to_thread(
            Lore(books, self.rules).awaken,
            turns,
            count=self.count,
            budget=self.budget,
            chance=chance,
            state=state,
            moment=moment,
            fill=Sections(card, turns, setting).lasting.fill,
            sources=_sources(card, setting.members.get(incoming.name, "")),
        )


def _state(stored: str) -> Timed:
    """A damaged state is no reason never to speak again: then nothing lasts."""
    try:
        return Timed.from_json(stored) if stored else Timed()
    except ValueError:
        return Timed()


def _sources(card: "Card", mask: str) -> dict[str, str]:
    """Texts of the card that entries may listen to (persona/lore/entry.py, SOURCES)."""
    return {
        "persona_description": mask,
        "character_description": card.description,
        "character_personality": card.personality,
        "character_depth_prompt": card.note.text if card.note else "",
        "scenario": card.scenario,
    }
