"""The world of the playground: users, guilds, channels, messages, webhooks and commands, in memory.

Every mutation goes through a method here, which tells the listeners (gateway, store) by a Change. The world knows
nothing of HTTP, JSON or sockets, and checks no permissions: the REST routes do that before they come here.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from bot.playground.errors import unknown
from bot.playground.ids import Snowflakes
from bot.playground.permissions import DM_PERMISSIONS, Permission, channel_permissions
from bot.playground.records import (
    Change,
    Channel,
    ChannelType,
    Command,
    Guild,
    Member,
    Message,
    Reaction,
    Record,
    StoredFile,
    User,
    Webhook,
)

Thing = TypeVar("Thing")


def found(thing: Thing | None, what: str) -> Thing:
    """The thing, or Discord's 404 for it."""
    if thing is None:
        raise unknown(what)
    return thing


class World:
    def __init__(self) -> None:
        self.ids = Snowflakes()
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, dict[int, Message]] = {}  # channel → id → message, oldest first
        self.webhooks: dict[int, Webhook] = {}
        self.commands: dict[int, Command] = {}
        self.files: dict[str, StoredFile] = {}
        self.tokens: dict[str, int] = {}
        self.listeners: list[Callable[[Change], None]] = []

    def emit(self, name: str, record: Record, *, gone: bool = False, by: int | None = None, **details: object) -> None:
        change = Change(name, record, gone, dict(details), by)
        for listener in self.listeners:
            listener(change)

    # ── looking up ──

    def user(self, user_id: int) -> User:
        return found(self.users.get(user_id), "User")

    def guild(self, guild_id: int) -> Guild:
        return found(self.guilds.get(guild_id), "Guild")

    def member(self, guild: Guild, user_id: int) -> Member:
        return found(guild.member(user_id), "Member")

    def channel(self, channel_id: int) -> Channel:
        return found(self.channels.get(channel_id), "Channel")

    def message(self, channel_id: int, message_id: int) -> Message:
        return found(self.messages.get(channel_id, {}).get(message_id), "Message")

    def webhook(self, webhook_id: int) -> Webhook:
        return found(self.webhooks.get(webhook_id), "Webhook")

    def guild_of(self, channel: Channel) -> Guild | None:
        return None if channel.guild_id is None else self.guild(channel.guild_id)

    def channels_of(self, guild_id: int) -> Iterator[Channel]:
        """Channels and threads of a guild."""
        return (channel for channel in self.channels.values() if channel.guild_id == guild_id)

    def permissions(self, user_id: int, channel: Channel) -> int:
        """What the user may do in the channel, as bits; 0 for outsiders."""
        guild = self.guild_of(channel)
        if guild is None:
            return int(DM_PERMISSIONS) if user_id in channel.recipients else 0
        member = guild.member(user_id)
        holder = self.channel(channel.parent_id) if channel.is_thread and channel.parent_id else channel
        return int(channel_permissions(guild, member, holder)) if member else 0

    def can_see(self, user_id: int, channel: Channel) -> bool:
        return bool(self.permissions(user_id, channel) & Permission.VIEW_CHANNEL)

    # ── users ──

    def add_user(self, user: User, token: str = "") -> User:
        """Registers a user, who can log in with the token (a fresh one when empty)."""
        self.users[user.id] = user
        self.tokens[token or secrets.token_urlsafe(32)] = user.id
        self.emit("USER_UPDATE", user)
        return user

    def token_of(self, user_id: int) -> str:
        return next(token for token, owner in self.tokens.items() if owner == user_id)

    def change_user(self, user: User) -> None:
        self.emit("USER_UPDATE", user)
        for guild in self.guilds.values():
            if member := guild.member(user.id):
                self.change_member(guild, member)

    def change_member(self, guild: Guild, member: Member) -> None:
        self.emit("GUILD_MEMBER_UPDATE", guild, user_id=member.user_id)

    # ── channels ──

    def add_channel(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        self.messages.setdefault(channel.id, {})
        self.emit("THREAD_CREATE" if channel.is_thread else "CHANNEL_CREATE", channel)
        return channel

    def change_channel(self, channel: Channel) -> None:
        self.emit("THREAD_UPDATE" if channel.is_thread else "CHANNEL_UPDATE", channel)

    def remove_channel(self, channel: Channel) -> None:
        """Also its threads, webhooks and messages."""
        for thread in [c for c in self.channels.values() if c.is_thread and c.parent_id == channel.id]:
            self.remove_channel(thread)
        for webhook in [w for w in self.webhooks.values() if w.channel_id == channel.id]:
            self.remove_webhook(webhook)
        for message in list(self.messages.pop(channel.id, {}).values()):
            self.emit("", message, gone=True)
        del self.channels[channel.id]
        self.emit("THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE", channel, gone=True)

    def dm_between(self, one: int, other: int) -> Channel:
        for channel in self.channels.values():
            if channel.type == ChannelType.DM and set(channel.recipients) == {one, other}:
                return channel
        return self.add_channel(Channel(self.ids.next(), ChannelType.DM, recipients=[one, other]))

    # ── messages ──

    def add_message(self, message: Message) -> Message:
        channel = self.channel(message.channel_id)
        if channel.is_thread and channel.archived:
            channel.archived, channel.archive_changed_at = False, time.time()
            self.change_channel(channel)
        self.messages[channel.id][message.id] = message
        if message.only_for is None:
            channel.last_message_id = message.id
            channel.message_count += 1
        self.emit("MESSAGE_CREATE", message)
        return message

    def change_message(self, message: Message) -> None:
        self.emit("MESSAGE_UPDATE", message)

    def remove_message(self, message: Message) -> None:
        self.messages[message.channel_id].pop(message.id, None)
        for attachment in message.attachments:
            if stored := self.files.pop(attachment.key, None):
                self.emit("", stored, gone=True)
        self.emit("MESSAGE_DELETE", message, gone=True)

    def history(self, channel_id: int) -> list[Message]:
        """What everybody sees, oldest first."""
        return [message for message in self.messages.get(channel_id, {}).values() if message.only_for is None]

    def react(self, message: Message, emoji: tuple[int | None, str], user_id: int) -> None:
        reaction = self._reaction(message, emoji)
        if reaction is None:
            reaction = Reaction(*emoji)
            message.reactions.append(reaction)
        if user_id not in reaction.users:
            reaction.users.append(user_id)
            self.emit("MESSAGE_REACTION_ADD", message, by=user_id, emoji=emoji)

    def unreact(self, message: Message, emoji: tuple[int | None, str], user_id: int) -> None:
        reaction = self._reaction(message, emoji)
        if reaction is None or user_id not in reaction.users:
            raise unknown("Emoji")
        reaction.users.remove(user_id)
        if not reaction.users:
            message.reactions.remove(reaction)
        self.emit("MESSAGE_REACTION_REMOVE", message, by=user_id, emoji=emoji)

    @staticmethod
    def _reaction(message: Message, emoji: tuple[int | None, str]) -> Reaction | None:
        return next((r for r in message.reactions if (r.emoji_id, r.emoji_name) == emoji), None)

    # ── webhooks, commands, files ──

    def add_webhook(self, webhook: Webhook) -> Webhook:
        self.webhooks[webhook.id] = webhook
        self.emit("WEBHOOKS_UPDATE", webhook)
        return webhook

    def change_webhook(self, webhook: Webhook) -> None:
        self.emit("WEBHOOKS_UPDATE", webhook)

    def remove_webhook(self, webhook: Webhook) -> None:
        del self.webhooks[webhook.id]
        self.emit("WEBHOOKS_UPDATE", webhook, gone=True)

    def set_command(self, command: Command) -> None:
        self.commands[command.id] = command
        self.emit("COMMANDS_UPDATE", command)

    def remove_command(self, command: Command) -> None:
        del self.commands[command.id]
        self.emit("COMMANDS_UPDATE", command, gone=True)

    def commands_of(self, application_id: int, guild_id: int | None) -> list[Command]:
        """Registered for that guild, or globally for None; in the order of registration."""
        return [c for c in self.commands.values() if (c.application_id, c.guild_id) == (application_id, guild_id)]

    def keep_file(self, key: str, content_type: str, data: bytes) -> StoredFile:
        stored = StoredFile(key, content_type, data)
        self.files[key] = stored
        self.emit("", stored)
        return stored

    def keep_avatar(self, owner_id: int, content_type: str, data: bytes) -> str:
        """Stores a picture under its hash, which is what a user's or message's `avatar` says."""
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.keep_file(f"avatars/{owner_id}/{digest}", content_type, data)
        return digest
