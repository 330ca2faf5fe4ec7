"""A face gets an address on Discord: it is posted once per server into a private channel, and its URL is kept.

Discord re-hosts a webhook's `avatar_url` when a message is made, and accepts the address of an attachment without its
expiring parameters. The file's name is the hash of the picture, so nothing about a member can be read from it.
"""

import asyncio
import io
import logging
import re
import time
from collections.abc import AsyncIterator, Collection, Sequence

import discord

from avatar.picture import PortraitError
from avatar.shelf import Face, avatar_bytes
from bot.history import History, Posted

log = logging.getLogger(__name__)

UNREADABLE = (OSError, PortraitError)  # what a picture that is gone or damaged raises
UNKNOWN_CHANNEL = 10003
MOST_READ_BACK = 1000  # messages of a shelf channel
MISSING = (
    "server %s has no shelf channel: let Mien manage channels, or make #%s where it can post files; until then replies"
    " wear one face a webhook, which changes rarely"
)
ASK_AGAIN_SECONDS = 600.0  # Discord bans bots that keep asking for what they may not have


class Faces:
    """Addresses of faces, one shelf channel per server.

    Args:
        shelf_channel: the name of the private channel; made when it is missing and Mien may.
    """

    def __init__(self, history: History, shelf_channel: str = "mien-faces") -> None:
        self._history = history
        self._name = shelf_channel
        self._posting: dict[int, asyncio.Lock] = {}
        self._refused: dict[int, float] = {}  # server -> when it gave no shelf channel, monotonic seconds
        self._told = set[int]()  # servers whose missing permission was told
        self._distrusted: set[tuple[int, str]] = set()

    async def address(self, guild: discord.Guild, face: Face) -> str | None:
        """The URL of a face, posted now if it never was; None where Mien may not keep a shelf channel."""
        if known := await self._history.face_url(guild.id, face.sha256):
            return known
        if time.monotonic() - self._refused.get(guild.id, float("-inf")) < ASK_AGAIN_SECONDS:
            return None
        async with self._posting.setdefault(guild.id, asyncio.Lock()):
            return await self._history.face_url(guild.id, face.sha256) or await self._try_to_post(guild, face)

    async def look_over(self, guild: discord.Guild) -> None:
        """After a start: forget faces that were deleted meanwhile, and know again those that nobody wrote down.

        What is no picture of ours is left alone; a shelf that may not be read is believed to be as it was.
        """
        async with self._posting.setdefault(guild.id, asyncio.Lock()):
            known = await self._history.faces_of(guild.id)
            shelf = self._find_shelf(guild, known)
            try:
                there = [found async for found in _faces_in(shelf, guild.me)] if shelf else []
            except discord.HTTPException as error:
                log.info("the shelf channel of server %s cannot be read back: %s", guild.id, error)
                return
            if len(there) < MOST_READ_BACK:
                await self._forget_all_but({face.message for face, _ in there}, known)
            for face, url in reversed(there):  # of two posts of one face, the newest counts
                await self._history.set_face_url(
                    guild.id, face.sha256, channel=face.channel, message=face.message, url=url
                )

    async def _forget_all_but(self, messages: Collection[int], known: Sequence[Posted]) -> None:
        for face in known:
            if face.message not in messages:
                await self._history.drop_face(face.message)

    async def distrust(self, guild: discord.Guild, face: Face) -> None:
        """Discord did not show the face of this address: post it anew next time, but only once per start."""
        if (guild.id, face.sha256) not in self._distrusted:
            log.warning("Discord did not take the face %s; it is posted again next time", face.sha256[:12])
            self._distrusted.add((guild.id, face.sha256))
            await self._history.forget_face(guild.id, face.sha256)

    async def _try_to_post(self, guild: discord.Guild, face: Face) -> str | None:
        """A face that cannot be posted never costs the reply: it is only not shown."""
        try:
            url = await self._post(guild, face)
        except discord.Forbidden:
            self._refused[guild.id] = time.monotonic()
            if guild.id not in self._told:
                self._told.add(guild.id)
                log.warning(MISSING, guild.id, self._name)
        except (discord.HTTPException, *UNREADABLE) as error:
            log.warning("the face %s could not be posted: %s", face.path, error)
        else:
            self._told.discard(guild.id)
            return url
        return None

    async def _post(self, guild: discord.Guild, face: Face) -> str:
        try:
            return await self._post_in(await self._shelf(guild), face)
        except discord.NotFound as error:
            if error.code != UNKNOWN_CHANNEL:
                raise
        return await self._post_in(await self._make_shelf(guild), face)  # it was deleted a moment ago

    async def _post_in(self, channel: discord.TextChannel, face: Face) -> str:
        message = await channel.send(file=await picture(face), silent=True)
        url = message.attachments[0].url.split("?")[0]
        await self._history.set_face_url(channel.guild.id, face.sha256, channel=channel.id, message=message.id, url=url)
        return url

    async def _shelf(self, guild: discord.Guild) -> discord.TextChannel:
        found = self._find_shelf(guild, await self._history.faces_of(guild.id))
        return found or await self._make_shelf(guild)

    def _find_shelf(self, guild: discord.Guild, known: Sequence[Posted]) -> discord.TextChannel | None:
        """Where the newest face is, whatever the channel is called by now; else the channel of that name."""
        channel = guild.get_channel(known[0].channel) if known else None
        if isinstance(channel, discord.TextChannel):
            return channel
        return discord.utils.get(guild.text_channels, name=self._name)

    async def _make_shelf(self, guild: discord.Guild) -> discord.TextChannel:
        return await guild.create_text_channel(
            self._name,
            overwrites={
                guild.default_role: discord.PermissionOverwrite(view_channel=False),
                guild.me: discord.PermissionOverwrite(
                    view_channel=True, send_messages=True, attach_files=True, read_message_history=True
                ),
            },
            topic="Faces of Mien's personas. Deleting a picture makes Mien post it again.",
            reason="Mien keeps the faces of its personas here",
        )


async def _faces_in(shelf: discord.TextChannel, me: discord.Member) -> AsyncIterator[tuple[Posted, str]]:
    """The newest faces that this bot posted there, with their addresses (without parameters), the newest first."""
    async for message in shelf.history(limit=MOST_READ_BACK):
        for file in message.attachments[:1] if message.author.id == me.id else ():
            if named := re.fullmatch(r"([0-9a-f]{64})\.png", file.filename):
                yield Posted(named[1], shelf.id, message.id), file.url.split("?")[0]


async def picture(face: Face) -> discord.File:
    """A face as a file to post: square, at most 512 px, below 1 MB, named after its hash. Raises UNREADABLE."""
    content = await asyncio.to_thread(avatar_bytes, face)
    return discord.File(io.BytesIO(content), filename=f"{face.sha256}.png")
