"""`/scene add`, `/scene remove`, `/scene list`: who plays in a channel. docs/commands.md is their manual.

Who of them speaks when is decided in persona/scene.py.
"""

import discord
from discord import app_commands

from bot.errors import MienError
from bot.greeting import greet
from bot.here import MOST_CHOICES, Here, channel_of, persona_choices, require_manager
from persona.card import Persona, PersonaError
from persona.naming import fold
from persona.scene import words_of

MOST_PLAYERS = 8  # each of them reads and feels every message


class Scenes(app_commands.Group):
    """/scene add, /scene remove, /scene list"""

    def __init__(self) -> None:
        super().__init__(name="scene", description="Several personas in one channel")

    @app_commands.command(description="Let one more persona speak in this channel")
    @app_commands.describe(name="The persona")
    @app_commands.autocomplete(name=persona_choices)
    async def add(self, here: Here, name: str) -> None:
        channel = channel_of(here)
        require_manager(here, "choose who speaks")
        persona, there = here.client.rooms.cast.get(name), await here.client.ears.scene_of(channel)
        if persona.slug in _slugs(there):
            raise MienError(f"{persona.card.name} speaks in this channel already.")
        if len(there) >= MOST_PLAYERS:
            raise MienError(f"At most {MOST_PLAYERS} personas speak in one channel; /scene remove makes room.")
        await here.client.history.set_scene(channel, [*_slugs(there), persona.slug])
        await here.response.send_message(f"{persona.card.name} joins {_together(there)}.")
        await greet(here, persona, channel, there)

    @app_commands.command(description="Let a persona leave this channel")
    @app_commands.describe(name="The persona")
    async def remove(self, here: Here, name: str) -> None:
        channel = channel_of(here)
        require_manager(here, "choose who speaks")
        there = await here.client.ears.scene_of(channel)
        leaving = _one_of(there, name)
        staying = [persona for persona in there if persona is not leaving]
        if not staying:
            raise MienError(f"{leaving.card.name} is the only one who speaks here; /persona set chooses another one.")
        await here.client.history.set_scene(channel, _slugs(staying))
        stay = "stays" if len(staying) == 1 else "stay"
        await here.response.send_message(f"{leaving.card.name} leaves; {_together(staying)} {stay}.")

    @remove.autocomplete("name")
    async def _leaving(self, here: Here, typed: str) -> list[app_commands.Choice[str]]:
        there = await here.client.ears.scene_of(channel_of(here))
        found = [persona for persona in there if fold(typed) in fold(persona.card.name)]
        choices = [app_commands.Choice(name=one.card.name[:100], value=one.slug[:100]) for one in found]
        return choices[:MOST_CHOICES]

    @app_commands.command(name="list", description="Show who speaks in this channel, and what calls them")
    async def list_(self, here: Here) -> None:
        there = await here.client.ears.scene_of(channel_of(here))
        embed = discord.Embed(title="Who speaks here", description="\n".join(map(_line, there))[:4096])
        embed.set_footer(text="Name somebody, or reply to what somebody said, and that one answers first.")
        await here.response.send_message(embed=embed, ephemeral=True)


def _line(persona: Persona) -> str:
    """What a character is called and how readily it speaks: "**Bram** (bram, keeper), talkativeness 50%"."""
    card = persona.card
    names = (*words_of(card.nickname), *words_of(card.name), *card.words)
    called = ", ".join(dict.fromkeys(fold(name) for name in names))
    return f"**{card.name}** ({called}), talkativeness {card.talkativeness:.0%}"


def _one_of(there: list[Persona], name: str) -> Persona:
    for persona in there:
        if fold(name) in (fold(persona.slug), fold(persona.card.name)):
            return persona
    raise PersonaError(f"{name!r} does not speak in this channel; there speak: {', '.join(_slugs(there))}.")


def _slugs(personas: list[Persona]) -> list[str]:
    return [persona.slug for persona in personas]


def _together(personas: list[Persona]) -> str:
    """ "Marigold, Bram and Juno" """
    *most, last = (persona.card.name for persona in personas)
    return f"{', '.join(most)} and {last}" if most else last
