"""A face gets an address on Discord: it is posted once per server into a private channel, and its URL is kept.

Discord re-hosts a webhook's `avatar_url` when a message is made, and accepts the address of an attachment without its
expiring parameters. The file's name is the hash of the picture, so nothing about a member can be read from it.
"""

import asyncio
import io
import logging
import time

import discord

from avatar.picture import PortraitError
from avatar.shelf import Face, avatar_bytes
from bot.history import History

log = logging.getLogger(__name__)

UNREADABLE = (OSError, PortraitError)  # what a picture that is gone or damaged raises
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
        self._distrusted: set[tuple[int, str]] = set()

    async def address(self, guild: discord.Guild, face: Face) -> str | None:
        """The URL of a face, posted now if it never was; None where Mien may not keep a shelf channel."""
        if known := await self._history.face_url(guild.id, face.sha256):
            return known
        if time.monotonic() - self._refused.get(guild.id, float("-inf")) < ASK_AGAIN_SECONDS:
            return None
        async with self._posting.setdefault(guild.id, asyncio.Lock()):
            return await self._history.face_url(guild.id, face.sha256) or await self._try_to_post(guild, face)

    async def distrust(self, guild: discord.Guild, face: Face) -> None:
        """Discord did not show the face of this address: post it anew next time, but only once per start."""
        if (guild.id, face.sha256) not in self._distrusted:
            log.warning("Discord did not take the face %s; it is posted again next time", face.sha256[:12])
            self._distrusted.add((guild.id, face.sha256))
            await self._history.forget_face(guild.id, face.sha256)

    async def _try_to_post(self, guild: discord.Guild, face: Face) -> str | None:
        """A face that cannot be posted never costs the reply: it is only not shown."""
        try:
            return await self._post(guild, face)
        except discord.Forbidden:
            log.warning(
                "server %s has no shelf channel: let Mien manage channels, or make #%s where it can post files",
                *(guild.id, self._name),
            )
            self._refused[guild.id] = time.monotonic()
        except (discord.HTTPException, *UNREADABLE) as error:
            log.warning("the face %s could not be posted: %s", face.path, error)
        return None

    async def _post(self, guild: discord.Guild, face: Face) -> str:
        channel = await self._shelf(guild)
        message = await channel.send(file=await picture(face), silent=True)
        url = message.attachments[0].url.split("?")[0]
        await self._history.set_face_url(guild.id, face.sha256, channel=channel.id, message=message.id, url=url)
        return url

    async def _shelf(self, guild: discord.Guild) -> discord.TextChannel:
        found = discord.utils.get(guild.text_channels, name=self._name)
        return found or await guild.create_text_channel(
            self._name,
            overwrites={
                guild.default_role: discord.PermissionOverwrite(view_channel=False),
                guild.me: discord.PermissionOverwrite(view_channel=True, send_messages=True, attach_files=True),
            },
            topic="Faces of Mien's personas. Deleting a picture makes Mien post it again.",
            reason="Mien keeps the faces of its personas here",
        )


async def picture(face: Face) -> discord.File:
    """A face as a file to post: square, at most 512 px, below 1 MB, named after its hash. Raises UNREADABLE."""
    content = await asyncio.to_thread(avatar_bytes, face)
    return discord.File(io.BytesIO(content), filename=f"{face.sha256}.png")
