"""`/face upload`: a keeper (bot/keepers.py) sends the persona's new portrait, sees where its face is, and decides.

The answer is for the asking member alone. Its buttons carry the upload's token in their ids, and the upload lies on the
disk (bot/uploads.py), so they work after a restart as well. docs/commands.md is the manual.
"""

import asyncio
import io
import re
from typing import Any, Self

import discord
from discord import app_commands

from avatar.overlay import overlay
from avatar.picture import to_png
from avatar.proposal import place_in_words
from bot.client import MienClient
from bot.errors import MienError, for_member
from bot.here import Here, speaker
from bot.keepers import require_keeper
from bot.uploads import Uploads

WHAT = "change a portrait"
MAX_BYTES = 10_000_000  # of the file that is sent
SHOWN = 640  # pixels of the picture in the answer
IDS = r"face:(?P<choice>use|keep):(?P<token>[0-9a-f]{16})"
STYLES = {"use": ("Use it", discord.ButtonStyle.success), "keep": ("Keep the old one", discord.ButtonStyle.secondary)}


@app_commands.command(
    description="Give the character a new portrait (for the bot's owner and its home server's managers)"
)
@app_commands.describe(portrait="A picture with one face, PNG, JPEG or WebP")
async def upload(here: Here, portrait: discord.Attachment) -> None:
    require_keeper(here, WHAT)
    if portrait.size > MAX_BYTES:
        size = f"{portrait.size / 1e6:.1f}".rstrip("0").rstrip(".")
        raise MienError(f"{portrait.filename} has {size} MB: send a picture of at most {MAX_BYTES // 1_000_000} MB.")
    persona, _ = await speaker(here)
    await here.response.defer(ephemeral=True, thinking=True)
    content = await portrait.read()
    propose = here.client.rooms.painter.proposer.propose
    token, found = await uploads_of(here.client).take(persona, portrait.filename, content, propose)
    picture = await asyncio.to_thread(lambda: to_png(overlay(found, SHOWN)))
    words = place_in_words(found.mask)
    file = discord.File(io.BytesIO(picture), filename="proposal.png", description=f"The face was found: {words}")
    text = (
        f"Where the face of {persona.card.name} may change is tinted ({words}); the square is what is painted. "
        "`mien persona mask` and the playground's mask page can correct it later."
    )
    view = discord.ui.View(timeout=None)
    for choice in STYLES:
        view.add_item(Decide(choice, token))
    await here.followup.send(text, file=file, view=view, ephemeral=True)


class Decide(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=IDS):
    """A button under an upload; found again by its id alone, whenever the message was sent."""

    def __init__(self, choice: str, token: str) -> None:
        label, style = STYLES[choice]
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"face:{choice}:{token}"))
        self.choice, self.token = choice, token

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["choice"], match["token"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        here: Here = interaction
        await here.response.defer()
        try:
            said = await self._decided(here)
        except Exception as error:
            await here.followup.send(for_member(error), ephemeral=True)  # the buttons stay: it may be tried again
        else:
            await here.edit_original_response(content=said, view=None, attachments=[])

    async def _decided(self, here: Here) -> str:
        require_keeper(here, WHAT)
        uploads = uploads_of(here.client)
        if self.choice == "keep":
            await asyncio.to_thread(uploads.drop, self.token)
            return "The old portrait stays."
        persona = await asyncio.to_thread(uploads.use, self.token, here.client.rooms.cast)
        name = persona.card.name
        return f"This is {name} from now on; the old portrait is kept beside it as {persona.base.stem}.before-…"


def uploads_of(client: MienClient) -> Uploads:
    return Uploads(client.rooms.settings.bot.state / "uploads")
