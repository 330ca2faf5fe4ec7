"""What `mien run` does beside serving."""

import logging
import shutil
from pathlib import Path

import pytest

from bot.compose import compose
from bot.run import prewarm
from bot.settings import Bot, Settings

ROOT = Path(__file__).parents[2]


async def test_a_persona_that_cannot_be_painted_does_not_keep_the_others_from_being_painted_ahead(
    tmp_path: Path, model_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(ROOT / "personas" / "bram", tmp_path / "personas" / "a-broken-one")
    (tmp_path / "personas" / "a-broken-one" / "base.png").write_text("no picture")
    shutil.copytree(ROOT / "personas" / "juno", tmp_path / "personas" / "juno")
    (tmp_path / "cache").symlink_to(model_cache)
    settings = Settings(bot=Bot(state=tmp_path, personas=[tmp_path / "personas"]))
    async with compose(settings) as rooms:
        with caplog.at_level(logging.WARNING, logger="bot.run"):
            await prewarm(rooms)
        assert ["Bram" in record.message and "base.png" in record.message for record in caplog.records] == [True]
        juno = rooms.cast.get("juno")
        assert await rooms.painter.prewarm(juno) == 0, "every face of Juno's is on the shelf, or was refused"
