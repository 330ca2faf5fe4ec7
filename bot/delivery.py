"""Replies come into channels: typing, the growing answer, a face that came late; and after a crash exactly one answer.

How one reply grows is in `bot/reply.py`, through what it is posted in `bot/voices.py`. Which words, and which face, is
decided in `bot/conversation.py`.
"""

import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, suppress

import discord

from bot.conversation import Directed, Event, Portrait, Spoken
from bot.faces import ASK_AGAIN_SECONDS, Faces
from bot.history import History
from bot.member_faces import MemberFaces
from bot.owed import OpenTurn
from bot.pages import pages
from bot.reply import Pace, Reply
from bot.voices import EmbedVoice, Look, MemberVoice, Room, Voice, WebhookVoice, take_back
from bot.webhooks import TOO_MANY_WEBHOOKS, Place, Webhooks
from persona.turn import Role, Turn

log = logging.getLogger(__name__)


class Delivery:
    """Brings replies into channels.

    Args:
        mode: "webhook" shows the persona as the author where that is possible; "embed" never tries.
        members: the bot's own faces: with them, and without webhooks, it speaks as itself where it is called like
            the persona.
    """

    def __init__(
        self,
        history: History,
        webhooks: Webhooks,
        faces: Faces,
        *,
        pace: Pace | None = None,
        mode: str = "webhook",
        members: MemberFaces | None = None,
    ) -> None:
        self._members = members
        self._history, self._webhooks, self._faces = history, webhooks, faces
        self._pace, self._mode = pace or Pace(), mode
        self._refused: dict[int, float] = {}  # channel -> when it refused a webhook, monotonic seconds

    async def deliver(self, turn: OpenTurn, room: Room, name: str, events: AsyncGenerator[Event]) -> Reply:
        """Show a turn's events until the reply is spoken and stands in the channel; `events` stays open after that.

        Raises:
            TakenAway: the reply was deleted meanwhile. `events` is closed then, as after any error.
        """
        reply = self._reply(turn, room, name)
        try:
            async with AsyncExitStack() as typing:
                with suppress(discord.HTTPException, OSError):  # a webhook may speak where the bot may not
                    await typing.enter_async_context(room.typing())
                async for event in events:
                    await reply.take(event)
                    if reply.posts:
                        await typing.aclose()
                    if isinstance(event, Spoken):
                        break
        except BaseException:
            await events.aclose()
            raise
        return reply

    async def say(
        self, turn: OpenTurn, room: Room, name: str, directed: Directed, text: str, heard_by: Sequence[str] = ()
    ) -> int:
        """Post words that are there already, such as a greeting, and remember them as the answer to `turn`.

        `heard_by`: the other personas who are there. Returns the number of the remembered turn.
        """
        reply = self._reply(turn, room, name)
        for event in (directed, Spoken(text, 0, {})):
            await reply.take(event)
        said = Turn(Role.CHARACTER, name, text, time.time(), feeling=directed.expression)
        return await self._history.remember(
            turn.channel, turn.persona, said, answers=turn.message, step=turn.step, heard_by=heard_by
        )

    async def see_through(self, reply: Reply, room: Room, events: AsyncGenerator[Event]) -> None:
        """What follows the words: a face that was painted meanwhile is put on."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Portrait):
                    await reply.repaint(event.face, newest=_is_newest(room, reply))

    async def recover(self, turn: OpenTurn, room: Room, name: str) -> bool:
        """After a crash: True if the whole answer stands in the channel; else whatever there is of it is taken back."""
        orphans = await self._orphans(turn, room, name)
        spoken = await self._history.reply_to(turn.message, turn.step)
        if spoken and not orphans and await _stands(room, turn.posts, pages(spoken.text)):
            return True
        await self._history.forget_reply(turn.message, turn.step)
        for post in (*turn.posts, *orphans):
            await self._history.unposted(post)
            await take_back(self._webhooks, room, post)
        return False

    def _reply(self, turn: OpenTurn, room: Room, name: str) -> Reply:
        return Reply(self._history, turn, name, lambda look: self._voice(room, look), self._pace)

    async def _voice(self, room: Room, look: Look) -> Voice:
        if isinstance(room, Place) and self._mode == "webhook" and await self._gives_webhook(room):
            return WebhookVoice(self._webhooks, self._faces, room, look)
        if isinstance(room, Place) and self._members is not None:
            self._members.wear(room.guild, look.name, look.face)
            if self._members.is_called(room.guild, look.name):
                return MemberVoice(self._members, room, look)
        return EmbedVoice(room, look)

    async def _gives_webhook(self, room: Place) -> bool:
        """Refusals are remembered for a while: Discord bans bots that keep asking for what they may not have."""
        if time.monotonic() - self._refused.get(room.id, float("-inf")) < ASK_AGAIN_SECONDS:
            return False
        try:
            await self._webhooks.of(room)
        except discord.HTTPException as error:
            if not isinstance(error, discord.Forbidden) and error.code != TOO_MANY_WEBHOOKS:
                raise
            log.warning("channel %s gives no webhook (%s): the face is shown in an embed", room.id, error)
            self._refused[room.id] = time.monotonic()
            return False
        return True

    async def _orphans(self, turn: OpenTurn, room: Room, name: str) -> list[int]:
        """Messages of the persona that nobody wrote down: the process died right after sending them."""
        found = []
        with suppress(discord.Forbidden):
            if isinstance(room, Place) and self._mode == "webhook":
                await self._webhooks.of(room)
            async for message in room.history(after=discord.Object(turn.message), limit=50):
                if self._is_persona(message, name) and await self._history.persona_of_post(message.id) is None:
                    found.append(message.id)
        return found

    def _is_persona(self, message: discord.Message, name: str) -> bool:
        if message.webhook_id:
            return self._webhooks.is_ours(message.webhook_id)
        ours = message.author.id == self._webhooks.me and message.interaction_metadata is None
        if ours and self._members is not None and message.reference is None and not message.embeds:
            return True
        return ours and bool(message.embeds) and message.embeds[0].author.name == name


async def _stands(room: Room, posts: Sequence[int], texts: Sequence[str]) -> bool:
    """Do these messages hold exactly these pages?"""
    if len(posts) != len(texts):
        return False
    for post, text in zip(posts, texts, strict=True):
        try:
            message = await room.fetch_message(post)
        except discord.NotFound:
            return False
        shown = message.embeds[0].description if message.embeds and not message.content else message.content
        if (shown or "").strip() != text.strip():
            return False
    return True


def _is_newest(room: Room, reply: Reply) -> bool:
    """Is the reply still the last thing in the room? Then posting it again moves nothing."""
    last = None if isinstance(room, discord.DMChannel | discord.PartialMessageable) else room.last_message_id
    return bool(reply.posts) and (last is None or last <= reply.posts[-1].message)
