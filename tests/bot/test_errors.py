"""Every failure we foresee is one sentence; nothing leaks into the channel from the others."""

import errno
import importlib
import logging
import re
import sqlite3
from pathlib import Path

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.errors import TELLING, UNKNOWN, MienError, for_member, sentence
from bot.history import History
from bot.migrations import HistoryError
from bot.playground import Playground
from persona.card import PersonaError, load_persona

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("room", "name"), [(room, name) for room, names in TELLING.items() for name in names])
def test_every_error_of_the_rooms_exists_and_tells_itself(room: str, name: str) -> None:
    [file] = [file for file in (ROOT / room).rglob("*.py") if re.search(rf"^class {name}\(", file.read_text(), re.M)]
    module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    kind = getattr(module, name)
    error = kind.__new__(kind)
    Exception.__init__(error, "say this.")
    if kind.__str__ is Exception.__str__:
        assert sentence(error) == "say this."
    assert sentence(error) is not None


def test_an_unknown_persona_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(PersonaError) as caught:
        load_persona("nobody", [tmp_path])
    assert sentence(caught.value) == str(caught.value)


async def test_a_broken_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mien.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(HistoryError) as caught:
        async with History(tmp_path / "mien.sqlite"):
            pass
    assert "is not a usable database" in (sentence(caught.value) or "")


async def test_a_wrong_token_is_a_sentence(client: discord.Client) -> None:
    stranger = discord.Client(intents=discord.Intents.none())
    async with stranger:
        with pytest.raises(discord.LoginFailure) as caught:
            await stranger.login("wrong")
    assert "DISCORD_TOKEN" in (sentence(caught.value) or "")


async def test_a_taken_port_is_a_sentence(playground: Playground) -> None:
    with pytest.raises(Exception) as caught:
        async with Playground(port=playground.port):
            pass
    assert str(playground.port) in (sentence(caught.value) or "")


async def test_an_unreachable_server_is_named(playground: Playground) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get("http://127.0.0.1:1/")
    assert (sentence(caught.value) or "").startswith("127.0.0.1:1 cannot be reached")


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (discord.PrivilegedIntentsRequired(None), "Message Content Intent"),
        (OSError(errno.EADDRINUSE, "Address already in use"), "--port"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/etc/x"), "/etc/x: Permission denied."),
        (sqlite3.OperationalError("database is locked"), "another process"),
        (sqlite3.DatabaseError("malformed"), "malformed"),
        (TimeoutError(), "TimeoutError"),
        (ExceptionGroup("one of many", [MienError("only this.")]), "only this."),
        (app_commands.CheckFailure("not yours"), "not yours."),
    ],
)
def test_foreign_errors_are_translated(error: Exception, part: str) -> None:
    said = sentence(error)
    assert said is not None
    assert part in said
    assert said.endswith(".") and "\n" not in said


async def test_what_discord_refuses_is_told(client: discord.Client) -> None:
    with pytest.raises(discord.NotFound) as caught:
        await client.fetch_channel(1)
    assert "10003" in (sentence(caught.value) or "")


def test_an_unforeseen_error_is_logged_and_members_see_a_friendly_sentence(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ZeroDivisionError("secret details")
    except ZeroDivisionError as error:
        assert sentence(error) is None
        assert for_member(error) == UNKNOWN
    [record] = caplog.records
    assert record.levelno == logging.ERROR and record.exc_info
    assert "secret details" in caplog.text
