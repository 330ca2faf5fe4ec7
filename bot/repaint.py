"""`/face repaint`: another painting of an expression from now on, shown beside the one before, with a way back.

What is kept is a seed in the persona's folder (persona/faces.py), so it holds everywhere and after a restart. The
button carries both seeds itself: it works as long as its message stands.
"""

import asyncio
import hashlib
import io
import re
import secrets
from dataclasses import replace
from typing import Any, Self

import discord
from discord import app_commands

from avatar.expression import spec_for
from avatar.posting import fitting_png
from avatar.sheet import contact_sheet
from avatar.shelf import Face
from bot.client import MienClient
from bot.errors import MienError
from bot.here import Here, expression_choices, refuse, speaker
from bot.keepers import require_keeper
from persona.card import Persona
from persona.faces import keep_seed

MOST_SEEDS = 2**53  # small enough for a button's 100 characters
SIDE = 384  # pixels of each of the two pictures


@app_commands.command(description="Paint an expression another way from now on")
@app_commands.describe(expression="The expression to paint anew")
@app_commands.autocomplete(expression=expression_choices)
async def repaint(here: Here, expression: str) -> None:
    require_keeper(here, "have a face painted anew")
    persona, _ = await speaker(here)
    name = persona.card.expression(expression)
    if name in persona.faces:
        raise MienError(f"{persona.faces[name].name} is worn as it is: take it out of faces/ to have {name} painted.")
    await here.response.defer(thinking=True)
    seeds = persona.seeds.get(name, 0), secrets.randbelow(MOST_SEEDS - 1) + 1
    before, after = [await _painted(here.client, persona, name, seed) for seed in seeds]
    if after.expression != name:
        raise MienError(f"The other painting of {name} was not fit to be seen, so the face stays as it was; try again.")
    await asyncio.to_thread(keep_seed, persona.folder, name, seeds[1])
    title = f"{persona.card.name}: {name}"
    content = await asyncio.to_thread(_side_by_side, before, after)
    file = discord.File(
        io.BytesIO(content), filename="repainted.png", description=f"{title}, before on the left, after on the right"
    )
    view = discord.ui.View(timeout=None).add_item(Wear.made(persona, name, worn=seeds[1], other=seeds[0], back=True))
    await here.followup.send(file=file, embed=discord.Embed(title=title, description=_says(back=True)), view=view)


async def _painted(client: MienClient, persona: Persona, name: str, seed: int) -> Face:
    """An expression as it is painted from a seed."""
    seeded = replace(persona, seeds=dict(persona.seeds) | {name: seed})
    return await client.rooms.painter.paint(seeded, spec_for(persona.card, name))


def _side_by_side(before: Face, after: Face) -> bytes:
    """PNG. Raises PortraitError."""
    return fitting_png(contact_sheet([("before", before.path), ("after", after.path)], tile=SIDE, columns=2))


def _says(*, back: bool) -> str:
    return "The new face is worn from now on." if back else "The face from before is worn again."


class Wear(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"face:(?P<persona>[0-9a-f]{12}):(?P<name>[0-9a-f]{12}):(?P<worn>\d{1,16}):(?P<other>\d{1,16}):(?P<back>[01])",
):
    """A button that changes the seed of an expression: to the one before, and again to the new one."""

    def __init__(self, persona: str, name: str, worn: int, other: int, *, back: bool) -> None:
        self.persona, self.name, self.worn, self.other, self.back = persona, name, worn, other, back
        label = "Go back" if back else "Take the new face"
        number = f"face:{persona}:{name}:{worn}:{other}:{int(back)}"
        super().__init__(discord.ui.Button(label=label, custom_id=number))

    @classmethod
    def made(cls, persona: Persona, name: str, *, worn: int, other: int, back: bool) -> Self:
        """worn: the seed of now; other: the one that a click brings; back: is that the one from before?"""
        return cls(_short(persona.slug), _short(name), worn, other, back=back)

    @classmethod
    async def from_custom_id(cls, _: Any, __: Any, match: re.Match[str], /) -> Self:
        read = match.groupdict()
        return cls(read["persona"], read["name"], int(read["worn"]), int(read["other"]), back=read["back"] == "1")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        try:
            await self._change(interaction)
        except Exception as error:
            await refuse(interaction, error)

    async def _change(self, here: Here) -> None:
        require_keeper(here, "change a face")
        persona, name = self._meant(here.client)
        await asyncio.to_thread(keep_seed, persona.folder, name, self.other)
        view = discord.ui.View(timeout=None)
        view.add_item(Wear(self.persona, self.name, self.other, self.worn, back=not self.back))
        title = f"{persona.card.name}: {name}"
        embed = discord.Embed(title=title, description=_says(back=not self.back))
        await here.response.edit_message(embed=embed, view=view)

    def _meant(self, client: MienClient) -> tuple[Persona, str]:
        for persona in client.rooms.cast.all():
            if _short(persona.slug) == self.persona:
                for name in persona.card.expressions:
                    if _short(name) == self.name:
                        return persona, name
        raise MienError("This face is not on the card any more.")


def _short(name: str) -> str:
    """A name as a button can carry it."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]
