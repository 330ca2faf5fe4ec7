"""`/face morph`: a face that moves from one expression to another and back, as a GIF that Discord plays by itself.

Discord plays GIFs everywhere, animated WebP only in some of its apps and animated PNG nowhere, so it is a GIF.
"""

import asyncio
import io

import discord
from discord import app_commands

from avatar.animation import fitting, read_file
from avatar.expression import spec_for
from avatar.shelf import Face
from bot.errors import MienError
from bot.here import Here, expression_choices, speaker
from bot.moving import pair
from inference.job import Priority

SIDE = 512  # pixels; a chat shows a picture hardly larger, and a phone need not load more
_painting: set[int] = set()  # channels where a moving face is being made: one at a time


@app_commands.command(description="Show how the character's face moves from one expression to another and back")
@app_commands.describe(start="The expression it comes from", end="The expression it becomes")
@app_commands.rename(start="from", end="to")
@app_commands.autocomplete(start=expression_choices, end=expression_choices)
async def morph(here: Here, start: str, end: str) -> None:
    persona, channel = await speaker(here)
    first, last = pair(persona.card, start, end)
    if channel in _painting:
        raise MienError("A moving face is being painted here already: wait until it is there, then ask again.")
    _painting.add(channel)
    try:
        await here.response.defer(thinking=True)  # some seconds, unless it was painted before
        specs = spec_for(persona.card, first), spec_for(persona.card, last)
        face = await here.client.rooms.painter.morph(persona, *specs, priority=Priority.PREWARM)
        content = await asyncio.to_thread(_gif, face)
    finally:
        _painting.discard(channel)
    words = f"{persona.card.name}'s face moves from {first} to {last} and back."
    file = discord.File(io.BytesIO(content), filename=f"{face.sha256[:16]}.gif", description=words[:1024])
    await here.followup.send(f"{persona.card.name}: {first} → {last}"[:2000], file=file)


def _gif(face: Face) -> bytes:
    return fitting(read_file(face.path), ".gif", side=SIDE)
