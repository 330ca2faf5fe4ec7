"""A real server to talk to: the playground, unmodified discord.py connected to it, and a member with plain HTTP."""

import hashlib
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import aiohttp
import discord
import pytest
import pytest_asyncio
from PIL import Image

from avatar.shelf import Face
from bot.client import point_to
from bot.compose import Rooms, compose
from bot.history import History
from bot.playground import Playground
from bot.settings import Discord
from tests.bot.members import FAST, Member, connected
from tests.bot.stage import ROOT, Stage, settings_in, stage
from tests.tiny_painter import write_painter


@pytest_asyncio.fixture
async def playground() -> AsyncGenerator[Playground]:
    async with Playground(rules=FAST) as playground:
        yield playground
    point_to(Discord())


@pytest_asyncio.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def own_marigold(tmp_path: Path) -> None:
    """A copy of Marigold that a test may change, for bots whose personas lie there."""
    shutil.copytree(ROOT / "personas" / "marigold", tmp_path / "personas" / "marigold")


@pytest_asyncio.fixture
async def member(playground: Playground) -> AsyncGenerator[Member]:
    async with aiohttp.ClientSession() as session:
        yield Member(playground, session)


@pytest_asyncio.fixture
async def client(playground: Playground) -> AsyncGenerator[discord.Client]:
    async with connected(playground) as client:
        yield client


@pytest.fixture
def general(client: discord.Client) -> discord.TextChannel:
    channel = discord.utils.get(client.guilds[0].text_channels, name="general")
    assert channel
    return channel


@pytest_asyncio.fixture
async def history(tmp_path: Path) -> AsyncGenerator[History]:
    async with History(tmp_path / "mien.sqlite") as history:
        yield history


@pytest.fixture
def paint(tmp_path: Path) -> Callable[[str, str], Face]:
    """Makes a face: one colour, 64 by 64."""

    def make(expression: str, colour: str) -> Face:
        path = tmp_path / f"{expression}-{colour}.png"
        Image.new("RGB", (64, 64), colour).save(path)
        return Face(path, hashlib.sha256(path.read_bytes()).hexdigest(), expression, painted=True)

    return make


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rooms(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> AsyncGenerator[Rooms]:
    """The whole bot, less Discord, once per file: its tests share an event loop."""
    state = tmp_path_factory.mktemp("state")
    (state / "cache").symlink_to(model_cache)
    async with compose(settings_in(state, write_painter(state / "painter"))) as rooms:
        yield rooms
    point_to(Discord())


@pytest_asyncio.fixture(loop_scope="module")
async def scene(rooms: Rooms, tmp_path: Path) -> AsyncGenerator[Stage]:
    async with stage(rooms, tmp_path / "mien.sqlite") as scene:
        yield scene
