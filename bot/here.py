"""Where a slash command was asked: who speaks there, who asks, and what may be chosen while typing.

Everything here answers from memory, the disk or the database, within Discord's three seconds.
"""

import discord
from discord import app_commands

from bot.client import MienClient
from bot.errors import MienError, for_member
from persona.card import Persona
from persona.naming import fold

Here = discord.Interaction[MienClient]
MOST_CHOICES = 25  # Discord's limit for autocomplete


async def speaker(here: Here) -> tuple[Persona, int]:
    """Who speaks in the channel of the command, and the channel's id."""
    channel = channel_of(here)
    return await here.client.ears.persona_of(channel), channel


def channel_of(here: Here) -> int:
    if here.channel_id is None:
        raise MienError("This command needs a channel.")
    return here.channel_id


def require_manager(here: Here, what: str) -> None:
    """In a server, only members who may manage the channel; in a direct message, whoever is there."""
    if here.guild_id is not None and not here.permissions.manage_channels:
        raise MienError(f"Only members with the permission “Manage Channels” may {what} here.")


async def refuse(here: Here, error: Exception) -> None:
    """Say what went wrong, in a sentence that only the asking member sees."""
    said = for_member(error)
    if here.response.is_done():
        await here.followup.send(said, ephemeral=True)
    else:
        await here.response.send_message(said, ephemeral=True)


async def persona_choices(here: Here, typed: str) -> list[app_commands.Choice[str]]:
    found = here.client.rooms.cast.match(typed, MOST_CHOICES)
    return [app_commands.Choice(name=persona.card.name[:100], value=persona.slug[:100]) for persona in found]


async def expression_choices(here: Here, typed: str) -> list[app_commands.Choice[str]]:
    persona, _ = await speaker(here)
    names = [name for name in persona.card.expressions if fold(typed) in fold(name)]
    return [app_commands.Choice(name=name, value=name) for name in names[:MOST_CHOICES]]
