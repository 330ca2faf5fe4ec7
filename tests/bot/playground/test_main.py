"""`python -m bot.playground`: the playground in a process of its own."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import aiohttp

from bot.playground import Playground

ROOT = Path(__file__).resolve().parents[3]


async def start(*arguments: str) -> Process:
    environment = os.environ | {"MIEN_PLAYGROUND_TOKEN": "a-token-for-this-test"}
    command = (sys.executable, "-m", "bot.playground", *arguments)
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE)


async def test_it_says_where_everything_is_and_serves() -> None:
    process = await start("--port", "0")
    assert process.stdout
    lines = [(await process.stdout.readline()).decode() for _ in range(5)]
    told = dict(re.split(r"\s{2,}", line.strip()) for line in lines)
    assert told["bot token"] == "a-token-for-this-test"
    headers = {"Authorization": f"Bot {told['bot token']}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(told["api_base"] + "/users/@me", headers=headers) as answer,
    ):
        assert (await answer.json())["username"] == "Mien"
    process.terminate()
    await process.communicate()


async def test_a_taken_port_ends_it_with_one_sentence(playground: Playground) -> None:
    process = await start("--port", str(playground.port))
    out, complaint = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert complaint.decode().startswith(f"Port {playground.port} of 127.0.0.1 cannot be used")
    assert complaint.count(b"\n") == 1
