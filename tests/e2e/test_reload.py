"""Saving a persona's file while the bot runs: the next message sees it; a broken save is told and changes nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

from bot.webhooks import SUFFIX
from tests.e2e.member import Event, Member
from tests.e2e.processes import ROOT, process, until_said


def save(file: Path, text: str) -> None:
    aside = file.with_name(".persona.toml")
    aside.write_text(text)
    aside.replace(file)


async def test_a_save_counts_at_the_next_message_and_a_broken_one_is_told_in_the_admin_channel(
    tmp_path: Path, model_cache: Path
) -> None:
    state, log, card = tmp_path / "state", tmp_path / "run.log", tmp_path / "personas" / "marigold" / "persona.toml"
    state.mkdir()
    (state / "cache").symlink_to(model_cache)
    shutil.copytree(ROOT / "personas" / "marigold", card.parent)
    good = card.read_text().replace("max_tokens = 45", "max_tokens = 8")
    save(card, good)
    environ = {
        "DISCORD_TOKEN": "",
        "MIEN_BOT__STATE": str(state),
        "MIEN_BOT__PERSONAS": str(card.parent.parent),
        "MIEN_BOT__ADMIN_CHANNEL": "tavern",
        "MIEN_FACE__PREWARM": "false",
        "MIEN_FACE__PATIENCE": "0",
        "MIEN_DRAFTS__COUNT": "1",
    }
    async with process("-m", "bot.cli", "run", "--port", "0", log=log, environ=environ) as running:
        address = (await until_said(log, r"playground is at (\S+)", running))[1]
        await until_said(log, r"connected as", running)
        async with Member.of(address, "Robin") as robin:
            admins = robin.channels["tavern"]

            def told(what: str) -> Callable[[Event], bool]:
                return lambda event: event["channel_id"] == admins and what in event["content"]

            save(card, good.replace('name = "Marigold"', "name = Marigold"))
            said = await robin.sees("MESSAGE_CREATE", told("⚠️ **marigold**"))
            assert "persona.toml, line 2, column 8: not valid TOML" in said["content"].replace("\\", "")
            assert await speaker(robin) == "Marigold"
            save(card, good.replace('name = "Marigold"', 'name = "Rosemary"'))
            assert await speaker(robin) == "Rosemary"
            await robin.sees("MESSAGE_CREATE", told("✅ **marigold** is in order again"))
        running.terminate()
        assert await running.wait() == 0, log.read_text()
    assert log.read_text().count("not valid TOML") == 1 and "Traceback" not in log.read_text()


async def speaker(robin: Member) -> str:
    """Who answers a message in general."""
    before = len(robin.events)
    await robin.say("general", "Good morning!")
    answer = await robin.sees("MESSAGE_CREATE", lambda m: "webhook_id" in m, since=before)
    return str(answer["author"]["username"]).rstrip(SUFFIX)
