"""`mien run` without a token: playground and bot in one process, as `make run` starts it."""

from pathlib import Path

from tests.e2e.member import Member
from tests.e2e.processes import process, until_said


async def test_without_a_token_the_playground_opens_and_the_character_answers_there(
    tmp_path: Path, model_cache: Path
) -> None:
    state, log = tmp_path / "state", tmp_path / "run.log"
    state.mkdir()
    (state / "cache").symlink_to(model_cache)
    environ = {"DISCORD_TOKEN": "", "MIEN_BOT__STATE": str(state), "MIEN_FACE__PREWARM": "false"}
    async with process("-m", "bot.cli", "run", "--port", "0", log=log, environ=environ) as running:
        address = (await until_said(log, r"playground is at (\S+)", running))[1]
        await until_said(log, r"connected as", running)
        async with Member.of(address, "Robin") as robin:
            await robin.say("general", "Hello! Is anybody here?")
            answer = await robin.sees("MESSAGE_CREATE", lambda m: "webhook_id" in m)
            assert answer["author"]["username"] == "Marigold" and answer["content"].strip()
        running.terminate()
        assert await running.wait() == 0, log.read_text()
    assert "Traceback" not in log.read_text()
