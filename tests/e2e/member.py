"""A member of the playground that shares no code with the bot or discord.py: raw REST and a raw gateway connection.

`async with Member.of(address) as member:` logs in as the page does, with the token that stands in the page. Every event
is kept in `member.events`, and `await member.sees(...)` waits for one, past or future.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

Event = dict[str, Any]
HELLO, IDENTIFY, HEARTBEAT, DISPATCH = 10, 2, 1, 0
SECONDS = 90.0  # the longest wait for anything; a turn on two busy cores is well below it


@dataclass
class Member:
    """One person, logged in."""

    address: str
    http: aiohttp.ClientSession
    socket: aiohttp.ClientWebSocketResponse
    session_id: str = ""
    guild: str = ""
    channels: dict[str, str] = field(default_factory=dict)  # name -> id
    events: list[Event] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    @asynccontextmanager
    async def of(cls, address: str, name: str = "You") -> AsyncIterator["Member"]:
        async with aiohttp.ClientSession() as http:
            async with http.get(address) as page:
                found = re.search(r'id="session">(.*?)</script>', await page.text(), re.S)
            assert found, "the page carries no session"
            people = json.loads(found[1])["people"]
            token = next(person["token"] for person in people if person["name"] == name)
            http.headers["Authorization"] = token
            async with http.ws_connect(address.replace("http", "ws") + "gateway?v=10&encoding=json") as socket:
                member = cls(address, http, socket)
                listening = asyncio.create_task(member._listen(token))
                try:
                    await member.sees("GUILD_CREATE")
                    yield member
                finally:
                    listening.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await listening

    async def _listen(self, token: str) -> None:
        hello = await self.socket.receive_json()
        assert hello["op"] == HELLO
        properties = {"os": "linux", "browser": "test", "device": "test"}
        await self.socket.send_json({"op": IDENTIFY, "d": {"token": token, "intents": 0, "properties": properties}})
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat(hello["d"]["heartbeat_interval"] / 1000))
            async for frame in self.socket:
                await self._take(json.loads(frame.data))

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)  # the protocol's own clock
            await self.socket.send_json({"op": HEARTBEAT, "d": None})

    async def _take(self, frame: Event) -> None:
        if frame["op"] != DISPATCH:
            return
        if frame["t"] == "READY":
            self.session_id = frame["d"]["session_id"]
        if frame["t"] == "GUILD_CREATE":
            self.guild = frame["d"]["id"]
            self.channels = {channel["name"]: channel["id"] for channel in frame["d"]["channels"]}
        async with self.arrived:
            self.events.append(frame)
            self.arrived.notify_all()

    async def sees(
        self, kind: str, fits: Callable[[Event], bool] = lambda _: True, *, since: int = 0, seconds: float = SECONDS
    ) -> Event:
        """The data of the first event of this kind, from number `since` on, that fits."""

        def found() -> Event | None:
            fitting = (e["d"] for e in self.events[since:] if e["t"] == kind and fits(e["d"]))
            return next(fitting, None)

        try:
            async with asyncio.timeout(seconds), self.arrived:
                while (event := found()) is None:
                    await self.arrived.wait()
                return event
        except TimeoutError:
            raise AssertionError(f"no {kind} in {seconds:g} s; seen: {[e['t'] for e in self.events[since:]]}") from None

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One REST request; the decoded answer, or None where there is none."""
        async with self.http.request(method, f"{self.address}api/v10{path}", json=body) as response:
            assert response.ok, f"{method} {path}: {response.status} {await response.text()}"
            return await response.json() if response.content_length else None

    async def say(self, channel: str, text: str) -> Event:
        return await self.call("POST", f"/channels/{self.channels[channel]}/messages", {"content": text})

    async def messages(self, channel: str) -> list[Event]:
        """The newest fifty, newest first."""
        return await self.call("GET", f"/channels/{self.channels[channel]}/messages?limit=50")

    async def command(self, channel: str, name: str, options: list[Event] | None = None, kind: int = 2) -> None:
        """Use a slash command; `kind` 4 asks for its autocompletion instead."""
        index = await self.call("GET", f"/guilds/{self.guild}/application-command-index")
        command = next(c for c in index["application_commands"] if c["name"] == name)
        data = {"id": command["id"], "name": name, "type": 1, "options": options or []}
        body = {
            "type": kind,
            "application_id": command["application_id"],
            "guild_id": self.guild,
            "channel_id": self.channels[channel],
            "session_id": self.session_id,
            "nonce": f"{len(self.events)}",
            "data": data,
        }
        await self.call("POST", "/interactions", body)

    async def download(self, url: str) -> bytes:
        async with self.http.get(url) as response:
            assert response.ok, f"{url}: {response.status}"
            return await response.read()
