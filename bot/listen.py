"""Is a message for us, and what does it say? A discord.Message becomes a turn to answer, or nothing.

It is for us in a direct message, in a channel where every message is, when it mentions the bot, replies to something a
persona said, or names the channel's persona. It never is when a bot or a webhook wrote it. Works without the message
content intent, too: mentions, replies to the bot and direct messages carry their text even then.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import discord

from bot.conversation import Incoming
from bot.history import History, OpenTurn
from persona.card import Persona, PersonaError
from persona.cast import Cast
from persona.naming import fold
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
    """

    def __init__(self, cast: Cast, history: History, *, default: str, manners: Manners | None = None) -> None:
        self._cast, self._history, self._default = cast, history, default
        self._manners = manners or Manners()

    async def hear(self, message: discord.Message, me: discord.ClientUser) -> OpenTurn | None:
        """The turn a message asks for; None when it is not for us or says nothing."""
        if message.author.bot or message.webhook_id or message.type not in SPOKEN:
            return None
        answered = await self._persona_answered(message)
        persona = answered or await self.persona_of(message.channel.id)
        if not (answered or self._is_addressed(message, me, persona)):
            return None
        text = words(message, me, persona.card.name)
        return _turn(message, persona.slug, text) if text else None

    async def persona_of(self, channel: int) -> Persona:
        """Who speaks in a channel: the chosen one if it still exists, else the default one.

        Raises PersonaError or TomlError when the default persona itself cannot be loaded.
        """
        chosen = await self._history.persona_of(channel)
        if chosen:
            try:
                return self._cast.get(chosen)
            except (PersonaError, TomlError):
                pass  # its folder was taken away: better the default one than silence
        return self._cast.get(self._default)

    async def _persona_answered(self, message: discord.Message) -> Persona | None:
        """Whose message this replies to."""
        if not (message.reference and message.reference.message_id):
            return None
        slug = await self._history.persona_of_post(message.reference.message_id)
        try:
            return self._cast.get(slug) if slug else None
        except (PersonaError, TomlError):
            return None

    def _is_addressed(self, message: discord.Message, me: discord.ClientUser, persona: Persona) -> bool:
        return (
            message.guild is None
            or self._manners.always
            or self._is_open(message.channel)
            or _mentions(message, me)
            or _replies_to(message, me)
            or names(message.content, persona)
        )

    def _is_open(self, channel: object) -> bool:
        """Is every message of this channel, or of the one this thread hangs on, answered?"""
        home = channel.parent if isinstance(channel, discord.Thread) else None
        known = {str(getattr(place, key, "")) for place in (channel, home) for key in ("id", "name")}
        return bool(self._manners.channels & known)


def incoming(turn: OpenTurn) -> Incoming:
    """A turn that was written down, as the story takes it."""
    return Incoming(turn.guild, turn.channel, turn.message, turn.user, turn.name, turn.text, turn.at, turn.persona)


def names(text: str, persona: Persona) -> bool:
    """Does the text name the persona, as a word of its own, in any case and any Unicode form of its letters?"""
    heard = fold(text)
    wanted = {fold(persona.card.name), fold(persona.slug)}
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", heard) for name in wanted)


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


def _turn(message: discord.Message, persona: str, text: str) -> OpenTurn:
    return OpenTurn(
        guild=message.guild.id if message.guild else None,
        channel=message.channel.id,
        message=message.id,
        user=message.author.id,
        name=message.author.display_name,
        text=text,
        at=message.created_at.timestamp(),
        persona=persona,
    )
