"""Serving the chat page: static files beside this module, and the tokens of the people written into the page alone."""

import json
from pathlib import Path

from aiohttp import web

from bot.playground.payloads import Payloads
from bot.playground.records import User
from bot.playground.world import World

FOLDER = Path(__file__).parent / "page"
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class PageRoutes:
    def __init__(self, world: World, payloads: Payloads) -> None:
        self.world = world
        self.payloads = payloads

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.index),
            web.get("/mask", self.mask),
            web.get("/page/{name}", self.file),
            web.get("/favicon.ico", self.icon),
        ]

    async def index(self, request: web.Request) -> web.Response:
        people = [self._person(user) for user in self.world.users.values() if not user.bot]
        return self._page(request, "index.html", {"people": people, "cdn": self.payloads.cdn_base})

    async def mask(self, request: web.Request) -> web.Response:
        """The page on which the owner of the place paints masks."""
        owner = next(guild.owner_id for guild in self.world.guilds.values())
        return self._page(request, "mask.html", {"owner": self._person(self.world.user(owner))})

    def _person(self, user: User) -> dict[str, str]:
        name = user.global_name or user.username
        return {"id": str(user.id), "name": name, "token": self.world.token_of(user.id)}

    def _page(self, request: web.Request, name: str, session: object) -> web.Response:
        written = json.dumps(session).replace("<", "\\u003c")
        page = (FOLDER / name).read_text(encoding="utf-8").replace("{{SESSION}}", written)
        return web.Response(text=page, content_type="text/html", headers=self._headers(request))

    def _headers(self, request: web.Request) -> dict[str, str]:
        cdn = self.payloads.cdn_base.rsplit("/", 1)[0]
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"img-src 'self' {cdn} data: blob:; connect-src 'self' ws://{request.host}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    async def file(self, request: web.Request) -> web.Response:
        path = FOLDER / request.match_info["name"]
        if path.suffix not in CONTENT_TYPES or path.parent != FOLDER or not path.is_file():
            raise web.HTTPNotFound
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return web.Response(
            text=path.read_text(encoding="utf-8"), content_type=CONTENT_TYPES[path.suffix], headers=headers
        )

    async def icon(self, _: web.Request) -> web.Response:
        raise web.HTTPFound("/page/icon.svg")
