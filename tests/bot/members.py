"""People and programs that talk to the playground in the tests: a member with plain HTTP, discord.py as it is."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord

from bot.client import point_to
from bot.owed import OpenTurn
from bot.playground import Playground, Rule, Rules
from bot.playground.permissions import Permission
from bot.settings import Discord

FAST = Rules(
    webhook=Rule("webhook", 1000, 1.0),
    send=Rule("send", 1000, 1.0),
    edit=Rule("edit", 1000, 1.0),
    other=Rule("other", 1000, 1.0),
)


@dataclass
class Member:
    """One of the people of the playground, with an HTTP client of their own."""

    playground: Playground
    session: aiohttp.ClientSession
    name: str = "You"

    async def call(self, method: str, path: str, **body: Any) -> Any:
        """One request to the REST API; the parsed answer, None for an empty one."""
        headers = {"Authorization": self.playground.user_token(self.name)}
        url = f"{self.playground.api_base}{path}"
        async with self.session.request(method, url, json=body or None, headers=headers) as answer:
            assert answer.status < 300, (method, path, await answer.text())
            return await answer.json() if answer.status != 204 else None

    async def say(self, channel: int, text: str, **more: Any) -> int:
        return int((await self.call("POST", f"/channels/{channel}/messages", content=text, **more))["id"])

    async def read(self, channel: int) -> list[dict[str, Any]]:
        """The messages of a channel, oldest first."""
        return list(reversed(await self.call("GET", f"/channels/{channel}/messages")))

    async def picture(self, url: str) -> bytes:
        async with self.session.get(url) as answer:
            assert answer.status == 200, url
            return await answer.read()


class Page:
    """The gateway as a chat page uses it: every event for one person, each to be taken once."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._events = socket, list[tuple[str, dict[str, Any]]]()

    @staticmethod
    @asynccontextmanager
    async def open(member: Member) -> AsyncGenerator["Page"]:
        token = member.playground.user_token(member.name)
        async with member.session.ws_connect(member.playground.gateway_url) as socket:
            await socket.send_json({"op": 2, "d": {"token": token, "properties": {}}})
            page = Page(socket)
            await page.until("READY")
            yield page

    async def until(self, name: str, fits: Callable[[dict[str, Any]], Any] = lambda event: True) -> dict[str, Any]:
        """The first event of that name that fits and was not taken yet."""
        while True:
            for index, (kind, event) in enumerate(self._events):
                if kind == name and fits(event):
                    del self._events[index]
                    return event
            message = await self._socket.receive_json(timeout=60)
            if message["op"] == 0:
                self._events.append((message["t"], message["d"]))


@asynccontextmanager
async def connected(playground: Playground, *, message_content: bool = True) -> AsyncGenerator[discord.Client]:
    """discord.py as it is, logged in and ready."""
    point_to(server_of(playground))
    intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=message_content)
    client = discord.Client(intents=intents, guild_ready_timeout=0.05)
    async with client:
        connection = asyncio.create_task(client.start(playground.bot_token))
        await client.wait_until_ready()
        yield client
    await connection


def server_of(playground: Playground) -> Discord:
    return Discord(api_base=playground.api_base, gateway_url=playground.gateway_url, cdn_base=playground.cdn_base)


def forbid(playground: Playground, *permissions: Permission) -> None:
    """The server's owner takes permissions from the bot's role."""
    [guild] = playground.world.guilds.values()
    for role in guild.roles:
        for permission in permissions:
            role.permissions &= ~permission


def question(channel: discord.abc.GuildChannel | discord.DMChannel, message: int, **changes: Any) -> OpenTurn:
    """A turn somebody asked for in a channel."""
    guild = None if isinstance(channel, discord.DMChannel) else channel.guild.id
    values = {"guild": guild, "channel": channel.id, "message": message, "user": 5, "name": "You", "text": "Hello!"}
    return OpenTurn(**(values | {"at": 1.0, "persona": "marigold"} | changes))
