"""The CDN: attachments under signed addresses that end, avatars under their hashes for ever."""

import hmac
import time

from aiohttp import web

from bot.playground.drawings import DEFAULTS, default_avatar
from bot.playground.payloads import Payloads
from bot.playground.records import StoredFile
from bot.playground.world import World

CDN = "/cdn"
SHOWN_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp")  # not SVG: it can carry scripts
GONE = "This content is no longer available."


class Cdn:
    def __init__(self, world: World, payloads: Payloads) -> None:
        self.world = world
        self.payloads = payloads

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{CDN}/attachments/{{channel}}/{{attachment}}/{{name}}", self.attachment),
            web.get(f"{CDN}/avatars/{{owner}}/{{name}}", self.avatar),
            web.get(f"{CDN}/guilds/{{guild}}/users/{{owner}}/avatars/{{name}}", self.avatar),
            web.get(f"{CDN}/app-icons/{{owner}}/{{name}}", self.avatar),
            web.get(f"{CDN}/embed/avatars/{{index}}.png", self.default),
        ]

    async def attachment(self, request: web.Request) -> web.Response:
        parts = request.match_info
        key = f"attachments/{parts['channel']}/{parts['attachment']}/{parts['name']}"
        stored = self.world.files.get(key)
        if stored is None or not self._is_sealed(key, request):
            return web.Response(status=404, text=GONE)
        return self._serve(stored)

    def _is_sealed(self, key: str, request: web.Request) -> bool:
        ends, issued, seal = (request.query.get(name, "") for name in ("ex", "is", "hm"))
        genuine = hmac.compare_digest(self.payloads.seal(key, ends, issued).encode(), seal.encode())
        return genuine and int(ends, 16) > time.time()

    async def avatar(self, request: web.Request) -> web.Response:
        digest = request.match_info["name"].partition(".")[0]
        stored = self.world.files.get(f"avatars/{request.match_info['owner']}/{digest}")
        if stored is None:
            return web.Response(status=404, text=GONE)
        return self._serve(stored)

    async def default(self, request: web.Request) -> web.Response:
        index = request.match_info["index"]
        if not index.isdigit() or int(index) >= DEFAULTS:
            return web.Response(status=404, text=GONE)
        return self._serve(StoredFile("", "image/png", default_avatar(int(index))))

    @staticmethod
    def _serve(stored: StoredFile) -> web.Response:
        inline = stored.content_type in SHOWN_INLINE
        headers = {
            "Cache-Control": "private, max-age=86400",
            "Content-Disposition": "inline" if inline else "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        content_type = stored.content_type if inline else "application/octet-stream"
        return web.Response(body=stored.data, content_type=content_type, headers=headers)
