"""The bot's own name and face in a server, for `[face] mode = "member"`: changed as seldom as Discord allows.

A member's avatar may change about twice in ten minutes. Whoever wants a face says so and goes on: of all faces wanted
while the budget is spent, the last one is put on when there is budget again. What Discord refuses is not worn, the old
face stays, and the log says so once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import aiohttp
import discord

from avatar.shelf import Face, avatar_bytes
from bot.faces import UNREADABLE
from bot.history import History

log = logging.getLogger(__name__)

LONGEST_NICK = 32
REQUEST_SECONDS = 20.0  # discord.py waits out a 429 inside a request, for minutes if it is told to


@dataclass(frozen=True, slots=True)
class Budget:
    """Changes in so many seconds, by report (discord.py #1330, discord-api-docs #8560): Discord publishes nothing."""

    changes: int = 2
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    name: str
    face: Face


class MemberFaces:
    """What the bot wears in each server.

    Args:
        aside: runs a coroutine beside everything else, and cancels it at the end.
    """

    def __init__(
        self, history: History, aside: Callable[[Coroutine[None, None, None]], None], budget: Budget | None = None
    ) -> None:
        self._history, self._aside, self._budget = history, aside, budget or Budget()
        self._wanted: dict[int, Wanted] = {}
        self._at_work: set[int] = set()
        self._called: dict[int, str] = {}
        self._held: dict[int, float] = {}  # server -> until when nothing is asked of it, monotonic seconds
        self._refusals: dict[int, str] = {}  # server -> what was told about its face since it last changed
        self._nameless: set[tuple[int, str]] = set()  # (server, name) that was refused

    def is_called(self, guild: discord.Guild, name: str) -> bool:
        """Does the bot carry this name there by now?"""
        return self._called.get(guild.id, guild.me.display_name) == fit_nick(name)

    def wear(self, guild: discord.Guild, name: str, face: Face) -> None:
        """Wear a name and a face as soon as that may be; returns at once."""
        self._wanted[guild.id] = Wanted(name, face)
        if guild.id not in self._at_work:
            self._at_work.add(guild.id)
            self._aside(self._work(guild))

    async def _work(self, guild: discord.Guild) -> None:
        """Until what is wanted is worn, or cannot be."""
        try:
            while wanted := self._wanted.get(guild.id):
                await self._call_itself(guild, wanted.name)
                if wait := await self._wait(guild, wanted):
                    await asyncio.sleep(wait)
                elif await self._settle(guild, wanted) and self._wanted.get(guild.id) is wanted:
                    del self._wanted[guild.id]
        finally:
            self._at_work.discard(guild.id)

    async def _wait(self, guild: discord.Guild, wanted: Wanted) -> float:
        """Seconds until this face may be put on; 0 for now, or if it is worn already."""
        changes = await self._history.member_changes(guild.id, self._budget.changes)
        if changes and changes[0].sha256 == wanted.face.sha256:
            return 0.0
        spent = len(changes) == self._budget.changes
        free = changes[-1].at + self._budget.seconds - time.time() if spent else 0.0
        return max(0.0, min(free, self._budget.seconds), self._held.get(guild.id, 0.0) - time.monotonic())

    async def _settle(self, guild: discord.Guild, wanted: Wanted) -> bool:
        """Put the face on; False if it should be tried again later."""
        changes = await self._history.member_changes(guild.id, 1)
        if changes and changes[0].sha256 == wanted.face.sha256:
            return True
        try:
            png = await asyncio.to_thread(avatar_bytes, wanted.face)
            async with asyncio.timeout(REQUEST_SECONDS):
                await guild.me.edit(avatar=png, reason="Mien's persona changes its expression")
        except (discord.HTTPException, aiohttp.ClientError, *UNREADABLE) as error:
            return self._refused(guild, error)
        await self._history.member_changed(guild.id, wanted.face.sha256)
        self._refusals.pop(guild.id, None)
        return True

    def _refused(self, guild: discord.Guild, error: Exception) -> bool:
        """The old face stays. True: this face is given up; False: there were too many changes."""
        often = is_too_often(error)
        self._held[guild.id] = time.monotonic() + self._budget.seconds
        why = "changes are too many" if often else str(error)
        if self._refusals.get(guild.id) != why:
            self._refusals[guild.id] = why
            log.warning("server %s keeps the face it has: %s", guild.id, why)
        return not often

    async def _call_itself(self, guild: discord.Guild, name: str) -> None:
        """Carry the persona's name. Where that is refused, replies come in embeds with the name in them."""
        if self.is_called(guild, name) or (guild.id, name) in self._nameless:
            return
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await guild.me.edit(nick=fit_nick(name))
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            self._nameless.add((guild.id, name))
            log.warning("server %s lets Mien not be called %s (%s): it speaks in embeds there", guild.id, name, error)
            return
        self._called[guild.id] = fit_nick(name)


def fit_nick(name: str) -> str:
    """A persona's name as a member may carry it."""
    return " ".join(name.split())[:LONGEST_NICK].rstrip()


def is_too_often(error: Exception) -> bool:
    """Does Discord say that the avatar changes too often? As a 429, as 400 in older form, or by not answering."""
    if isinstance(error, discord.HTTPException):
        return error.status == 429 or "too fast" in error.text.lower()
    return isinstance(error, TimeoutError)
