"""The gateway: sessions that survive a lost connection, intents, several clients at once."""

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import discord
import pytest

from bot.playground import Playground
from tests.bot.playground.conftest import Connect
from tests.bot.playground.people import FAST, Person


def soon(client: discord.Client, event: str, fits: Callable[..., bool] | None = None) -> "asyncio.Future[Any]":
    """The event, from now on."""
    return asyncio.ensure_future(client.wait_for(event, check=fits, timeout=10))


@pytest.mark.parametrize("lose", ["drop", "ask_to_reconnect"])
async def test_a_lost_connection_is_resumed_and_nothing_is_missed(
    playground: Playground, client: discord.Client, general: discord.TextChannel, you: Person, lose: str
) -> None:
    resumed, heard = soon(client, "resumed"), soon(client, "message", lambda message: message.content == "meanwhile")
    await asyncio.wait_for(asyncio.sleep(0), 1)
    getattr(playground.gateway, lose)()
    await you.ask("POST", f"/channels/{general.id}/messages", {"content": "meanwhile"})
    await resumed
    assert (await heard).content == "meanwhile"


async def test_a_forgotten_session_starts_anew(playground: Playground, client: discord.Client) -> None:
    ready = soon(client, "ready")
    await asyncio.wait_for(asyncio.sleep(0), 1)
    playground.gateway.forget_sessions()
    playground.gateway.drop()
    await ready
    assert client.guilds


async def test_a_wrong_token_is_told_so(playground: Playground, connect: Connect) -> None:
    async with connect(playground), aiohttp.ClientSession() as session:
        client = discord.Client(intents=discord.Intents.none())
        async with client:
            with pytest.raises(discord.LoginFailure):
                await client.start("wrong")
        async with session.ws_connect(playground.gateway_url) as socket:
            await socket.send_json({"op": 2, "d": {"token": "wrong"}})
            frames = [frame.type async for frame in socket]
            assert frames == [aiohttp.WSMsgType.TEXT]  # HELLO alone
            assert socket.close_code == 4004


async def test_without_the_intent_words_are_hidden_unless_they_are_for_the_bot(
    playground: Playground, connect: Connect, you: Person
) -> None:
    intents = discord.Intents(guilds=True, guild_messages=True)
    async with connect(playground, intents=intents) as client:
        channel = client.guilds[0].text_channels[0]
        path = f"/channels/{channel.id}/messages"
        assert client.user
        for content, seen in (("secret", ""), (f"<@{client.user.id}> hello", f"<@{client.user.id}> hello")):
            heard = soon(client, "message")
            await asyncio.wait_for(asyncio.sleep(0), 1)
            await you.ask("POST", path, {"content": content})
            assert (await heard).content == seen


async def test_two_bots_and_two_people_share_a_world(playground: Playground, connect: Connect, you: Person) -> None:
    _, token = playground.add_bot("Other")
    async with connect(playground) as mien, connect(playground, token=token) as other:
        assert {member.name for member in mien.guilds[0].members} >= {"Mien", "you"}
        heard = soon(other, "message")
        await asyncio.wait_for(asyncio.sleep(0), 1)
        await mien.guilds[0].text_channels[0].send("hello, other")
        assert (await heard).author.name == "Mien"
        await you.hears("PRESENCE_UPDATE", lambda data: data["status"] == "online")


async def test_a_sharded_bot_finds_its_guild(playground: Playground, connect: Connect) -> None:
    async with connect(playground, discord.AutoShardedClient, shard_count=1) as client:
        assert isinstance(client, discord.AutoShardedClient)
        assert client.guilds[0].shard_id == 0


async def test_members_are_asked_for_over_the_gateway(client: discord.Client) -> None:
    [robin] = await client.guilds[0].query_members("rob")
    assert robin.display_name == "Robin"


async def test_one_deflate_stream_carries_every_payload(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        url = playground.gateway_url + "?v=10&encoding=json&compress=zlib-stream"
        async with session.ws_connect(url) as socket:
            inflate = zlib.decompressobj()
            first = await socket.receive_bytes()
            assert first.endswith(b"\x00\x00\xff\xff")
            assert b'"op": 10' in inflate.decompress(first)
            await socket.send_json({"op": 1, "d": None})
            assert b'"op": 11' in inflate.decompress(await socket.receive_bytes())


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", 4002),
        ("5", 4002),
        ('{"op": 2, "d": {"token": "BOT", "shard": "x"}}', 4002),
        ('{"op": 99}', 4001),
        ('{"op": 8, "d": {}}', 4003),
    ],
)
async def test_nonsense_closes_the_connection_with_its_code(playground: Playground, sent: str, code: int) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(playground.gateway_url) as socket:
        await socket.receive_json()
        await socket.send_str(sent.replace("BOT", playground.bot_token))
        await socket.receive()
        assert socket.close_code == code


async def test_a_heartbeat_is_not_taken_for_one_of_long_ago(connect: Connect) -> None:
    """discord.py notes when it sent a heartbeat only after it did: what comes sooner counts from the one before."""
    latencies: asyncio.Queue[float] = asyncio.Queue()

    class Listening(discord.Client):
        async def on_socket_raw_receive(self, message: str) -> None:
            if '"op": 11' in message:
                await latencies.put(self.latency)

    async with (
        Playground(rules=FAST, heartbeat_seconds=0.5) as playground,
        connect(playground, Listening, enable_debug_events=True),
    ):
        assert max([await latencies.get() for _ in range(6)]) < 0.4
