"""`/persona import`: a community's card is sent, and its character can speak at the next message.

What counts is the file as it was sent, never Discord's preview of it, which has lost the card. It becomes a folder of
persona files (bot/cards.py), which every server sees; so only the bot's keepers may.
"""

import asyncio
import tempfile
from pathlib import Path

import discord

from bot.cards import Imported, home_for, import_card
from bot.errors import MienError
from bot.here import Here
from bot.keepers import require_keeper
from bot.newface import require_writable
from persona.card import folders

WHAT = "bring in a persona"
MOST_BYTES = 50_000_000
ANSWER = 1900  # characters
SHOWN = 12  # lines of what became of it


async def take_card(here: Here, card: discord.Attachment, name: str | None) -> None:
    """Make a persona of the attachment and say, to whoever asked alone, what became of it."""
    require_keeper(here, WHAT)
    if card.size > MOST_BYTES:
        size = f"{card.size / 1e6:.1f}".rstrip("0").rstrip(".")
        raise MienError(f"{card.filename} has {size} MB: send a card of at most {MOST_BYTES // 1_000_000} MB.")
    await here.response.defer(ephemeral=True, thinking=True)
    content = await card.read()
    made = await asyncio.to_thread(_import, here, card.filename, content, name)
    await here.followup.send(_answer(made), ephemeral=True)


def _import(here: Here, filename: str, content: bytes, name: str | None) -> Imported:
    bot = here.client.rooms.settings.bot
    into = home_for(bot)
    require_writable(into)
    with tempfile.TemporaryDirectory(prefix="mien-") as place:
        plain = Path(filename.replace("\\", "/")).name[-60:] or "card"  # only its ending counts, and its name in errors
        sent = Path(place) / plain
        sent.write_bytes(content)
        try:
            return import_card(sent, into, name, known=list(folders(bot.persona_roots())))
        except ValueError as error:  # whoever sent it knows the file by its name
            raise MienError(str(error).replace(str(sent), filename)) from error


def _answer(made: Imported) -> str:
    name, slug = discord.utils.escape_markdown(made.persona.card.name), made.persona.slug
    said, more = made.lines()[1 : SHOWN + 1], len(made.lines()) - 1 - SHOWN
    said += [f"… and {more} more; `mien persona check` tells all"] if more > 0 else []
    return "\n".join([f"**{name}** is here: `/persona set name:{slug}` lets it speak.", *said])[:ANSWER]
