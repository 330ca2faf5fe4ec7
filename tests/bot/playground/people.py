"""A person at a chat client: plain HTTP and a websocket, with nothing of discord.py in it."""

import asyncio
import io
import itertools
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from PIL import Image

from bot.playground import Playground, Rule, Rules

FAST = Rules(Rule("webhook", 1000, 1.0), Rule("send", 1000, 1.0), Rule("edit", 1000, 1.0), Rule("other", 1000, 1.0))
NONCES = itertools.count(1)


def picture(colour: str = "orange", side: int = 32) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()


@dataclass
class Person:
    playground: Playground
    session: aiohttp.ClientSession
    name: str
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def token(self) -> str:
        return self.playground.user_token(self.name)

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and parsed answer of one request."""
        headers = {"Authorization": self.token}
        url = self.playground.api_base + path
        async with self.session.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def interact(self, kind: int, channel: int, data: dict[str, Any], **more: object) -> str:
        """POST /interactions as the chat page does; returns the nonce."""
        [bot] = [user for user in self.playground.world.users.values() if user.bot]
        nonce = str(next(NONCES))
        guild = next(iter(self.playground.world.guilds))
        body = {"type": kind, "application_id": str(bot.id), "guild_id": str(guild), "channel_id": str(channel)}
        status, answer = await self.ask("POST", "/interactions", {**body, "data": data, "nonce": nonce, **more})
        assert status == 204, answer
        return nonce

    # ── the gateway ──

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        async with self.session.ws_connect(self.playground.gateway_url + "?v=10&encoding=json") as socket:
            reader = asyncio.create_task(self._read(socket))
            await socket.send_json({"op": 2, "d": {"token": self.token, "properties": {}}})
            await self.hears("GUILD_CREATE")
            yield
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            message = json.loads(frame.data)
            if message["op"] == 0:
                async with self.heard:
                    self.events.append((message["t"], message["d"]))
                    self.heard.notify_all()

    async def hears(self, name: str, fits: Callable[[dict[str, Any]], bool] = lambda data: True) -> dict[str, Any]:
        """Waits for an event that has come or will come."""

        def found() -> dict[str, Any] | None:
            return next((data for event, data in self.events if event == name and fits(data)), None)

        async with asyncio.timeout(10), self.heard:
            await self.heard.wait_for(lambda: found() is not None)
        data = found()
        assert data is not None
        return data
