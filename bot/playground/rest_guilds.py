"""Routes of guilds: their channels, members and roles."""

from aiohttp import web

from bot.playground.access import API, Resource, answer, nothing
from bot.playground.errors import bad_form, missing_permissions, required, unknown
from bot.playground.forms import Body, read_body
from bot.playground.limits import Limits
from bot.playground.payloads import Payloads
from bot.playground.permissions import Permission, guild_permissions
from bot.playground.records import Channel, ChannelType, Guild, Member, Overwrite
from bot.playground.rest_users import keep_image
from bot.playground.world import World

MAX_CHANNELS = 500


class GuildRoutes(Resource):
    def __init__(self, world: World, payloads: Payloads, limits: Limits) -> None:
        super().__init__(world, payloads)
        self.limits = limits

    def routes(self) -> list[web.RouteDef]:
        guild = f"{API}/guilds/{{guild}}"
        return [
            web.get(guild, self.get),
            web.get(f"{guild}/channels", self.channels),
            web.post(f"{guild}/channels", self.create_channel),
            web.get(f"{guild}/threads/active", self.active_threads),
            web.get(f"{guild}/members", self.members),
            web.get(f"{guild}/members/search", self.search_members),
            web.patch(f"{guild}/members/@me", self.change_me),
            web.get(f"{guild}/members/{{user}}", self.get_member),
            web.get(f"{API}/users/@me/guilds/{{guild}}/member", self.my_membership),
            web.get(f"{guild}/roles", self.roles),
            web.get(f"{guild}/roles/{{role}}", self.role),
            web.get(f"{guild}/emojis", self.emojis),
            web.delete(f"{API}/users/@me/guilds/{{guild}}", self.leave),
        ]

    async def get(self, request: web.Request) -> web.Response:
        guild = self.guild(request)
        payload = self.payloads.guild(guild)
        if request.query.get("with_counts", "0") in ("1", "true", "True"):
            payload |= {"approximate_member_count": len(guild.members), "approximate_presence_count": 1}
        return answer(payload)

    async def leave(self, request: web.Request) -> web.Response:
        guild = self.guild(request)
        guild.members.remove(self.world.member(guild, self.caller(request).id))
        self.world.emit("GUILD_UPDATE", guild)
        return nothing()

    async def emojis(self, request: web.Request) -> web.Response:
        self.guild(request)
        return answer([])

    # ── channels ──

    async def channels(self, request: web.Request) -> web.Response:
        guild, user = self.guild(request), self.caller(request)
        listed = [c for c in self.world.channels_of(guild.id) if not c.is_thread]
        return answer([self.payloads.channel(c, user.id) for c in listed])

    async def create_channel(self, request: web.Request) -> web.Response:
        guild, user, body = self.guild(request), self.caller(request), await read_body(request)
        if not guild_permissions(guild, self.world.member(guild, user.id)) & Permission.MANAGE_CHANNELS:
            raise missing_permissions()
        if sum(1 for _ in self.world.channels_of(guild.id)) >= MAX_CHANNELS:
            raise bad_form("guild_id", "CHANNELS_MAX", "Maximum number of guild channels reached (500)")
        kind = body.number("type") or 0
        if kind not in (ChannelType.TEXT, ChannelType.CATEGORY):
            raise bad_form("type", "BASE_TYPE_CHOICES", "The playground has text channels and categories only.")
        channel = Channel(self.world.ids.next(), kind, guild.id, channel_name(body), position=self._below(guild))
        fill_channel(channel, body)
        return answer(self.payloads.channel(self.world.add_channel(channel), user.id), status=201)

    def _below(self, guild: Guild) -> int:
        return 1 + max((channel.position for channel in self.world.channels_of(guild.id)), default=-1)

    async def active_threads(self, request: web.Request) -> web.Response:
        guild, user = self.guild(request), self.caller(request)
        threads = [c for c in self.world.channels_of(guild.id) if c.is_thread and not c.archived]
        seen = [thread for thread in threads if self.world.can_see(user.id, thread)]
        members = [self.payloads.thread_member(t, user.id) for t in seen if user.id in t.thread_members]
        return answer({"threads": [self.payloads.channel(t) for t in seen], "members": members, "has_more": False})

    # ── members and roles ──

    async def members(self, request: web.Request) -> web.Response:
        guild = self.guild(request)
        after, limit = self.number(request, "after", 0), self.number(request, "limit", 1)
        members = sorted((m for m in guild.members if m.user_id > after), key=lambda m: m.user_id)
        return answer([self.payloads.member(member) for member in members[:limit]])

    async def search_members(self, request: web.Request) -> web.Response:
        guild, query = self.guild(request), request.query.get("query", "").lower()
        matching = [m for m in guild.members if any(name.startswith(query) for name in self._names(m))]
        return answer([self.payloads.member(member) for member in matching[: self.number(request, "limit", 1)]])

    def _names(self, member: Member) -> list[str]:
        user = self.world.user(member.user_id)
        return [name.lower() for name in (user.username, user.global_name, member.nick) if name]

    async def get_member(self, request: web.Request) -> web.Response:
        return answer(self.payloads.member(self.world.member(self.guild(request), self.number(request, "user"))))

    async def my_membership(self, request: web.Request) -> web.Response:
        return answer(self.payloads.member(self.world.member(self.guild(request), self.caller(request).id)))

    async def change_me(self, request: web.Request) -> web.Response:
        guild, user, body = self.guild(request), self.caller(request), await read_body(request)
        member = self.world.member(guild, user.id)
        if body.has("nick"):
            if not guild_permissions(guild, member) & Permission.CHANGE_NICKNAME:
                raise missing_permissions()
            member.nick = body.text("nick", limit=32) or None
        if body.has("avatar"):
            if not self.limits.spend(self.limits.rules.member_avatar, f"{user.id} {guild.id}").allowed:
                says = "You are changing your avatar too fast. Try again later."
                raise bad_form("avatar", "AVATAR_RATE_LIMIT", says)
            member.avatar = keep_image(self.world, user.id, body, "avatar")
        if body.has("banner"):
            member.banner = keep_image(self.world, user.id, body, "banner")
        self.world.change_member(guild, member)
        return answer(self.payloads.member(member))

    async def roles(self, request: web.Request) -> web.Response:
        return answer([self.payloads.role(role) for role in self.guild(request).roles])

    async def role(self, request: web.Request) -> web.Response:
        wanted = self.number(request, "role")
        for role in self.guild(request).roles:
            if role.id == wanted:
                return answer(self.payloads.role(role))
        raise unknown("Role")


def channel_name(body: Body) -> str:
    """As Discord keeps text channels' names: lower case, spaces become dashes."""
    name = body.text("name", least=1, limit=100)
    if name is None:
        raise required("name")
    return name.strip().lower().replace(" ", "-")


def fill_channel(channel: Channel, body: Body) -> None:
    """The settings a request names; others stay."""
    if body.has("topic"):
        channel.topic = body.text("topic", limit=1024)
    if (position := body.number("position")) is not None:
        channel.position = position
    if body.has("parent_id"):
        channel.parent_id = body.snowflake("parent_id")
    if (pause := body.number("rate_limit_per_user")) is not None:
        channel.rate_limit_per_user = pause
    channel.nsfw = body.flag("nsfw", channel.nsfw)
    if body.has("permission_overwrites"):
        channel.overwrites = [read_overwrite(entry) for entry in body.objects("permission_overwrites")]


def read_overwrite(body: Body, target_id: int | None = None) -> Overwrite:
    return Overwrite(
        target_id or body.needed_snowflake("id"),
        body.number("type") or 0,
        body.number("allow") or 0,
        body.number("deny") or 0,
    )
