"""The playground as unmodified discord.py and a chat client see it, held against Discord's own description."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
import pytest_asyncio
import yarl

from bot.playground import Playground
from tests.bot.playground.description import Recorder, find_description
from tests.bot.playground.people import FAST, Person

Connect = Callable[..., AbstractAsyncContextManager[discord.Client]]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    if description := find_description():
        assert recorder.complaints(description) == []


@pytest_asyncio.fixture
async def playground() -> AsyncGenerator[Playground]:
    async with Playground(rules=FAST) as playground:
        yield playground


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Connect:
    """`async with connect(playground) as client`: discord.py as it is, only its three addresses are changed."""

    @asynccontextmanager
    async def connected(playground: Playground, kind: type[discord.Client] = discord.Client, **more: Any) -> Any:
        monkeypatch.setattr(discord.http.Route, "BASE", playground.api_base)
        monkeypatch.setattr(discord.Asset, "BASE", playground.cdn_base)
        gateway = yarl.URL(playground.gateway_url)
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)
        options: dict[str, Any] = {
            "intents": discord.Intents.all(),
            "guild_ready_timeout": 0.05,
            "http_trace": recorder.trace(),
        }
        token = more.pop("token", playground.bot_token)
        async with kind(**(options | more)) as client:
            connection = asyncio.create_task(client.start(token))
            await client.wait_until_ready()
            yield client
        await connection

    return connected


@pytest_asyncio.fixture
async def client(playground: Playground, connect: Connect) -> AsyncGenerator[discord.Client]:
    async with connect(playground) as client:
        yield client


@pytest.fixture
def general(client: discord.Client) -> discord.TextChannel:
    channel = discord.utils.get(client.guilds[0].text_channels, name="general")
    assert channel
    return channel


@pytest_asyncio.fixture
async def you(playground: Playground, recorder: Recorder) -> AsyncGenerator[Person]:
    """The owner of the server, through a chat client's own HTTP and websocket."""
    async with aiohttp.ClientSession(trace_configs=[recorder.trace()]) as session:
        person = Person(playground, session, "You")
        async with person.listening():
            yield person
