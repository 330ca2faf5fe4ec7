"""The playground: a Discord-compatible server on this machine, with a chat page. `async with Playground() as p`."""

import os
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.playground import genesis
from bot.playground.access import Doorman, errors_as_json, only_local
from bot.playground.cdn import CDN, Cdn
from bot.playground.composer import Composer
from bot.playground.desk import Desk
from bot.playground.errors import PlaygroundError
from bot.playground.faces import Faces
from bot.playground.forms import MAX_FILE_BYTES
from bot.playground.gateway import Gateway
from bot.playground.limits import Limits, Rules
from bot.playground.mask_routes import MaskRoutes
from bot.playground.page_routes import PageRoutes
from bot.playground.payloads import Payloads
from bot.playground.records import User
from bot.playground.rest_channels import ChannelRoutes
from bot.playground.rest_commands import CommandRoutes
from bot.playground.rest_guilds import GuildRoutes
from bot.playground.rest_interactions import InteractionRoutes, Responder
from bot.playground.rest_messages import MessageRoutes
from bot.playground.rest_users import UserRoutes
from bot.playground.rest_webhook_messages import WebhookMessageRoutes
from bot.playground.rest_webhooks import WebhookRoutes
from bot.playground.store import Store
from bot.playground.workshop import Workshop
from bot.playground.world import World

HOST = "127.0.0.1"
MAX_REQUEST_BYTES = 25 * 1024 * 1024 + MAX_FILE_BYTES // 10


class Playground:
    """A world, the server that shows it, and the addresses a bot needs to connect.

    `port` 0 takes any free one; `state` is an SQLite file that keeps the world over a restart; `bot_token` is drawn
    when empty; `workshop` has the personas whose masks are painted on the page /mask. Entering raises PlaygroundError
    when the port is taken.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        state: Path | None = None,
        bot_token: str = "",
        rules: Rules | None = None,
        heartbeat_seconds: float = 41.25,
        answer_seconds: float = 3.0,
        workshop: Workshop | None = None,
    ) -> None:
        self.port = port
        self.state = state
        self.bot_token = bot_token or secrets.token_urlsafe(48)
        self.world = World()
        self.payloads = Payloads(self.world)
        self.gateway = Gateway(self.world, self.payloads, heartbeat_seconds)
        self.limits = Limits(rules or Rules())
        self.desk = Desk(self.world, answer_seconds)
        self.faces = Faces(self.world)
        self.workshop = workshop
        self._life = AsyncExitStack()

    # ── addresses ──

    @property
    def address(self) -> str:
        """The chat page."""
        return f"http://{HOST}:{self.port}/"

    @property
    def api_base(self) -> str:
        return f"http://{HOST}:{self.port}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://{HOST}:{self.port}/gateway"

    @property
    def cdn_base(self) -> str:
        return f"http://{HOST}:{self.port}{CDN}"

    def add_bot(self, name: str) -> tuple[User, str]:
        """Another bot application in the same world, and its token."""
        token = secrets.token_urlsafe(48)
        return genesis.add_bot(self.world, User(self.world.ids.next(), name, bot=True), token), token

    def user_token(self, name: str) -> str:
        """The token of one of the people ("You", "Robin", "Sam"), to act as the page does."""
        user = next(user for user in self.world.users.values() if user.global_name == name)
        return self.world.token_of(user.id)

    # ── life ──

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as life:
            store = await life.enter_async_context(Store(self.state, self.world)) if self.state else None
            self._begin()
            life.callback(self.desk.close)
            runner = web.AppRunner(self._application(store), access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            life.push_async_callback(runner.cleanup)
            await self._listen(runner)
            life.callback(self.gateway.drop, 1001)
            self._life = life.pop_all()
        self.payloads.cdn_base = self.faces.cdn_base = self.cdn_base
        self.gateway.url = self.gateway_url
        return self

    def _begin(self) -> None:
        if self.world.guilds:
            genesis.renew_token(self.world, self.bot_token)
        else:
            genesis.create(self.world, self.bot_token)

    async def _listen(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, HOST, self.port).start()
        except OSError as error:
            raise PlaygroundError(
                f"Port {self.port} of {HOST} cannot be used ({os.strerror(error.errno or 0).lower()}): "
                "choose another port, or stop the program that has it."
            ) from error
        self.port = runner.addresses[0][1]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._life.aclose()

    def _application(self, store: Store | None) -> web.Application:
        doorman = Doorman(self.world, self.limits)
        middlewares = [only_local, errors_as_json(), doorman.middleware()]
        middlewares += [store.middleware()] if store else []
        application = web.Application(middlewares=middlewares, client_max_size=MAX_REQUEST_BYTES)
        composer = Composer(self.world)
        responder = Responder(self.world, composer)
        world, payloads = self.world, self.payloads
        application.add_routes([web.get("/gateway", self.gateway.handle), web.get("/gateway/", self.gateway.handle)])
        for routes in (
            UserRoutes(world, payloads, self.gateway),
            GuildRoutes(world, payloads, self.limits),
            ChannelRoutes(world, payloads),  # before messages: /messages/pins is no message
            MessageRoutes(world, payloads, composer),
            WebhookRoutes(world, payloads),
            WebhookMessageRoutes(world, payloads, composer, self.desk, self.faces, responder),
            CommandRoutes(world, payloads),
            InteractionRoutes(world, payloads, self.gateway, self.desk, responder),
            MaskRoutes(world, payloads, self.workshop),
            Cdn(world, payloads),
            PageRoutes(world, payloads),
        ):
            application.add_routes(routes.routes())
        return application
