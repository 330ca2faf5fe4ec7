"""Routes of the mask page: only the playground's owner may use them, and only where there is a workshop.

Not Discord's: they lie under /mien, and speak PNG where Discord would speak JSON.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from bot.errors import sentence
from bot.playground.access import API, Resource, answer
from bot.playground.errors import ApiError, missing_permissions
from bot.playground.payloads import Payloads
from bot.playground.workshop import Workshop
from bot.playground.world import World

MIEN = f"{API}/mien/personas"
NO_WORKSHOP = "There are no personas here: start the playground with `mien run`."


class MaskRoutes(Resource):
    def __init__(self, world: World, payloads: Payloads, workshop: Workshop | None) -> None:
        super().__init__(world, payloads)
        self._workshop = workshop

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(MIEN, self.list_),
            web.get(f"{MIEN}/{{persona}}/portrait", self.portrait),
            web.get(f"{MIEN}/{{persona}}/mask", self.mask),
            web.get(f"{MIEN}/{{persona}}/proposal", self.proposal),
            web.put(f"{MIEN}/{{persona}}/mask", self.save),
            web.post(f"{MIEN}/{{persona}}/sample", self.sample),
        ]

    async def list_(self, request: web.Request) -> web.Response:
        workshop = self._open(request)
        return answer(await asyncio.to_thread(workshop.personas))

    async def portrait(self, request: web.Request) -> web.Response:
        return await self._png(request, "portrait")

    async def mask(self, request: web.Request) -> web.Response:
        return await self._png(request, "mask")

    async def proposal(self, request: web.Request) -> web.Response:
        return await self._png(request, "proposal")

    async def _png(self, request: web.Request, what: str) -> web.Response:
        shown = {"portrait": Workshop.portrait, "mask": Workshop.mask, "proposal": Workshop.proposal}[what]
        workshop = self._open(request)
        with told():
            return _picture(await shown(workshop, request.match_info["persona"]))

    async def save(self, request: web.Request) -> web.Response:
        workshop, png = self._open(request), await request.read()
        with told():
            path = await asyncio.to_thread(workshop.save, request.match_info["persona"], png)
        return answer({"saved": str(path)})

    async def sample(self, request: web.Request) -> web.Response:
        workshop, png = self._open(request), await request.read()
        expression = request.query.get("expression", "")
        with told():
            return _picture(await workshop.sample(request.match_info["persona"], expression, png))

    def _open(self, request: web.Request) -> Workshop:
        """The workshop, for its owner alone."""
        user = self.caller(request)
        if user.bot or user.id not in {guild.owner_id for guild in self.world.guilds.values()}:
            raise missing_permissions()
        if self._workshop is None:
            raise ApiError(404, 0, NO_WORKSHOP)
        return self._workshop


@contextmanager
def told() -> Iterator[None]:
    """Errors that can be said in one sentence are said on the page."""
    try:
        yield
    except Exception as error:
        if (said := sentence(error)) is None:
            raise
        raise ApiError(400, 0, said) from error


def _picture(png: bytes) -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=png, content_type="image/png", headers=headers)
