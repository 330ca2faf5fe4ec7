"""Slash commands: who speaks here, what is felt, which face is worn. docs/commands.md is their manual.

Every command answers or defers at once, for Discord waits three seconds. A refusal is one sentence that only the asking
member sees. The commands are thin: what they show comes from the rooms.
"""

import asyncio
import io
import logging
from collections.abc import Mapping, Sequence

import discord
from discord import app_commands

from avatar.palette import THEMES, colour
from avatar.retelling import feeling as feeling_word
from avatar.retelling import now
from avatar.timeline import ThemeName
from bot.card_upload import take_card
from bot.client import MienClient
from bot.face_commands import sheet, show
from bot.face_morph import morph
from bot.face_upload import Decide, upload
from bot.greeting import greet
from bot.here import Here, channel_of, persona_choices, refuse, require_manager, speaker
from bot.lookback import look_back
from bot.lore_commands import Lores
from bot.mask_commands import Masks
from bot.repaint import Wear, repaint
from bot.scene_commands import Scenes
from emotion.mood import Mood
from inference.job import Priority
from inference.plan import size
from inference.residency import Resident

log = logging.getLogger(__name__)

SHOWN_EMOTIONS = 5
AT_WORK = {
    Priority.FEELING: ("message to feel", "messages to feel"),
    Priority.REPLY: ("reply", "replies"),
    Priority.PORTRAIT: ("face", "faces"),
    Priority.PREWARM: ("face for later", "faces for later"),
}


face = app_commands.Group(name="face", description="The character's faces")
face.add_command(show)
face.add_command(morph)
face.add_command(repaint)
face.add_command(upload)
face.add_command(sheet)  # a command of a file of its own is one line more here


class Commands(app_commands.CommandTree[MienClient]):
    """All of Mien's commands; whatever one raises becomes a sentence."""

    def __init__(self, client: MienClient) -> None:
        super().__init__(client)
        self.add_command(Personas())
        self.add_command(Scenes())
        self.add_command(Lores())
        self.add_command(Masks())
        self.add_command(mood)
        self.add_command(face)
        client.add_dynamic_items(Wear, Decide)
        self.add_command(reset)
        self.add_command(status)

    async def on_error(self, interaction: Here, error: app_commands.AppCommandError, /) -> None:
        await refuse(interaction, error)


class Personas(app_commands.Group):
    """/persona list, /persona set, /persona import"""

    def __init__(self) -> None:
        super().__init__(name="persona", description="Who speaks in this channel")

    @app_commands.command(name="list", description="Show every persona there is, and who speaks here")
    async def list_(self, here: Here) -> None:
        there = await here.client.ears.scene_of(channel_of(here))
        speaking = [persona.slug for persona in there]
        lines = [
            f"{'▸ ' if persona.slug in speaking else ''}**{persona.card.name}** (`{persona.slug}`): "
            + next(iter(persona.card.description.strip().splitlines()), "")[:150]
            for persona in here.client.rooms.cast.all()
        ]
        embed = discord.Embed(title="Personas", description="\n".join(lines)[:4096])
        embed.set_footer(text="▸ speaks in this channel. /persona set chooses one, /scene add lets several speak.")
        await here.response.send_message(embed=embed, ephemeral=True)

    @app_commands.command(name="set", description="Choose who speaks in this channel")
    @app_commands.describe(name="The persona")
    @app_commands.autocomplete(name=persona_choices)
    async def set_(self, here: Here, name: str) -> None:
        channel = channel_of(here)
        require_manager(here, "choose who speaks")
        persona = here.client.rooms.cast.get(name)
        await here.client.history.set_scene(channel, [persona.slug])
        await here.response.send_message(f"{persona.card.name} speaks in this channel now.")
        await greet(here, persona, channel)

    @app_commands.command(
        name="import", description="Bring in a character's card (for the bot's owner and its home server's managers)"
    )
    @app_commands.describe(
        card="The original file: PNG, CHARX, WebP, JPEG, JSON or YAML", name="What it is called by here"
    )
    async def import_(self, here: Here, card: discord.Attachment, name: str | None = None) -> None:
        await take_card(here, card, name)


@app_commands.command(description="Show what the character feels in this channel, and how it came to that")
@app_commands.describe(theme="The picture's background; both are at home on either")
async def mood(here: Here, theme: ThemeName = "dark") -> None:
    persona, channel = await speaker(here)
    await here.response.defer(thinking=True)
    rooms = here.client.rooms
    seen = await look_back(here.client.history, persona, channel, rooms.story.feeling.settings)
    content = await seen.png(rooms.painter.wardrobe, theme)
    file = discord.File(io.BytesIO(content), filename="mood.png", description=seen.words)
    tone = discord.Colour.from_rgb(*colour(seen.felt.leading, THEMES[theme]))
    embed = discord.Embed(title=now(persona.card.name, seen.felt)[:256], description=shares(seen.felt), colour=tone)
    await here.followup.send(file=file, embed=embed)


@app_commands.command(description="Let the character forget everything that was said in this channel")
async def reset(here: Here) -> None:
    channel = channel_of(here)
    require_manager(here, "make the character forget")
    dropped = await here.client.history.forget(channel)
    turns = "one message is" if dropped == 1 else f"{dropped} messages are"
    await here.response.send_message(f"Forgotten: {turns} gone from memory, and the mood is neutral again.")


@app_commands.command(description="Show how Mien is doing: models, device, queue, faces, latency")
async def status(here: Here) -> None:
    client, (persona, channel) = here.client, await speaker(here)
    settings = client.rooms.settings
    faces, moving = await asyncio.to_thread(client.rooms.painter.wardrobe.shelf.stock)
    fields = {
        "Persona": persona.card.name,
        "Remembered here": f"{await client.history.count(channel)} messages",
        "Language model": settings.model.name,
        "Painter": settings.face.model,
        "Device": str(client.rooms.gpu.device),
        "Waiting": f"{client.lanes.waiting} messages",
        "At work": at_work(client.rooms.gpu.unfinished),
        "In memory": in_memory(client.rooms.gpu.residency.residents),
        "Faces painted": str(faces),
        "Animations painted": str(moving),
        "Latency": f"{client.latency * 1000:.0f} ms",
    }
    embed = discord.Embed(title="Mien")
    for name, value in fields.items():
        embed.add_field(name=name, value=value)
    await here.response.send_message(embed=embed, ephemeral=True)


def at_work(unfinished: Mapping[Priority, int]) -> str:
    """What the device has to do, most urgent first: "2 replies, 1 face"."""
    counts = ((unfinished[priority], words) for priority, words in AT_WORK.items() if unfinished.get(priority))
    return ", ".join(f"{count} {words[count > 1]}" for count, words in counts) or "nothing"


def in_memory(residents: Sequence[Resident]) -> str:
    """Who is on the device, and who rests until it is needed again."""
    here = [f"{one.name} ({size(one.bytes)})" for one in residents if one.here]
    resting = [one.name for one in residents if not one.here]
    return ", ".join(here) + (f"; resting: {', '.join(resting)}" if resting else "") or "nothing yet"


def shares(feeling: Mood) -> str:
    """The strongest emotions in numbers: "joy 48%, love 20%, calm 12%"."""
    strongest = [(name, share) for name, share in feeling.strongest(SHOWN_EMOTIONS) if share >= 0.005]
    return ", ".join(f"{feeling_word(name)} {share:.0%}" for name, share in strongest)
