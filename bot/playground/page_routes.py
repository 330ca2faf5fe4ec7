"""Serving the chat page: static files beside this module, and the tokens of the people written into the page alone."""

import json
from pathlib import Path

from aiohttp import web

from bot.playground.payloads import Payloads
from bot.playground.world import World

FOLDER = Path(__file__).parent / "page"
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class PageRoutes:
    def __init__(self, world: World, payloads: Payloads) -> None:
        self.world = world
        self.payloads = payloads

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.index), web.get("/page/{name}", self.file), web.get("/favicon.ico", self.icon)]

    async def index(self, request: web.Request) -> web.Response:
        people = [
            {"id": str(user.id), "name": user.global_name or user.username, "token": self.world.token_of(user.id)}
            for user in self.world.users.values()
            if not user.bot
        ]
        session = json.dumps({"people": people, "cdn": self.payloads.cdn_base}).replace("<", "\\u003c")
        page = (FOLDER / "index.html").read_text(encoding="utf-8").replace("{{SESSION}}", session)
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
