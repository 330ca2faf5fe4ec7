"""World → API JSON, second half: messages, their attachments and where those lie (Discord API v10).

Keys that must be absent rather than null (reactions, message_reference, guild_id of a DM's message) are left out.
"""

import hashlib
import hmac
import secrets
import time
from urllib.parse import quote

from bot.playground.embeds import resolve_components, resolve_embeds
from bot.playground.ids import iso, seconds_of
from bot.playground.permissions import channel_permissions
from bot.playground.place_payloads import PlacePayloads
from bot.playground.records import Attachment, Channel, Message, Origin, Payload
from bot.playground.world import World

DAY = 24 * 3600


class Payloads(PlacePayloads):
    def __init__(self, world: World, cdn_base: str = "") -> None:
        super().__init__(world)
        self.cdn_base = cdn_base  # known once the server listens
        self._secret = secrets.token_bytes(32)

    # ── addresses ──

    def attachment_url(self, attachment: Attachment) -> str:
        """A signed address that ends after a day, as Discord's: `?ex=` time in hex, `is=` issued, `hm=` seal."""
        issued, ends = int(time.time()), int(time.time()) + DAY
        seal = self.seal(attachment.key, f"{ends:x}", f"{issued:x}")
        return f"{self.cdn_base}/{quote(attachment.key)}?ex={ends:x}&is={issued:x}&hm={seal}&"

    def seal(self, key: str, ends: str, issued: str) -> str:
        return hmac.new(self._secret, f"{key} {ends} {issued}".encode(), hashlib.sha256).hexdigest()

    # ── messages ──

    def author(self, message: Message) -> Payload:
        if message.author_id in self.world.users:  # also the bot's own answers to interactions
            return self.user(self.world.user(message.author_id))
        return {
            "id": str(message.webhook_id),
            "username": message.webhook_name,
            "avatar": message.webhook_avatar,
            "discriminator": "0000",
            "global_name": None,
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
            "bot": True,
        }

    def attachment(self, attachment: Attachment) -> Payload:
        url = self.attachment_url(attachment)
        payload: Payload = {
            "id": str(attachment.id),
            "filename": attachment.filename,
            "size": attachment.size,
            "url": url,
            "proxy_url": url,
            "content_type": attachment.content_type,
        }
        if attachment.width and attachment.height:
            payload |= {"width": attachment.width, "height": attachment.height}
        return payload | ({"description": attachment.description} if attachment.description else {})

    def message(self, message: Message, reader: int | None = None, *, with_reply: bool = True) -> Payload:
        """`reader`: whose reactions count as `me`."""
        shown = {attachment.filename: self.attachment(attachment) for attachment in message.attachments}
        embeds, in_embeds = resolve_embeds(message.embeds, shown)
        components = resolve_components(message.components, shown)
        payload: Payload = {
            "id": str(message.id),
            "channel_id": str(message.channel_id),
            "type": message.type,
            "content": message.content,
            "author": self.author(message),
            "mentions": [self.user(self.world.user(user_id)) for user_id in message.mentions],
            "mention_roles": [str(role) for role in message.mention_roles],
            "mention_everyone": message.mention_everyone,
            "attachments": [entry for name, entry in shown.items() if name not in in_embeds],
            "embeds": embeds,
            "components": components,
            "timestamp": iso(seconds_of(message.id)),
            "edited_timestamp": iso(message.edited_at) if message.edited_at else None,
            "flags": message.flags,
            "pinned": message.pinned_at is not None,
            "tts": message.tts,
        }
        payload |= self._message_extras(message, reader)
        return payload | (self._reply(message, with_reply) if message.reply_to else {})

    def _message_extras(self, message: Message, reader: int | None) -> Payload:
        extras: Payload = {}
        if message.webhook_id:
            extras["webhook_id"] = str(message.webhook_id)
        if message.application_id:
            extras["application_id"] = str(message.application_id)
        if message.nonce is not None:
            extras["nonce"] = message.nonce
        if message.origin:
            extras["interaction_metadata"] = self._origin(message.origin)
        if message.reactions:
            extras["reactions"] = [
                {
                    "emoji": {"id": str(r.emoji_id) if r.emoji_id else None, "name": r.emoji_name},
                    "count": len(r.users),
                    "count_details": {"burst": 0, "normal": len(r.users)},
                    "burst_colors": [],
                    "me_burst": False,
                    "me": reader in r.users,
                }
                for r in message.reactions
            ]
        return extras

    def _origin(self, origin: Origin) -> Payload:
        payload: Payload = {
            "id": str(origin.interaction_id),
            "type": origin.type,
            "user": self.user(self.world.user(origin.user_id)),
            "authorizing_integration_owners": {"0": str(next(iter(self.world.guilds)))},
        }
        if origin.opened_by:
            return payload | {"triggering_interaction_metadata": self._origin(origin.opened_by)}
        if origin.target_id:
            return payload | {"interacted_message_id": str(origin.target_id)}
        return payload | {"name": origin.name}

    def _reply(self, message: Message, with_reply: bool) -> Payload:
        channel = self.world.channel(message.channel_id)
        reference: Payload = {"type": 0, "channel_id": str(channel.id), "message_id": str(message.reply_to)}
        if channel.guild_id:
            reference["guild_id"] = str(channel.guild_id)
        payload: Payload = {"message_reference": reference}
        if with_reply:
            target = self.world.messages[channel.id].get(message.reply_to or 0)
            payload["referenced_message"] = self.message(target, with_reply=False) if target else None
        return payload

    def message_event(self, message: Message, reader: int) -> Payload:
        """MESSAGE_CREATE and MESSAGE_UPDATE carry the guild and the author's membership besides."""
        payload = self.message(message, reader)
        guild = self.world.guild_of(self.world.channel(message.channel_id))
        if guild is None:
            return payload
        payload["guild_id"] = str(guild.id)
        member = guild.member(message.author_id)
        if member and message.webhook_id is None:
            payload["member"] = self.member(member, with_user=False)
        return payload

    def invoker(self, channel: Channel, user_id: int) -> Payload:
        """`member` (with permissions) in a guild, `user` in a DM: who used a command or component."""
        guild = self.world.guild_of(channel)
        if guild is None:
            return {"user": self.user(self.world.user(user_id))}
        member = self.world.member(guild, user_id)
        holder = self.world.channel(channel.parent_id) if channel.is_thread and channel.parent_id else channel
        permissions = channel_permissions(guild, member, holder)
        return {"member": self.member(member) | {"permissions": str(int(permissions))}}
