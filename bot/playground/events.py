"""Change → gateway event: who gets to hear of it, what intents they need, and what they are told."""

from bot.playground.payloads import Payloads
from bot.playground.records import Change, Channel, Guild, Message, Payload, User, Webhook
from bot.playground.world import World

GUILDS, GUILD_MEMBERS, GUILD_WEBHOOKS, GUILD_PRESENCES = 1 << 0, 1 << 1, 1 << 5, 1 << 8
MESSAGE_CONTENT = 1 << 15
EVERY_INTENT = (1 << 26) - 1
GUILD_INTENTS = {
    "CHANNEL_CREATE": GUILDS,
    "CHANNEL_UPDATE": GUILDS,
    "CHANNEL_DELETE": GUILDS,
    "CHANNEL_PINS_UPDATE": GUILDS,
    "THREAD_CREATE": GUILDS,
    "THREAD_UPDATE": GUILDS,
    "THREAD_DELETE": GUILDS,
    "GUILD_UPDATE": GUILDS,
    "GUILD_MEMBER_UPDATE": GUILD_MEMBERS,
    "WEBHOOKS_UPDATE": GUILD_WEBHOOKS,
    "MESSAGE_CREATE": 1 << 9,
    "MESSAGE_UPDATE": 1 << 9,
    "MESSAGE_DELETE": 1 << 9,
    "MESSAGE_REACTION_ADD": 1 << 10,
    "MESSAGE_REACTION_REMOVE": 1 << 10,
    "TYPING_START": 1 << 11,
}
DM_INTENTS = {
    "MESSAGE_CREATE": 1 << 12,
    "MESSAGE_UPDATE": 1 << 12,
    "MESSAGE_DELETE": 1 << 12,
    "MESSAGE_REACTION_ADD": 1 << 13,
    "MESSAGE_REACTION_REMOVE": 1 << 13,
    "TYPING_START": 1 << 14,
}


class Events:
    def __init__(self, world: World, payloads: Payloads) -> None:
        self.world = world
        self.payloads = payloads

    def place(self, change: Change) -> Channel | Guild | None:
        """Where it happened: the channel, or the whole guild; None for a user's own affairs."""
        record = change.record
        if isinstance(record, Channel | Guild):
            return record
        if isinstance(record, Message | Webhook):
            return self.world.channels.get(record.channel_id)
        return None

    def told(self, change: Change, user: User, intents: int) -> Payload | None:
        """What this user's session is told of the change; None for nothing."""
        place = self.place(change)
        if isinstance(change.record, User):
            return self.payloads.own_user(user) if change.record.id == user.id else None
        if place is None or not self._listens(change, place, user, intents):
            return None
        if isinstance(change.record, Message):
            return self._message(change, change.record, user, intents)
        return self._of_place(change, place, user)

    def _listens(self, change: Change, place: Channel | Guild, user: User, intents: int) -> bool:
        in_dm = isinstance(place, Channel) and place.guild_id is None
        needed = (DM_INTENTS if in_dm else GUILD_INTENTS).get(change.name, 0)
        if needed & intents != needed:
            return False
        if isinstance(place, Guild):
            return place.member(user.id) is not None
        if isinstance(change.record, Message) and change.record.only_for not in (None, user.id):
            return False
        return self.world.can_see(user.id, place)

    def _of_place(self, change: Change, place: Channel | Guild, user: User) -> Payload | None:
        if isinstance(place, Guild):
            if change.name == "GUILD_MEMBER_UPDATE":
                member = self.world.member(place, int(str(change.details["user_id"])))
                return self.payloads.member(member) | {"guild_id": str(place.id)}
            return self.payloads.guild(place) if change.name == "GUILD_UPDATE" else None
        if change.name == "WEBHOOKS_UPDATE":
            return {"guild_id": str(place.guild_id), "channel_id": str(place.id)}
        if change.name == "TYPING_START":
            return self._typing(change, place)
        if change.name == "CHANNEL_PINS_UPDATE":
            return self._with_guild({"channel_id": str(place.id)}, place)
        return self._with_guild(self.payloads.channel(place, user.id), place)

    @staticmethod
    def _with_guild(payload: Payload, channel: Channel) -> Payload:
        return payload | ({"guild_id": str(channel.guild_id)} if channel.guild_id else {})

    def _typing(self, change: Change, channel: Channel) -> Payload:
        user_id = change.by or 0
        payload = self._with_guild({"channel_id": str(channel.id), "user_id": str(user_id)}, channel)
        payload["timestamp"] = int(float(str(change.details["at"])))
        guild = self.world.guild_of(channel)
        member = guild.member(user_id) if guild else None
        return payload | ({"member": self.payloads.member(member)} if member else {})

    # ── messages ──

    def _message(self, change: Change, message: Message, user: User, intents: int) -> Payload | None:
        channel = self.world.channel(message.channel_id)
        if change.name.startswith("MESSAGE_REACTION"):
            return self._reaction(change, message, channel)
        if change.name == "MESSAGE_DELETE":
            return self._with_guild({"id": str(message.id), "channel_id": str(channel.id)}, channel)
        if change.name not in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
            return None
        payload = self.payloads.message_event(message, user.id)
        if not self._may_read(message, channel, user, intents):
            payload |= {"content": "", "embeds": [], "attachments": [], "components": []}
        return payload

    @staticmethod
    def _may_read(message: Message, channel: Channel, user: User, intents: int) -> bool:
        """Without the message content intent a bot reads its own messages, DMs and what mentions it."""
        own = user.id in (message.author_id, message.application_id)
        return bool(intents & MESSAGE_CONTENT) or own or channel.guild_id is None or user.id in message.mentions

    def _reaction(self, change: Change, message: Message, channel: Channel) -> Payload:
        emoji_id, name = change.details["emoji"] if isinstance(change.details["emoji"], tuple) else (None, "")
        payload: Payload = {
            "user_id": str(change.by),
            "channel_id": str(channel.id),
            "message_id": str(message.id),
            "message_author_id": str(message.author_id),
            "emoji": {"id": str(emoji_id) if emoji_id else None, "name": name},
            "burst": False,
            "type": 0,
        }
        guild = self.world.guild_of(channel)
        member = guild.member(change.by or 0) if guild else None
        if member and change.name == "MESSAGE_REACTION_ADD":
            payload["member"] = self.payloads.member(member)
        return self._with_guild(payload, channel)

    def shard_of(self, change: Change, shards: int) -> int:
        """Direct messages and users' own affairs go to shard 0."""
        place = self.place(change)
        guild_id = place.id if isinstance(place, Guild) else place.guild_id if place else None
        return shard_of_guild(guild_id, shards)


def shard_of_guild(guild_id: int | None, shards: int) -> int:
    return (guild_id >> 22) % shards if guild_id else 0
