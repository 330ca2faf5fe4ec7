"""One reply while it grows: which text stands in which Discord message.

The first message is sent when there is a sentence, then edits follow, no oftener than Discord likes; the last one
always lands. What was sent is written down at once, so that a half answer can be taken back after a crash.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp
import discord

from avatar.shelf import Face
from bot.conversation import Directed, Event, Piece, Spoken
from bot.history import History, Worn
from bot.owed import OpenTurn
from bot.pages import growing, pages
from bot.voices import Look, Lost, Voice

log = logging.getLogger(__name__)

UNKNOWN_MESSAGE = 10008
_SENTENCE = re.compile(r"[.!?…。！？][\"'”’*_)]*\s")
_WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds between attempts at the last edit


class TakenAway(Exception):
    """Somebody deleted the reply while it was being written: say no more."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a reply grows: its first message after a sentence or so many characters, then edits this far apart."""

    first_chars: int = 80
    edit_seconds: float = 1.2


@dataclass(slots=True)
class Post:
    """A Discord message of the reply and the page that stands in it."""

    message: int
    page: str


class Reply:
    """The answer to one message.

    Args:
        find_voice: how to speak with a certain look; asked once per look, when the first words are there.
    """

    def __init__(
        self, history: History, turn: OpenTurn, name: str, find_voice: Callable[[Look], Awaitable[Voice]], pace: Pace
    ) -> None:
        self.turn, self.posts = turn, list[Post]()
        self._history, self._name, self._find_voice, self._pace = history, name, find_voice, pace
        self._text = ""
        self._directed: Directed | None = None
        self._voice: Voice | None = None
        self._face_shown = ""  # its SHA-256
        self._shown_at = 0.0

    async def take(self, event: Event) -> None:
        """One event of the turn. Raises TakenAway when the reply was deleted meanwhile."""
        match event:
            case Directed():
                self._directed = event
            case Piece(text):
                self._text += text
                if self._due():
                    await self._show_some()
            case Spoken(text):
                self._text = text
                await self._show_all()

    async def repaint(self, face: Face, *, newest: bool) -> None:
        """The face came after the words. A webhook message cannot change it: a short, newest one is posted again."""
        if not self._voice or not self.posts or face.sha256 == self._face_shown:
            return
        first = self.posts[0]
        if first.message not in await self._history.posts(self.turn.message, self.turn.step):
            return  # somebody deleted it
        if await self._voice.wear(face, first.message, first.page):
            await self._put_on(face)
        elif newest and len(self.posts) == 1:
            await self._voice_with(face)
            self.posts = []
            await self._add(first.page)
            await self._take_back(first)

    def _due(self) -> bool:
        if not self.posts:
            return len(self._text) >= self._pace.first_chars or bool(_SENTENCE.search(self._text))
        return time.monotonic() - self._shown_at >= self._pace.edit_seconds

    async def _show_some(self) -> None:
        """Show what there is; a hiccup of the network is made up for by the next edit."""
        try:
            await self._show(growing(self._text))
        except Exception as error:
            if not passing(error):
                raise
            log.info("an edit was skipped: %s", error)

    async def _show_all(self) -> None:
        """Show the whole text, trying again while Discord is out of reach."""
        for wait in _WAITS:
            try:
                return await self._show(pages(self._text))
            except Exception as error:
                if not passing(error):
                    raise
                log.warning("the end of a reply is sent again in %g s: %s", wait, error)
            await asyncio.sleep(wait)
        return await self._show(pages(self._text))

    async def _show(self, texts: Sequence[str]) -> None:
        """Make the messages in the channel equal to `texts`."""
        for index, page in enumerate(texts):
            if index >= len(self.posts):
                await self._add(page)
            elif self.posts[index].page != page:
                await self._change(index, page)
        while len(self.posts) > len(texts):
            await self._take_back(self.posts.pop())
        self._shown_at = time.monotonic()

    async def _add(self, page: str) -> None:
        voice = self._voice or await self._voice_with(None)
        post = Post(await voice.send(page), page)
        self.posts.append(post)
        await self._history.posted(self.turn, post.message)

    async def _change(self, index: int, page: str) -> None:
        assert self._voice, "what is changed was sent"
        post = self.posts[index]
        try:
            await self._voice.edit(post.message, page)
            post.page = page
        except Lost:
            # This message and what follows can no longer be edited: the new webhook posts them again, in order.
            lost, self.posts = self.posts[index:], self.posts[:index]
            await self._add(page)
            for stale in lost:
                await self._take_back(stale)
        except discord.NotFound as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            raise TakenAway from error

    async def _take_back(self, post: Post) -> None:
        # Forgotten first: else the news of its deletion would look as if somebody wanted the answer forgotten.
        await self._history.unposted(post.message)
        if self._voice:
            await self._voice.delete(post.message)

    async def _voice_with(self, face: Face | None) -> Voice:
        """Begin to speak with a face (None: the directed one)."""
        assert self._directed, "Directed comes before the words"
        face = face or self._directed.face
        suffixed = await self._put_on(face)
        self._voice = await self._find_voice(Look(self._name, face, suffixed))
        return self._voice

    async def _put_on(self, face: Face) -> bool:
        """Remember the face as worn; returns whether the name carries the suffix, which toggles with every new face."""
        assert self._directed
        channel, persona = self.turn.channel, self.turn.persona
        before, self._face_shown = await self._history.worn(channel, persona), face.sha256
        suffixed = before is not None and before.suffixed != (before.face != face.sha256)
        await self._history.set_worn(channel, persona, Worn(self._directed.expression, suffixed, face.sha256))
        return suffixed


def passing(error: Exception) -> bool:
    """Is this a hiccup that may be over at the next attempt?"""
    if isinstance(error, discord.HTTPException):
        return error.status == 429 or error.status >= 500
    return isinstance(error, aiohttp.ClientError | OSError | TimeoutError)
