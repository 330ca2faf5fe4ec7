"""Is a message for us, and what does it say? A discord.Message becomes a turn to answer, or nothing.

It is for us in a direct message, in a channel where every message is, when it mentions the bot, replies to something a
persona said, or names one of the channel's personas; `persona/scene.py` says which of them answer. It never is when a
bot or a webhook wrote it. Works without the message
content intent, too: mentions, replies to the bot and direct messages carry their text even then.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

import discord

from bot.conversation import Incoming
from bot.history import History
from bot.owed import OpenTurn
from persona.card import Persona, PersonaError
from persona.cast import Cast
from persona.scene import REPLIES, Scene
from persona.tomlfile import TomlError

SPOKEN = (discord.MessageType.default, discord.MessageType.reply)


@dataclass(frozen=True, slots=True)
class Manners:
    """When to answer. `always`: every message everywhere; `channels`: every message in these (ids or names)."""

    always: bool = False
    channels: frozenset[str] = frozenset()


class Ears:
    """Hears what is for a persona.

    Args:
        default: the persona of channels that chose none.
        replies: in a scene, to one message at most.
    """

    def __init__(
        self, cast: Cast, history: History, *, default: str, manners: Manners | None = None, replies: int = REPLIES
    ) -> None:
        self._cast, self._history, self._default, self._replies = cast, history, default, replies
        self._manners = manners or Manners()

    async def hear(self, message: discord.Message, me: discord.ClientUser) -> OpenTurn | None:
        """The turn a message asks for, of whoever answers first; None when it is not for us or says nothing."""
        if message.author.bot or message.webhook_id or message.type not in SPOKEN:
            return None
        answered = await self._persona_answered(message)
        there = await self.scene_of(message.channel.id)
        if answered and answered.slug not in (persona.slug for persona in there):
            there = [answered]  # it left the scene, and is asked all the same
        if not (answered or self._is_addressed(message, me, there)):
            return None
        scene, chance = Scene.of(there, self._replies), Random(message.id)
        speaking = scene.answering(message.content, chance, answered.slug if answered else None)
        name = next((persona.card.name for persona in there if persona.slug in speaking[:1]), "")
        text = words(message, me, name)
        if not text or not speaking:
            return None
        mask = await self._history.mask(message.guild.id if message.guild else None, message.author.id)
        return _turn(message, speaking, text, mask.name if mask else message.author.display_name)

    async def scene_of(self, channel: int) -> list[Persona]:
        """Who plays in a channel: the chosen ones that still exist, else the default one.

        Raises PersonaError or TomlError when the default persona itself cannot be loaded.
        """
        found = []
        for chosen in await self._history.scene(channel):
            with suppress(PersonaError, TomlError):  # its folder was taken away
                found.append(self._cast.get(chosen))
        return found or [self._cast.get(self._default)]

    async def persona_of(self, channel: int) -> Persona:
        """Of those who play in a channel the one who spoke last, or joined first. Raises as `scene_of`."""
        there = await self.scene_of(channel)
        newest = await self._history.newest_speaker(channel)
        return next((persona for persona in there if persona.slug == newest), there[0])

    async def following(self, turn: OpenTurn) -> OpenTurn | None:
        """The turn that follows in a scene when this one has been answered; None where nobody has anything to say."""
        said = await self._history.reply_to(turn.message, turn.step)
        scene = Scene.of(await self.scene_of(turn.channel), self._replies)
        if said is None:
            return None
        queue = scene.after(said.text, turn.persona, turn.waiting, turn.step + 1)
        if not queue:
            return None
        first, *waiting = queue
        return replace(turn, step=turn.step + 1, persona=first, waiting=tuple(waiting), posts=(), attempts=0)

    async def _persona_answered(self, message: discord.Message) -> Persona | None:
        """Whose message this replies to."""
        if not (message.reference and message.reference.message_id):
            return None
        slug = await self._history.persona_of_post(message.reference.message_id)
        try:
            return self._cast.get(slug) if slug else None
        except (PersonaError, TomlError):
            return None

    def _is_addressed(self, message: discord.Message, me: discord.ClientUser, there: Sequence[Persona]) -> bool:
        return (
            message.guild is None
            or self._manners.always
            or self._is_open(message.channel)
            or _mentions(message, me)
            or _replies_to(message, me)
            or bool(Scene.of(there).named(message.content))
        )

    def _is_open(self, channel: object) -> bool:
        """Is every message of this channel, or of the one this thread hangs on, answered?"""
        home = channel.parent if isinstance(channel, discord.Thread) else None
        known = {str(getattr(place, key, "")) for place in (channel, home) for key in ("id", "name")}
        return bool(self._manners.channels & known)


def incoming(turn: OpenTurn) -> Incoming:
    """A turn that was written down, as the story takes it."""
    said = (turn.guild, turn.channel, turn.message, turn.user, turn.name, turn.text, turn.at)
    return Incoming(*said, persona=turn.persona, step=turn.step)


def words(message: discord.Message, me: discord.ClientUser, name: str) -> str:
    """What a message says, in plain words: names for mentions, brackets for what is no text."""
    mine = "@" + (message.guild.me.display_name if message.guild else me.display_name)
    text = message.clean_content
    if text.startswith(mine):
        text = text.removeprefix(mine).lstrip(" ,:\n")
    text = text.replace(mine, name)
    text = re.sub(r"<a?(:\w+:)\d+>", r"\1", text)
    text = re.sub(r"</([\w -]+):\d+>", r"/\1", text)
    return "\n".join([part for part in (text.strip(), *_beside(message)) if part])


def _beside(message: discord.Message) -> Iterator[str]:
    """What came with the text: attachments, stickers, a poll, a forwarded message."""
    for snapshot in message.message_snapshots:
        yield f"[forwarded: {snapshot.content}]"
    for attachment in message.attachments:
        yield f"[{_kind(attachment)}: {attachment.filename}]"
    for sticker in message.stickers:
        yield f"[sticker: {sticker.name}]"
    if message.poll:
        yield f"[poll: {message.poll.question}]"


def _kind(attachment: discord.Attachment) -> str:
    if attachment.is_voice_message():
        return "voice message"
    kind = (attachment.content_type or "").partition("/")[0]
    return {"image": "picture", "video": "video", "audio": "sound"}.get(kind, "file")


def _mentions(message: discord.Message, me: discord.ClientUser) -> bool:
    """Also the role that Discord makes for a bot: members pick it by mistake, it has the same name."""
    roles = (role.tags for role in message.role_mentions)
    return any(user.id == me.id for user in message.mentions) or any(tags and tags.bot_id == me.id for tags in roles)


def _replies_to(message: discord.Message, me: discord.ClientUser) -> bool:
    replied = message.reference.resolved if message.reference else None
    return isinstance(replied, discord.Message) and replied.author.id == me.id


def _turn(message: discord.Message, speaking: Sequence[str], text: str, name: str) -> OpenTurn:
    persona, *waiting = speaking
    return OpenTurn(
        guild=message.guild.id if message.guild else None,
        channel=message.channel.id,
        message=message.id,
        user=message.author.id,
        name=name,
        text=text,
        at=message.created_at.timestamp(),
        persona=persona,
        waiting=tuple(waiting),
    )
