"""Administrators are told what is wrong with a persona's file: a real cast, a real server."""

import asyncio
from pathlib import Path

import discord
import pytest

from bot import herald
from bot.herald import Herald, Tidings
from persona.cast import Cast

GOOD = 'name = "Pip"\ndescription = "x"\n[expressions.neutral]\nemotions = ["neutral"]\nprompt = "calm"\n'


def save(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "base.png").write_bytes(b"picture")
    aside = folder / ".persona.toml"  # as a careful editor does; another inode is another stamp
    aside.write_text(text)
    aside.replace(folder / "persona.toml")


def test_a_broken_save_is_told_once_when_it_has_stayed_and_once_when_it_is_well(tmp_path: Path) -> None:
    here, tidings = tmp_path / "sly_pip", Tidings()
    cast = Cast([tmp_path])
    save(here, GOOD)
    assert tidings.of(cast.troubles()) == []
    save(here, GOOD.replace('"x"', "x"))
    looks = [tidings.of(cast.troubles()) for _ in range(4)]
    assert looks[0] == looks[2] == looks[3] == []
    [line] = looks[1]
    assert line.startswith(r"⚠️ **sly\_pip**") and "line 2, column 15" in line and "the last good version stays" in line
    save(here, GOOD.replace('"calm"', "3"))
    assert [len(tidings.of(cast.troubles())) for _ in range(3)] == [0, 1, 0]
    save(here, GOOD)
    assert [tidings.of(cast.troubles()) for _ in range(2)] == [[r"✅ **sly\_pip** is in order again."], []]


def test_what_an_editor_leaves_broken_for_a_moment_is_not_told(tmp_path: Path) -> None:
    tidings, cast = Tidings(), Cast([tmp_path])
    for text in (GOOD, "", GOOD):
        save(tmp_path / "pip", text)
        assert tidings.of(cast.troubles()) == []


async def test_the_channel_hears_of_it_by_name_or_id(
    client: discord.Client, general: discord.TextChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(herald, "EVERY", 0.01)
    cast = Cast([tmp_path])
    save(tmp_path / "pip", "name = Pip")
    for name in (str(general.id), "#general"):
        watching = asyncio.create_task(Herald(client, name, cast.troubles).watch())
        told = await client.wait_for("message", timeout=20)
        watching.cancel()
        assert told.channel == general and "line 1, column 8: not valid TOML" in told.content


async def test_many_broken_ones_are_one_message(client: discord.Client, general: discord.TextChannel) -> None:
    troubles = {Path(f"/nowhere/{number}"): "x" * 90 for number in range(300)}
    watching = asyncio.create_task(Herald(client, str(general.id), lambda: troubles).watch())
    told = await client.wait_for("message", timeout=20)
    watching.cancel()
    assert len(told.content) <= 2000 and told.content.endswith("more; the log has them.")


async def test_a_channel_that_is_not_there_is_said_in_the_log(
    client: discord.Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(herald, "EVERY", 0.01)
    for name in ("nowhere", "123456"):
        watching = asyncio.create_task(Herald(client, name, lambda: {Path("/nowhere"): "x"}).watch())
        async with asyncio.timeout(20):
            while name not in caplog.text:  # noqa: ASYNC110 (a log has no event to wait for)
                await asyncio.sleep(0.01)
        assert not watching.done()
        watching.cancel()
