"""The door of the REST API: who is asking, how often, from where; refusals become Discord's JSON."""

import json
import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.playground.errors import ApiError, missing_access, missing_permissions, unauthorized, unknown
from bot.playground.limits import Limits, Rule, Verdict
from bot.playground.payloads import Payloads
from bot.playground.permissions import Permission
from bot.playground.records import Channel, Guild, Message, User
from bot.playground.world import World

API = "/api/v10"
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
USER = web.RequestKey("user", User)

log = logging.getLogger(__name__)


def answer(payload: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON without a charset parameter: discord.py takes only the bare content type for JSON."""
    body = json.dumps(payload).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def nothing() -> web.Response:
    return web.Response(status=204)


def refusal(error: ApiError, headers: Mapping[str, str] | None = None) -> web.Response:
    return answer(error.payload(), error.status, headers)


def _is_local(address: str) -> bool:
    try:
        return urlsplit(address).hostname in LOCAL_NAMES
    except ValueError:
        return False


@web.middleware
async def only_local(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A foreign Host header is a web page that had its name resolved to this machine (DNS rebinding)."""
    if not _is_local(f"//{request.headers.get('Host', '')}"):
        return web.Response(status=403, text="The playground answers only to 127.0.0.1 and localhost.\n")
    origin = request.headers.get("Origin")
    if origin and not _is_local(origin):
        return web.Response(status=403, text="The playground answers only to its own page.\n")
    return await handler(request)


def errors_as_json() -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/api/"):
            return await handler(request)
        try:
            return await handler(request)
        except ApiError as error:
            return refusal(error)
        except web.HTTPRequestEntityTooLarge:
            return refusal(ApiError(413, 40005, "Request entity too large"))
        except web.HTTPException as error:
            return refusal(ApiError(error.status, 0, f"{error.status}: {error.reason}"))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return refusal(ApiError(500, 0, "500: Internal Server Error"))

    return middleware


class Doorman:
    """Finds the user of the Authorization header and counts the request against its bucket."""

    def __init__(self, world: World, limits: Limits) -> None:
        self.world = world
        self.limits = limits

    def middleware(self) -> Middleware:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith(API):
                return await handler(request)
            if user := self._user(request):
                request[USER] = user
            verdict = self._count(request, user)
            if verdict and not verdict.allowed:
                return _too_many(verdict)
            response = await _handled(request, handler)
            response.headers.update(verdict.headers if verdict else {})
            return response

        return middleware

    def _user(self, request: web.Request) -> User | None:
        header = request.headers.get("Authorization", "")
        token = header.removeprefix("Bot ")
        user_id = self.world.tokens.get(token)
        user = self.world.users.get(user_id) if user_id else None
        return user if user and user.bot == header.startswith("Bot ") else None

    def _count(self, request: web.Request, user: User | None) -> Verdict | None:
        resource = request.match_info.route.resource
        path = resource.canonical.removeprefix(API) if resource else ""
        names = request.match_info
        rules = self.limits.rules
        if path.startswith("/interactions/") and path.endswith("/callback"):
            return None  # answering an interaction in its three seconds is never limited
        if path.startswith("/webhooks/{webhook}/{token}"):
            return self.limits.spend(rules.webhook, f"{names['webhook']} {names['token']}")
        by_channel: dict[tuple[str, str], Rule] = {
            ("POST", "/channels/{channel}/messages"): rules.send,
            ("PATCH", "/channels/{channel}/messages/{message}"): rules.edit,
        }
        rule = by_channel.get((request.method, path), rules.other)
        who = str(user.id if user else 0)
        return self.limits.spend(rule, f"{who} {names['channel']}" if rule is not rules.other else f"{who} {path}")


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refusals carry rate-limit headers too, so they become responses before those are added."""
    try:
        return await handler(request)
    except ApiError as error:
        return refusal(error)


def _too_many(verdict: Verdict) -> web.Response:
    body = {"message": "You are being rate limited.", "retry_after": round(verdict.retry_after, 3), "global": False}
    return answer(body, 429, verdict.headers)


class Resource:
    """What every group of routes shares: the world, its JSON, and the thing a path names."""

    def __init__(self, world: World, payloads: Payloads) -> None:
        self.world = world
        self.payloads = payloads

    @staticmethod
    def caller(request: web.Request) -> User:
        if USER not in request:
            raise unauthorized()
        return request[USER]

    @staticmethod
    def number(request: web.Request, name: str, default: int | None = None) -> int:
        """A number of the path, else of the query."""
        value = request.match_info.get(name) or request.query.get(name)
        if value is None and default is not None:
            return default
        if value is None or not value.isdigit():
            raise ApiError(400, 50035, "Invalid Form Body", {name: {"_errors": [NOT_SNOWFLAKE]}})
        return int(value)

    def guild(self, request: web.Request) -> Guild:
        guild = self.world.guild(self.number(request, "guild"))
        if guild.member(self.caller(request).id) is None:
            raise unknown("Guild")
        return guild

    def channel(self, request: web.Request, needed: int = 0) -> Channel:
        channel = self.world.channel(self.number(request, "channel"))
        self.require(self.caller(request), channel, needed)
        return channel

    def require(self, user: User, channel: Channel, needed: int) -> None:
        permissions = self.world.permissions(user.id, channel)
        if not permissions & Permission.VIEW_CHANNEL:
            raise missing_access()
        if channel.is_thread and needed & Permission.SEND_MESSAGES:
            needed = needed & ~Permission.SEND_MESSAGES | Permission.SEND_MESSAGES_IN_THREADS
        if permissions & needed != needed:
            raise missing_permissions()

    def message(self, request: web.Request, channel: Channel) -> Message:
        message = self.world.message(channel.id, self.number(request, "message"))
        if message.only_for not in (None, self.caller(request).id):
            raise unknown("Message")
        return message


NOT_SNOWFLAKE = {"code": "NUMBER_TYPE_COERCE", "message": "Value is not snowflake."}
