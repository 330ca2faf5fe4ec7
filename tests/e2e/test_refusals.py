"""What stops the bot from starting: one sentence, exit status 2, no traceback."""

import asyncio
import socket
from pathlib import Path

import pytest

from tests.e2e.processes import bot, playground, process


async def ended(running: asyncio.subprocess.Process, log: Path) -> str:
    """The only sentence of a process that refused to start."""
    async with asyncio.timeout(90):
        assert await running.wait() == 2, log.read_text()
    said = [line for line in log.read_text().splitlines() if line.startswith("mien: ")]
    assert len(said) == 1 and "Traceback" not in log.read_text()
    return said[0]


async def test_a_wrong_token_is_refused_in_one_sentence(tmp_path: Path, model_cache: Path) -> None:
    async with playground(tmp_path) as world:
        with pytest.raises(AssertionError, match="it ended early"):
            async with bot(world, tmp_path, model_cache, DISCORD_TOKEN="not.the.token"):
                pass
        log = (tmp_path / "bot.log").read_text()
        assert "mien: Discord refuses the token" in log and "Traceback" not in log
        assert "not.the.token" not in log


async def test_a_taken_port_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port, log = holder.getsockname()[1], tmp_path / "run.log"
        environ = {"DISCORD_TOKEN": "", "MIEN_BOT__STATE": str(tmp_path / "state")}
        async with process("-m", "bot.cli", "run", "--port", str(port), log=log, environ=environ) as running:
            assert str(port) in await ended(running, log)
