"""The playground and the bot as real processes."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class World:
    """A playground that listens."""

    address: str
    token: str


@asynccontextmanager
async def process(*arguments: str, log: Path, environ: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process in the repository, its output in `log`; told to stop at the end, and killed if it does not."""
    with log.open("ab") as output:
        running = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=ROOT, env=os.environ | dict(environ), stdout=output, stderr=output
        )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
        try:
            await asyncio.wait_for(running.wait(), 20)
        except TimeoutError:
            running.kill()
            await running.wait()
            raise AssertionError(f"{arguments} did not end when told to; see {log}") from None


@asynccontextmanager
async def playground(folder: Path) -> AsyncIterator[World]:
    """The playground alone, on a free port."""
    log = folder / "playground.log"
    arguments = ("-m", "bot.playground", "--port", "0", "--state", str(folder / "playground.sqlite"))
    async with process(*arguments, log=log, environ={}) as running:
        said = await until_said(log, r"bot token +(\S+)", running)
        address = re.search(r"chat page +(\S+)", log.read_text())
        assert address
        yield World(address[1], said[1])


@asynccontextmanager
async def bot(world: World, folder: Path, cache: Path, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The bot, connected and listening; models come from the shared `cache`, everything else from `folder`."""
    state = folder / "state"
    state.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (state / "cache").symlink_to(cache)
    base = world.address.rstrip("/")
    environ = {
        "DISCORD_TOKEN": world.token,
        "MIEN_DISCORD__API_BASE": f"{base}/api/v10",
        "MIEN_DISCORD__GATEWAY_URL": f"{base.replace('http', 'ws')}/gateway",
        "MIEN_DISCORD__CDN_BASE": f"{base}/cdn",
        "MIEN_BOT__STATE": str(state),
        "MIEN_REPLIES__ALWAYS": "*",
        "MIEN_FACE__PREWARM": "false",
    } | settings
    log = folder / "bot.log"
    log.write_bytes(b"")
    async with process("-m", "bot.cli", "run", log=log, environ=environ) as running:
        await until_said(log, r"connected as", running)
        yield running


async def until_said(log: Path, pattern: str, running: asyncio.subprocess.Process) -> re.Match[str]:
    """Wait until a process has written something that matches."""
    async with asyncio.timeout(90):
        while not (found := re.search(pattern, log.read_text())):
            assert running.returncode is None, f"it ended early:\n{log.read_text()}"
            await asyncio.sleep(0.05)  # a file has no event to wait for; the deadline is above
    return found


async def kill(running: asyncio.subprocess.Process) -> None:
    """`kill -9`: no goodbye, nothing flushed."""
    running.send_signal(signal.SIGKILL)
    await running.wait()
