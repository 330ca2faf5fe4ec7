"""One webhook per channel, made by this bot, and names that Discord accepts.

A webhook belongs to a channel; the threads of the channel use it too. It is looked for or made when it is first needed
and kept until Discord says that it is gone. What is said through it is not known here.
"""

import asyncio
import logging
import re

import discord

log = logging.getLogger(__name__)

NAME = "Mien"
UNKNOWN_WEBHOOK, BAD_WEBHOOK_TOKEN, TOO_MANY_WEBHOOKS = 10015, 50027, 30007
LONGEST_NAME = 80
SUFFIX = "\u200a\u17b5"  # hair space and an invisible vowel: another name to Discord, the same one to the eye
HAIR_SPACE = "\u200a"

Parent = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.ForumChannel
Place = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread


class Webhooks:
    """The bot's own webhooks, found or made once per channel.

    Args:
        me: the bot's user id.
        avatar: PNG bytes worn where a message's own picture cannot be shown.
    """

    def __init__(self, me: int, avatar: bytes | None = None) -> None:
        self.me = me
        self._avatar = avatar
        self._known: dict[int, discord.Webhook] = {}
        self._looking: dict[int, asyncio.Lock] = {}

    async def of(self, place: Place) -> discord.Webhook:
        """The webhook for a channel or thread.

        Raises:
            discord.Forbidden: Mien lacks the permission "Manage Webhooks" there.
        """
        parent = parent_of(place)
        # Two personas may speak for the first time at once; the lock keeps them from making two webhooks.
        async with self._looking.setdefault(parent.id, asyncio.Lock()):
            if parent.id not in self._known:
                self._known[parent.id] = await self._find(parent) or await self._make(parent)
            return self._known[parent.id]

    def drop(self, webhook: discord.Webhook) -> None:
        """Discord does not know this webhook any more: look again next time. A newer one is left alone."""
        for channel, known in list(self._known.items()):
            if known.id == webhook.id:
                del self._known[channel]

    def is_ours(self, webhook_id: int) -> bool:
        """Is this one of the webhooks used since the start?"""
        return any(webhook.id == webhook_id for webhook in self._known.values())

    async def _find(self, parent: Parent) -> discord.Webhook | None:
        """Only the maker of a webhook is shown its token, and only with the token it can be used."""
        for webhook in await parent.webhooks():
            if webhook.token and webhook.user and webhook.user.id == self.me:
                return webhook
        return None

    async def _make(self, parent: Parent) -> discord.Webhook:
        log.info("making a webhook in channel %s", parent.id)
        return await parent.create_webhook(name=NAME, avatar=self._avatar, reason="Mien speaks as its personas")


def parent_of(place: Place) -> Parent:
    """The channel that owns the webhooks: the place itself, or the channel a thread hangs on."""
    if not isinstance(place, discord.Thread):
        return place
    if place.parent is None:
        raise LookupError(f"thread {place.id} hangs on a channel that cannot be seen")
    return place.parent


def is_gone(error: discord.HTTPException) -> bool:
    """Does Discord say that the webhook itself (not a message) is unknown?"""
    return error.code in (UNKNOWN_WEBHOOK, BAD_WEBHOOK_TOKEN)


def fit_name(name: str, *, suffixed: bool = False) -> str:
    """A persona's name as a webhook may carry it, 2 to 80 characters; as PluralKit does it.

    Discord refuses names with "clyde" or "discord" in them: a hair space inside makes other words of them. Clients hide
    the picture of a message that follows one of the same name: the suffix makes it another name.
    """
    name = re.sub(r"\s+", " ", name).strip() or NAME
    for word in ("clyde", "discord"):
        name = re.sub(rf"({word[0]})({word[1:]})", rf"\1{HAIR_SPACE}\2", name, flags=re.IGNORECASE)
    for word in ("everyone", "here"):
        name = re.sub(rf"^({word[0]})({word[1:]})$", rf"\1{HAIR_SPACE}\2", name, flags=re.IGNORECASE)
    name = name.replace("```", f"`{HAIR_SPACE}``")
    if len(name) == 1:
        name += "\u17b5"
    return name[: LONGEST_NAME - len(SUFFIX)].rstrip() + (SUFFIX if suffixed else "")
