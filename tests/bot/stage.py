"""The whole bot for tests: real rooms, the starter language model with short replies, a tiny untrained painter."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from bot.client import MienClient
from bot.commands import Commands
from bot.compose import Rooms, speaker_of, surroundings_of
from bot.history import History
from bot.playground import Playground
from bot.settings import Bot, Drafts, Face, GpuTable, Model, Replies, Settings
from tests.bot.members import FAST, Member, Page, server_of

ROOT = Path(__file__).resolve().parents[2]


def settings_in(state: Path, painter: Path) -> Settings:
    return Settings(
        bot=Bot(state=state, personas=[ROOT / "personas"]),
        face=Face(model=str(painter), patience=0.0, prewarm=False),
        gpu=GpuTable(device="cpu", threads=1),
        drafts=Drafts(count=1),  # these tests look at replies while they grow
    )


@dataclass
class Stage:
    """A playground, somebody in it with a page, and a database; bots come and go."""

    rooms: Rooms
    database: Path
    playground: Playground
    member: Member
    page: Page
    channel: int

    @asynccontextmanager
    async def bot(self, *, max_tokens: int = 12, timeout_seconds: float = 60.0) -> AsyncGenerator[MienClient]:
        """A bot on the stage. Leaving early is what a stop in the middle of a reply is to it."""
        settings = self.rooms.settings.model_copy(
            update={
                "discord": server_of(self.playground),
                "model": Model(max_tokens=max_tokens),
                "replies": Replies(timeout_seconds=timeout_seconds),
            }
        )
        async with History(self.database) as history:
            speaker = speaker_of(settings, self.rooms.engine, self.rooms.story.feeling.classifier)
            feeling = replace(self.rooms.story.feeling, history=history)
            around = surroundings_of(settings, self.rooms.engine, history)
            story = replace(self.rooms.story, history=history, speaker=speaker, feeling=feeling, surroundings=around)
            rooms = replace(self.rooms, settings=settings, history=history, story=story, surroundings=around)
            async with MienClient(rooms, Commands, guild_ready_timeout=0.05) as client:
                connection = asyncio.create_task(client.start(self.playground.bot_token))
                ready = asyncio.create_task(client.wait_until_ready())
                await asyncio.wait({connection, ready}, return_when=asyncio.FIRST_COMPLETED)
                yield client
            await connection

    def is_open(self, message: int) -> bool:
        """Is there a turn for this message that is not closed?"""
        return bool(self._look("SELECT 1 FROM open_turns WHERE message = ? AND closed_at IS NULL", message))

    async def say(self, text: str) -> int:
        return await self.member.say(self.channel, text)

    async def heard(self, message: int) -> None:
        """Wait until a message was written down as a turn."""
        await self._until("SELECT 1 FROM open_turns WHERE message = ?", message)

    async def answers(self, message: int) -> list[str]:
        """What was posted in answer to a message, once its turn is closed."""
        await self._until("SELECT 1 FROM open_turns WHERE message = ? AND closed_at IS NOT NULL", message)
        posts = {row[0] for row in self._look("SELECT message FROM posts WHERE answers = ?", message)}
        return [post["content"] for post in await self.member.read(self.channel) if int(post["id"]) in posts]

    async def _until(self, sql: str, *values: int) -> None:
        async with asyncio.timeout(60):
            while not self._look(sql, *values):  # noqa: ASYNC110 (a database can only be asked)
                await asyncio.sleep(0.02)

    def _look(self, sql: str, *values: int) -> list[tuple[int, ...]]:
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(sql, values).fetchall()


@asynccontextmanager
async def stage(rooms: Rooms, database: Path) -> AsyncGenerator[Stage]:
    async with Playground(rules=FAST) as playground, aiohttp.ClientSession() as session:
        member = Member(playground, session)
        channel = next(one.id for one in playground.world.channels.values() if one.name == "general")
        async with Page.open(member) as page:
            yield Stage(rooms, database, playground, member, page, channel)
