"""World → API JSON, first half: users, members, roles, guilds, channels, webhooks and commands (Discord API v10).

Snowflakes are strings, times ISO 8601; keys that must be absent rather than null (a DM's guild_id ...) are left out.
"""

import hashlib

from bot.playground.ids import iso, seconds_of
from bot.playground.permissions import guild_permissions
from bot.playground.records import (
    Channel,
    ChannelType,
    Command,
    Guild,
    Member,
    Payload,
    Role,
    User,
    Webhook,
)
from bot.playground.world import World


class PlacePayloads:
    def __init__(self, world: World) -> None:
        self.world = world

    # ── users, members, roles ──

    def user(self, user: User) -> Payload:
        payload: Payload = {
            "id": str(user.id),
            "username": user.username,
            "global_name": user.global_name,
            "avatar": user.avatar,
            "discriminator": f"{user.id % 9999 + 1:04d}" if user.bot else "0",
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        }
        return payload | ({"bot": True} if user.bot else {})

    def own_user(self, user: User) -> Payload:
        return self.user(user) | {
            "mfa_enabled": user.bot,
            "locale": "en-US",
            "premium_type": 0,
            "email": None,
            "verified": True,
        }

    def member(self, member: Member, *, with_user: bool = True) -> Payload:
        payload: Payload = {
            "avatar": member.avatar,
            "banner": member.banner,
            "communication_disabled_until": None,
            "flags": 0,
            "joined_at": iso(member.joined_at),
            "nick": member.nick,
            "pending": False,
            "premium_since": None,
            "roles": [str(role) for role in member.roles],
            "mute": False,
            "deaf": False,
        }
        return payload | ({"user": self.user(self.world.user(member.user_id))} if with_user else {})

    def role(self, role: Role) -> Payload:
        payload: Payload = {
            "id": str(role.id),
            "name": role.name,
            "permissions": str(role.permissions),
            "position": role.position,
            "color": role.color,
            "colors": {"primary_color": role.color, "secondary_color": None, "tertiary_color": None},
            "hoist": role.bot_id is not None,
            "managed": role.bot_id is not None,
            "mentionable": False,
            "icon": None,
            "unicode_emoji": None,
            "flags": 0,
        }
        return payload | ({"tags": {"bot_id": str(role.bot_id)}} if role.bot_id else {})

    def application(self, bot: User) -> Payload:
        return {
            "id": str(bot.id),
            "name": bot.username,
            "icon": bot.avatar,
            "description": bot.description,
            "type": None,
            "verify_key": hashlib.sha256(str(bot.id).encode()).hexdigest(),
            "flags": 1 << 13 | 1 << 15 | 1 << 19,  # limited presence, members and message content intents are granted
            "flags_new": str(1 << 13 | 1 << 15 | 1 << 19),
            "redirect_uris": [],
            "interactions_endpoint_url": None,
            "role_connections_verification_url": None,
            "owner": self._team_user(bot) if bot.team else self.user(self._first_person()),
            "approximate_guild_count": len(self.world.guilds),
            "approximate_user_install_count": 0,
            "approximate_user_authorization_count": 0,
            "explicit_content_filter": 0,
            "team": self._team(bot) if bot.team else None,
            "eligible_oauth2_scopes": ["bot", "applications.commands"],
            "bot": self.user(bot),
            "bot_public": False,
            "bot_require_code_grant": False,
        }

    def _first_person(self) -> User:
        return next(user for user in self.world.users.values() if not user.bot)

    def _team(self, bot: User) -> Payload:
        """As topics/teams of the API docs has it; state 2 = accepted. The owner's role is no role: it is owner."""
        roles = ["admin"] + ["developer"] * (len(bot.team) - 1)
        return {
            "id": str(bot.id),
            "icon": None,
            "name": f"The makers of {bot.username}",
            "owner_user_id": str(bot.team[0]),
            "members": [
                {
                    "membership_state": 2,
                    "team_id": str(bot.id),
                    "role": role,
                    "user": self.user(self.world.user(member)),
                }
                for member, role in zip(bot.team, roles, strict=True)
            ],
        }

    def _team_user(self, bot: User) -> Payload:
        """Who Discord names as the owner of a team's application: nobody who could log in."""
        return self.user(User(bot.id, f"team{bot.id}")) | {"flags": 1 << 10, "public_flags": 1 << 10}

    # ── guilds and channels ──

    def guild(self, guild: Guild) -> Payload:
        nothing: list[object] = []
        return {
            "id": str(guild.id),
            "name": guild.name,
            "owner_id": str(guild.owner_id),
            "roles": [self.role(role) for role in guild.roles],
            "emojis": nothing,
            "stickers": nothing,
            "features": nothing,
            "afk_timeout": 300,
            "system_channel_flags": 0,
            "widget_enabled": False,
            "verification_level": 0,
            "default_message_notifications": 0,
            "mfa_level": 0,
            "explicit_content_filter": 0,
            "max_presences": None,
            "max_members": 500_000,
            "max_stage_video_channel_users": 50,
            "max_video_channel_users": 25,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "premium_progress_bar_enabled": False,
            "preferred_locale": "en-US",
            "region": "deprecated",
            "nsfw": False,
            "nsfw_level": 0,
            **dict.fromkeys(EMPTY_GUILD_FIELDS),
        }

    def guild_create(self, guild: Guild, user_id: int) -> Payload:
        """What GUILD_CREATE tells a user: the guild with its members and the channels that user can see."""
        visible = [c for c in self.world.channels_of(guild.id) if self.world.can_see(user_id, c)]
        own = self.world.member(guild, user_id)
        return self.guild(guild) | {
            "joined_at": iso(own.joined_at),
            "large": False,
            "unavailable": False,
            "member_count": len(guild.members),
            "members": [self.member(member) for member in guild.members],
            "channels": [self.channel(c) for c in visible if not c.is_thread],
            "threads": [self.channel(c) for c in visible if c.is_thread and not c.archived],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def own_guild(self, guild: Guild, user_id: int) -> Payload:
        return {
            "id": str(guild.id),
            "name": guild.name,
            "icon": None,
            "banner": None,
            "owner": guild.owner_id == user_id,
            "permissions": str(guild_permissions(guild, self.world.member(guild, user_id))),
            "features": [],
        }

    def channel(self, channel: Channel, user_id: int | None = None) -> Payload:
        """`user_id`: for whom; a DM does not list its reader among the recipients."""
        payload: Payload = {"id": str(channel.id), "type": int(channel.type), "flags": 0}
        payload["last_message_id"] = str(channel.last_message_id) if channel.last_message_id else None
        if channel.type == ChannelType.DM:
            others = [self.world.user(one) for one in channel.recipients if one != user_id]
            return payload | {"recipients": [self.user(other) for other in others]}
        payload |= {
            "guild_id": str(channel.guild_id),
            "name": channel.name,
            "parent_id": str(channel.parent_id) if channel.parent_id else None,
            "rate_limit_per_user": channel.rate_limit_per_user,
        }
        return payload | (self._thread_part(channel, user_id) if channel.is_thread else self._text_part(channel))

    def _text_part(self, channel: Channel) -> Payload:
        overwrites: list[Payload] = [
            {"id": str(o.id), "type": o.type, "allow": str(o.allow), "deny": str(o.deny)} for o in channel.overwrites
        ]
        return {
            "position": channel.position,
            "topic": channel.topic,
            "nsfw": channel.nsfw,
            "permission_overwrites": overwrites,
        }

    def _thread_part(self, channel: Channel, user_id: int | None) -> Payload:
        payload: Payload = {
            "owner_id": str(channel.owner_id),
            "message_count": channel.message_count,
            "member_count": len(channel.thread_members),
            "total_message_sent": channel.message_count,
            "thread_metadata": {
                "archived": channel.archived,
                "archive_timestamp": iso(channel.archive_changed_at),
                "auto_archive_duration": channel.auto_archive_minutes,
                "locked": channel.locked,
                "create_timestamp": iso(seconds_of(channel.id)),
            },
        }
        return payload | ({"member": self.thread_member(channel, user_id)} if user_id in channel.thread_members else {})

    def thread_member(self, channel: Channel, user_id: int | None) -> Payload:
        joined = iso(channel.archive_changed_at)
        return {"id": str(channel.id), "user_id": str(user_id), "join_timestamp": joined, "flags": 0}

    def partial_channel(self, channel: Channel, user_id: int) -> Payload:
        """As `channel` in an interaction: with the invoking user's permissions."""
        return self.channel(channel, user_id) | {"permissions": str(self.world.permissions(user_id, channel))}

    # ── webhooks and commands ──

    def webhook(self, webhook: Webhook, *, with_token: bool, with_user: bool = True) -> Payload:
        payload: Payload = {
            "id": str(webhook.id),
            "type": 1,
            "application_id": str(webhook.application_id) if webhook.application_id else None,
            "avatar": webhook.avatar,
            "channel_id": str(webhook.channel_id),
            "guild_id": str(webhook.guild_id),
            "name": webhook.name,
        }
        if with_user:
            payload["user"] = self.user(self.world.user(webhook.creator_id))
        return payload | ({"token": webhook.token} if with_token else {})

    def command(self, command: Command) -> Payload:
        payload: Payload = {
            "id": str(command.id),
            "application_id": str(command.application_id),
            "version": str(command.version),
            "default_member_permissions": None,
            "type": 1,
            "nsfw": False,
        } | command.body
        return payload | ({"guild_id": str(command.guild_id)} if command.guild_id else {"dm_permission": True})


EMPTY_GUILD_FIELDS = (
    "icon",
    "description",
    "home_header",
    "splash",
    "discovery_splash",
    "banner",
    "application_id",
    "afk_channel_id",
    "system_channel_id",
    "widget_channel_id",
    "vanity_url_code",
    "rules_channel_id",
    "safety_alerts_channel_id",
    "public_updates_channel_id",
    "incidents_data",
)
