"""`/lore add`, `/lore list`, `/lore remove`, `/lore why`: what everybody in a server or a channel knows.

docs/commands.md is their manual. How books are searched is decided in persona/lore; where they are kept, in
bot/library.py.
"""

from pathlib import Path
from typing import Literal

import discord
from discord import app_commands

from bot.errors import MienError
from bot.here import MOST_CHOICES, Here, channel_of
from bot.library import ENDINGS, MOST_BYTES
from bot.scenery import Book
from persona.lore.outcome import Awakened, Cause, LeftOut, Why
from persona.lorebook import Lorebook
from persona.naming import fold

Where = Literal["channel", "server"]
SHOWN = 24  # entries in one answer
FINDINGS = 5  # of a book that is added


class Lores(app_commands.Group):
    """/lore add, /lore list, /lore remove, /lore why"""

    def __init__(self) -> None:
        super().__init__(name="lore", description="What the characters know about this server's world")

    @app_commands.command(description="Add a lorebook, or replace the one of the same file name")
    @app_commands.describe(book="A lorebook: JSON of a card or of SillyTavern, or TOML", where="Where it counts")
    async def add(self, here: Here, book: discord.Attachment, where: Where = "channel") -> None:
        _require_manager(here)
        name = Path(book.filename).name
        if Path(name).suffix.lower() not in ENDINGS:
            raise MienError(f"{name} is no lorebook by its name: send a file that ends in {' or '.join(ENDINGS)}.")
        if book.size > MOST_BYTES:
            raise MienError(f"{name} has {book.size / 1e6:.1f} MB: send a book of at most {MOST_BYTES / 1e6:g} MB.")
        await here.response.defer(ephemeral=True, thinking=True)
        channel = 0 if where == "server" and here.guild_id else channel_of(here)  # direct messages have no server
        kept = Book(here.guild_id or 0, channel, name, _text(name, await book.read()))
        read = await here.client.rooms.surroundings.library.add(kept)
        await here.followup.send(_added(kept, read)[:2000], ephemeral=True)

    @app_commands.command(name="list", description="Show the lorebooks that count in this channel")
    async def list_(self, here: Here) -> None:
        books = await here.client.history.books(here.guild_id, channel_of(here))
        there = await here.client.ears.scene_of(channel_of(here))
        lines = [f"**{book.name}** ({_where(book)})" for book in books]
        lines += [f"**{lore.label()}** ({persona.card.name}’s own)" for persona in there for lore in persona.lore]
        embed = discord.Embed(title="Lorebooks", description="\n".join(lines)[:4096] or "There are none here.")
        await here.response.send_message(embed=embed, ephemeral=True)

    @app_commands.command(description="Remove a lorebook of this channel or this server")
    @app_commands.describe(name="The book's file name")
    async def remove(self, here: Here, name: str) -> None:
        _require_manager(here)
        books = await here.client.history.books(here.guild_id, channel_of(here))
        found = [book for book in books if _choice(book) == name or fold(book.name) == fold(name)]
        if not found:
            raise MienError(f"There is no book {name!r} here; /lore list shows those that there are.")
        if len(found) > 1:
            raise MienError(f"Two books are called {name!r}, the channel’s and the server’s: pick one from the list.")
        await here.client.rooms.surroundings.library.remove(found[0])
        await here.response.send_message(f"{found[0].name} counts here no more.", ephemeral=True)

    @remove.autocomplete("name")
    async def _kept(self, here: Here, typed: str) -> list[app_commands.Choice[str]]:
        books = await here.client.history.books(here.guild_id, channel_of(here))
        fitting = [book for book in books if fold(typed) in fold(book.name)][:MOST_CHOICES]
        return [app_commands.Choice(name=_choice(book)[:100], value=_choice(book)[:100]) for book in fitting]

    @app_commands.command(description="Show which lore the last reply in this channel knew, and through what")
    async def why(self, here: Here) -> None:
        if (found := here.client.rooms.surroundings.awake(channel_of(here))) is None:
            raise MienError("No lore was looked for in this channel since Mien's start: say something to a character.")
        slug, awakened = found
        name = here.client.rooms.cast.get(slug).card.name
        embed = discord.Embed(title=f"What {name} knew"[:256], description=told(awakened)[:4096])
        embed.set_footer(text=f"{awakened.tokens} tokens of lore")
        await here.response.send_message(embed=embed, ephemeral=True)


def told(awakened: Awakened) -> str:
    """What is awake and through what, then what was called and left out, a line each."""
    lines = [f"**{_plain(one.entry.name)}** ({_plain(one.book)}): {through(one.why)}" for one in awakened.entries]
    lines += [f"~~{_plain(one.entry.name)}~~ ({_plain(one.book)}): {_left(one)}" for one in awakened.left_out]
    more = [f"… and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *more]) or "Nothing was awake."


def through(why: Why) -> str:
    """What awakened an entry, in words."""
    if why.cause is not Cause.KEY:
        return str(why.cause)
    key = f"“{_plain(why.key)}”"
    if why.through is not None:
        return f"{key} in the text of {_plain(why.through.name)}"
    if why.source:
        return f"{key} in the {why.source.replace('_', ' ')}"
    ago = f"{why.message} messages ago" if why.message else "in the newest message"
    return f"{key} {ago}"


def _left(one: LeftOut) -> str:
    return f"left out ({one.reason.replace('_', ' ')}): {_plain(one.says)}"


def _added(book: Book, read: Lorebook) -> str:
    """What was added, and what of it will surprise."""
    count = len(read.entries)
    entries = "one entry" if count == 1 else f"{count:,} entries"
    lines = [f"**{_plain(book.name)}** counts in {_where(book)} now: {entries}."]
    lines += [f"{found.level}: {found.where} {found.says}" for found in read.findings[:FINDINGS]]
    left = len(read.findings) - FINDINGS
    return "\n".join([*lines, *([f"… and {left} more; `mien lore` tells them."] if left > 0 else [])])


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MienError(f"{name} is no text in UTF-8: save it as JSON or TOML, in UTF-8.") from error


def _where(book: Book) -> str:
    return "this channel" if book.channel else "the whole server"


def _choice(book: Book) -> str:
    return f"{book.name} · {'channel' if book.channel else 'server'}"


def _plain(text: str) -> str:
    return discord.utils.escape_markdown(text[:100])


def _require_manager(here: Here) -> None:
    """In a server, only members who may manage it; in a direct message, whoever is there."""
    if here.guild_id is not None and not here.permissions.manage_guild:
        raise MienError("Only members with the permission “Manage Server” may change its lorebooks.")
