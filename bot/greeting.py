"""What a persona says when it comes into a channel for the first time, and who is there to hear it.

Its other greetings are variations of that message: they are remembered beside it as other words for the same turn.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from avatar.expression import spec_for
from bot.conversation import Directed
from bot.here import Here
from bot.owed import OpenTurn
from bot.voices import Room
from persona.card import Card, Persona
from persona.macros import Macros
from persona.prompt import greetings
from persona.sections import Sections
from persona.setting import Setting


async def greet(here: Here, persona: Persona, channel: int, beside: Sequence[Persona] = ()) -> None:
    """Let a persona say its greeting where it never spoke before; `beside`: the others who are there."""
    client, room, card = here.client, here.channel, persona.card
    words = greetings(card, _macros(here, card, channel, beside), alone=not beside)
    if not words or not isinstance(room, Room) or await client.history.recent(channel, persona.slug, 1):
        return
    looks = await asyncio.to_thread(client.rooms.painter.nearest, persona, spec_for(card, card.neutral))
    asked = OpenTurn(here.guild_id, channel, here.id, here.user.id, here.user.display_name, "", 0.0, persona.slug)
    heard_by = [other.slug for other in beside]
    turn = await client.delivery.say(asked, room, card.name, Directed(card.neutral, looks), words[0], heard_by)
    await client.history.keep_variations(turn, words, card.neutral)


def _macros(here: Here, card: Card, channel: int, beside: Sequence[Persona]) -> Macros:
    """{{user}} is who let the persona come."""
    others = tuple(other.card.name for other in beside)
    setting = Setting(
        user=here.user.display_name, others=others, now=datetime.now().astimezone(), seed=here.id, chat=str(channel)
    )
    return Sections(card, (), setting).macros
