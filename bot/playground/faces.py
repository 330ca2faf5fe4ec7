"""The `avatar_url` of a webhook message: fetched when the message is made and re-hosted under its hash.

As on Discord a face that cannot be had is no error: the message appears with the webhook's default face.
"""

import logging
from urllib.parse import unquote, urlsplit

import aiohttp

from bot.playground.composer import picture_size
from bot.playground.world import World

MAX_FACE_BYTES = 1_000_000  # larger ones were refused by report (discord-api-docs #853)
FETCH_SECONDS = 5.0
log = logging.getLogger(__name__)


class Faces:
    def __init__(self, world: World, cdn_base: str = "") -> None:
        self.world = world
        self.cdn_base = cdn_base  # known once the server listens

    async def fetch(self, url: str, webhook_id: int) -> str | None:
        """The hash under which the picture now lies, or None for the default face."""
        data = self._own_file(url)
        if data is None and urlsplit(url).scheme in ("http", "https"):
            data = await self._download(url)
        if data is None or len(data) > MAX_FACE_BYTES or picture_size(data) is None:
            log.info("an avatar_url could not be used, the default face is shown instead")
            return None
        return self.world.keep_avatar(webhook_id, "image/png", data)

    def _own_file(self, url: str) -> bytes | None:
        """Own attachments need no signature here: Discord renders `avatar_url`s given without parameters."""
        if not url.startswith(self.cdn_base + "/"):
            return None
        key = unquote(urlsplit(url[len(self.cdn_base) + 1 :]).path)
        stored = self.world.files.get(key) or self.world.files.get(key.rpartition(".")[0])
        return stored.data if stored else None

    async def _download(self, url: str) -> bytes | None:
        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
                if response.status != 200:
                    return None
                return await response.content.read(MAX_FACE_BYTES + 1)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None
