"""`/face show` and `/face sheet`: one face large, all of them side by side. docs/commands.md is their manual.

Other commands of the group live in files of their own; `bot/commands.py` puts the group together.
"""

import asyncio
import io
import math

import discord
from discord import app_commands

from avatar.expression import spec_for
from avatar.posting import fitting_png, large_png
from avatar.sheet import contact_sheet
from avatar.shelf import Face
from avatar.wardrobe import Wardrobe
from bot.here import Here, expression_choices, speaker
from persona.card import Persona

# Pictures are posted beside the embed, not in it: only there does Discord keep their description.
MOST_ALT = 1024  # characters that Discord keeps of a file's description
MOST_TITLE = 256


@app_commands.command(description="Show the character's face as it is now, or another of its expressions")
@app_commands.describe(expression="An expression to show instead")
@app_commands.autocomplete(expression=expression_choices)
async def show(here: Here, expression: str | None = None) -> None:
    persona, channel = await speaker(here)
    card = persona.card
    worn = await here.client.history.worn(channel, persona.slug)
    usual = worn.expression if worn and worn.expression in card.expressions else card.neutral
    name = card.expression(expression) if expression else usual
    await here.response.defer(thinking=True)  # a face that was never painted takes longer than three seconds
    face = await here.client.rooms.painter.paint(persona, spec_for(card, name))
    file = await large(face, f"{card.name}, {face.expression}")
    instead = None if face.expression == name else f"No painting of “{name}” was fit to be seen, so this is neutral."
    embed = discord.Embed(title=f"{card.name}: {face.expression}"[:MOST_TITLE], description=instead)
    await here.followup.send(file=file, embed=embed)


@app_commands.command(description="Show all expressions of the character side by side")
async def sheet(here: Here) -> None:
    persona, _ = await speaker(here)
    await here.response.defer(thinking=True)
    wardrobe = here.client.rooms.painter.wardrobe
    content, waiting = await asyncio.to_thread(_sheet, wardrobe, persona)
    file = discord.File(io.BytesIO(content), filename="faces.png", description=_in_words(persona, waiting)[:MOST_ALT])
    count = len(persona.card.expressions)
    left = f"{len(waiting)} of {count} not painted yet; /face show paints one." if waiting else None
    embed = discord.Embed(title=f"{persona.card.name}: {count} faces"[:MOST_TITLE], description=left)
    await here.followup.send(file=file, embed=embed)


async def large(face: Face, words: str) -> discord.File:
    """A face as a file to post, as large as Discord shows it; words: what a member who does not see it is told."""
    content = await asyncio.to_thread(large_png, face.path)
    return discord.File(io.BytesIO(content), filename=f"{face.sha256[:16]}.png", description=words[:MOST_ALT])


def _sheet(wardrobe: Wardrobe, persona: Persona) -> tuple[bytes, list[str]]:
    """The sheet as PNG, and the expressions on it that have no face yet. Raises PortraitError."""
    faces, waiting = [], []
    for name in persona.card.expressions:
        face = wardrobe.shelved(persona, spec_for(persona.card, name))
        if face is None:
            waiting.append(name)
        faces.append((name, persona.base if face is None else face.path))
    columns = max(min(len(faces), 7), math.isqrt(len(faces)))
    return fitting_png(contact_sheet(faces, tile=160, columns=columns, awaited=waiting)), waiting


def _in_words(persona: Persona, waiting: list[str]) -> str:
    """What is on the sheet."""
    there = [name for name in persona.card.expressions if name not in waiting]
    parts = [f"The faces of {persona.card.name}: {', '.join(there)}."] if there else []
    parts += [f"Not painted yet: {', '.join(waiting)}."] if waiting else []
    return " ".join(parts)
