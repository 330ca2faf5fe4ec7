"""Routes of users, applications and the gateway's address."""

from aiohttp import web

from bot.playground.access import API, Resource, answer
from bot.playground.errors import ApiError, bad_form
from bot.playground.forms import Body, read_body
from bot.playground.gateway import Gateway
from bot.playground.payloads import Payloads
from bot.playground.records import Channel, ChannelType, User
from bot.playground.world import World


class UserRoutes(Resource):
    def __init__(self, world: World, payloads: Payloads, gateway: Gateway) -> None:
        super().__init__(world, payloads)
        self.gateway = gateway

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{API}/gateway", self.gateway_address),
            web.get(f"{API}/gateway/bot", self.gateway_bot),
            web.get(f"{API}/users/@me", self.me),
            web.patch(f"{API}/users/@me", self.change_me),
            web.get(f"{API}/users/@me/guilds", self.my_guilds),
            web.get(f"{API}/users/@me/channels", self.my_dms),
            web.post(f"{API}/users/@me/channels", self.open_dm),
            web.get(f"{API}/users/{{user}}", self.user),
            web.get(f"{API}/oauth2/applications/@me", self.application),
            web.get(f"{API}/applications/@me", self.application),
        ]

    async def gateway_address(self, _: web.Request) -> web.Response:
        return answer({"url": self.gateway.url})

    async def gateway_bot(self, request: web.Request) -> web.Response:
        self.caller(request)
        starts = {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}
        return answer({"url": self.gateway.url, "shards": 1, "session_start_limit": starts})

    async def me(self, request: web.Request) -> web.Response:
        return answer(self.payloads.own_user(self.caller(request)))

    async def change_me(self, request: web.Request) -> web.Response:
        user, body = self.caller(request), await read_body(request)
        if name := body.text("username", least=2, limit=32):
            user.username = name
        if body.has("avatar"):
            user.avatar = keep_image(self.world, user.id, body, "avatar")
        self.world.change_user(user)
        return answer(self.payloads.own_user(user))

    async def user(self, request: web.Request) -> web.Response:
        self.caller(request)
        return answer(self.payloads.user(self.world.user(self.number(request, "user"))))

    async def my_guilds(self, request: web.Request) -> web.Response:
        user = self.caller(request)
        mine = [guild for guild in self.world.guilds.values() if guild.member(user.id)]
        return answer([self.payloads.own_guild(guild, user.id) for guild in mine])

    async def application(self, request: web.Request) -> web.Response:
        user = self.caller(request)
        if not user.bot:
            raise ApiError(403, 20002, "Only bots can use this endpoint")
        return answer(self.payloads.application(user))

    # ── direct messages ──

    async def my_dms(self, request: web.Request) -> web.Response:
        user = self.caller(request)
        return answer([self.payloads.channel(dm, user.id) for dm in self._dms_of(user)])

    def _dms_of(self, user: User) -> list[Channel]:
        return [c for c in self.world.channels.values() if c.type == ChannelType.DM and user.id in c.recipients]

    async def open_dm(self, request: web.Request) -> web.Response:
        user, body = self.caller(request), await read_body(request)
        listed = body.snowflakes("recipients")
        other = self.world.user(listed[0] if listed else body.needed_snowflake("recipient_id"))
        if other.id == user.id or (user.bot and other.bot):
            raise ApiError(400, 50007, "Cannot send messages to this user")
        return answer(self.payloads.channel(self.world.dm_between(user.id, other.id), user.id))


def keep_image(world: World, owner_id: int, body: Body, name: str) -> str | None:
    """Stores the data URI of a field; returns its hash, or None when the field clears the picture."""
    image = body.image(name)
    if image is None:
        return None
    if len(image[1]) > 10_000_000:
        raise bad_form(name, "BASE_TYPE_MAX_LENGTH", "File cannot be larger than 10240.0 kb.")
    return world.keep_avatar(owner_id, *image)
