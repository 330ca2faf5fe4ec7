"""The ways a persona can be heard: as itself through a webhook, in an embed of the bot's own, or as the bot itself.

A webhook message carries the persona's name and face, and neither can be changed later. Where there are no webhooks
(direct messages, or the permission is missing) an embed shows them, and there the face can change. Both ways send, edit
and delete one page of text at a time; where pages end is decided elsewhere.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import discord

from avatar.shelf import Face, avatar_bytes
from bot.faces import UNREADABLE, Faces, picture
from bot.member_faces import MemberFaces
from bot.webhooks import Place, Webhooks, fit_name, is_gone

log = logging.getLogger(__name__)
Room = Place | discord.DMChannel | discord.PartialMessageable
NOBODY = discord.AllowedMentions.none()
DRESSING_SECONDS = 3.0


class Lost(Exception):
    """The way in which a message was sent is gone, so it can no longer be edited; it may still stand there."""


class Voice(Protocol):
    async def send(self, page: str) -> int:
        """Post a page; returns the id of the message."""

    async def edit(self, post: int, page: str) -> None:
        """Change a page. Raises discord.NotFound when somebody deleted it, Lost when it is out of reach."""

    async def delete(self, post: int) -> None:
        """Take a page back; nothing happens when it is gone already."""

    async def wear(self, face: Face, post: int, page: str) -> bool:
        """Show another face beside a page that was sent; False where that needs a new message."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a persona appears in a reply."""

    name: str
    face: Face
    suffixed: bool  # does the name carry the invisible suffix?


class WebhookVoice:
    """Speaks through the channel's webhook with the persona's name and face."""

    def __init__(self, webhooks: Webhooks, faces: Faces, place: Place, look: Look) -> None:
        self._webhooks, self._faces, self._place, self._look = webhooks, faces, place, look
        self._thread = place if isinstance(place, discord.Thread) else discord.utils.MISSING

    async def send(self, page: str) -> int:
        """As Voice.send. A webhook that somebody deleted is made anew, once."""
        webhook = await self._webhooks.of(self._place)
        try:
            return await self._send(webhook, page)
        except discord.HTTPException as error:
            if not is_gone(error):
                raise
        self._webhooks.drop(webhook)
        return await self._send(await self._webhooks.of(self._place), page)

    async def _send(self, webhook: discord.Webhook, page: str) -> int:
        address = await self._faces.address(self._place.guild, self._look.face)
        if address is None:
            await self._dress(webhook)
        message = await webhook.send(
            page,
            username=fit_name(self._look.name, suffixed=self._look.suffixed),
            avatar_url=address or discord.utils.MISSING,
            allowed_mentions=NOBODY,
            thread=self._thread,
            wait=True,
        )
        if address and _shows_no_own_face(message, webhook):
            await self._faces.distrust(self._place.guild, self._look.face)
        return message.id

    async def _dress(self, webhook: discord.Webhook) -> None:
        """Without an address for the face the webhook itself wears it; Discord allows few changes: failing is fine."""
        with suppress(discord.HTTPException, *UNREADABLE):
            png = await asyncio.to_thread(avatar_bytes, self._look.face)
            async with asyncio.timeout(DRESSING_SECONDS):  # discord.py would wait out a 429 while the words wait
                await webhook.edit(avatar=png, reason="Mien's persona changes its expression")

    async def edit(self, post: int, page: str) -> None:
        webhook = await self._webhooks.of(self._place)
        try:
            await webhook.edit_message(post, content=page, allowed_mentions=NOBODY, thread=self._thread)
        except discord.HTTPException as error:
            if not is_gone(error):
                raise
            self._webhooks.drop(webhook)
            raise Lost from error

    async def delete(self, post: int) -> None:
        await take_back(self._webhooks, self._place, post)

    async def wear(self, face: Face, post: int, page: str) -> bool:
        return False


class EmbedVoice:
    """Speaks as the bot; the persona's name, face and words stand in an embed."""

    def __init__(self, room: Room, look: Look) -> None:
        self._room, self._name, self._face = room, look.name, look.face
        self._pictured = False  # whether the newest post carries the face

    async def send(self, page: str) -> int:
        files = await self._pictures()
        message = await self._room.send(embed=self._embed(page), files=files, allowed_mentions=NOBODY)
        return message.id

    async def edit(self, post: int, page: str) -> None:
        message = self._room.get_partial_message(post)
        await message.edit(embed=self._embed(page), allowed_mentions=NOBODY)

    async def delete(self, post: int) -> None:
        await _delete_as_bot(self._room, post)

    async def wear(self, face: Face, post: int, page: str) -> bool:
        self._face = face
        files, message = await self._pictures(), self._room.get_partial_message(post)
        await message.edit(embed=self._embed(page), attachments=files, allowed_mentions=NOBODY)
        return True

    async def _pictures(self) -> list[discord.File]:
        """The face as a file; a picture that cannot be read is left out, the words are not."""
        try:
            files = [await picture(self._face)]
        except UNREADABLE as error:
            log.warning("the face %s cannot be shown: %s", self._face.path, error)
            files = []
        self._pictured = bool(files)
        return files

    def _embed(self, page: str) -> discord.Embed:
        embed = discord.Embed(description=page)
        embed.set_author(name=self._name)
        return embed.set_thumbnail(url=f"attachment://{self._face.sha256}.png") if self._pictured else embed


class MemberVoice:
    """Speaks as the bot, which wears the persona's name and face in this server as far as its budget goes."""

    def __init__(self, members: MemberFaces, place: Place, look: Look) -> None:
        self._members, self._place, self._look = members, place, look

    async def send(self, page: str) -> int:
        message = await self._place.send(page, allowed_mentions=NOBODY)
        return message.id

    async def edit(self, post: int, page: str) -> None:
        await self._place.get_partial_message(post).edit(content=page, allowed_mentions=NOBODY)

    async def delete(self, post: int) -> None:
        await _delete_as_bot(self._place, post)

    async def wear(self, face: Face, post: int, page: str) -> bool:
        self._members.wear(self._place.guild, self._look.name, face)
        return True


async def take_back(webhooks: Webhooks, room: Room, post: int) -> None:
    """Delete a message of a persona, however it was sent; nothing happens when it is gone or out of reach."""
    if not (isinstance(room, Place) and await _delete_as_webhook(webhooks, room, post)):
        await _delete_as_bot(room, post)


async def _delete_as_webhook(webhooks: Webhooks, place: Place, post: int) -> bool:
    thread = place if isinstance(place, discord.Thread) else discord.utils.MISSING
    try:
        webhook = await webhooks.of(place)
    except discord.Forbidden:
        return False
    try:
        await webhook.delete_message(post, thread=thread)
    except discord.NotFound as error:
        if is_gone(error):
            webhooks.drop(webhook)
        return False  # perhaps an earlier webhook posted it, or the bot itself
    return True


async def _delete_as_bot(room: Room, post: int) -> None:
    try:
        await room.get_partial_message(post).delete()
    except (discord.NotFound, discord.Forbidden):
        log.info("message %s could not be taken back", post)


def _shows_no_own_face(message: discord.WebhookMessage, webhook: discord.Webhook) -> bool:
    """A picture Discord could not use fails silently: the message then wears the webhook's own avatar, or none."""
    shown, default = message.author.avatar, webhook.avatar
    return shown is None or (default is not None and shown.key == default.key)
