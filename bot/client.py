"""The connection to Discord: events come in, become turns, and are answered.

    on_message ─ listen ─ history.open_turn ─ lanes (one turn at a time per channel) ─ story ─ delivery ─ close_turn

A turn is written down before it is begun and closed when its reply stands in the channel: what a killed process owes is
answered at the next start, once. In a scene several personas answer one message, one after another in its lane; each
reply is a turn that is opened as the one before it is closed. Everything Mien knows is handed in as `Rooms`.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from avatar.shelf import Face, avatar_bytes
from bot.delivery import Delivery
from bot.errors import MienError, for_member
from bot.faces import UNREADABLE, Faces
from bot.herald import Herald
from bot.lanes import Lanes
from bot.listen import Ears, Manners, incoming, words
from bot.member_faces import MemberFaces
from bot.owed import OpenTurn
from bot.reply import Pace, TakenAway
from bot.voices import NOBODY, Room
from bot.webhooks import Webhooks
from inference.job import Stopped
from persona.card import Persona, PersonaError
from persona.tomlfile import TomlError

if TYPE_CHECKING:
    from bot.compose import Rooms
    from bot.settings import Discord

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3  # how often a turn is begun: one that kills the process each time must not do so for ever
READ_BACK_MESSAGES = 50  # per channel, after a time away
READ_BACK_AGE = timedelta(hours=6)  # nobody waits longer for an answer

Tree = Callable[["MienClient"], "app_commands.CommandTree[MienClient]"]


class MienClient(discord.Client):
    """`async with MienClient(rooms, Commands) as client: await client.start(token)`.

    `commands` makes the tree of slash commands; `options` are discord.Client's.
    """

    def __init__(self, rooms: "Rooms", commands: Tree, **options: Any) -> None:
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # Mien has no voice to miss
        super().__init__(intents=_intents(), allowed_mentions=NOBODY, **options)
        self.rooms, self.history = rooms, rooms.history
        settings = rooms.settings
        always = frozenset(settings.replies.always)
        manners = Manners(always="*" in always, channels=always)
        self.ears = Ears(
            *(rooms.cast, rooms.history),
            default=settings.bot.persona,
            manners=manners,
            replies=settings.scene.replies,
        )
        self.lanes: Lanes[OpenTurn] = Lanes(self._answer)
        self.tree = commands(self)
        self._in_work: set[int] = set()
        self._behind: dict[int, int] = {}  # channel -> newest message seen before the connection was lost

    async def __aenter__(self) -> Self:
        point_to(self.rooms.settings.discord)
        await super().__aenter__()
        await self.lanes.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.lanes.__aexit__(*error)
        await self.close()

    @property
    def me(self) -> discord.ClientUser:
        assert self.user, "known after the login"
        return self.user

    async def setup_hook(self) -> None:
        """After the login, before the gateway: what needs the bot's own user is made, commands are registered."""
        settings = self.rooms.settings
        self.webhooks = Webhooks(self.me.id, await self._own_face())
        self.faces = Faces(self.history, settings.face.shelf_channel)
        self.delivery = Delivery(
            *(self.history, self.webhooks, self.faces),
            pace=Pace(edit_seconds=settings.replies.edit_seconds),
            mode=settings.face.mode,
            members=MemberFaces(self.history, self.lanes.aside) if settings.face.mode == "member" else None,
        )
        await self.tree.sync()
        self.lanes.aside(self._watch(Herald(self, settings.bot.admin_channel, self.rooms.cast.troubles)))

    async def _watch(self, herald: Herald) -> None:
        await self.wait_until_ready()
        await herald.watch()

    async def _own_face(self) -> bytes | None:
        """What webhooks wear when a face cannot be shown: the bot's avatar, else the default persona's picture."""
        if self.me.avatar:
            with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
                return await self.me.avatar.with_size(256).with_format("png").read()
        with suppress(PersonaError, TomlError, *UNREADABLE):
            base = self.rooms.cast.get(self.rooms.settings.bot.persona).base
            return await asyncio.to_thread(avatar_bytes, Face(base, "", "", painted=False))
        return None

    # --- what Discord tells ----------------------------------------------------------------------------------------

    async def on_connect(self) -> None:
        # Looked up before the first new message moves it on; `on_ready` comes seconds later.
        self._behind = await self.history.last_seen() | self._behind

    async def on_ready(self) -> None:
        log.info("connected as %s; servers: %d", self.me, len(self.guilds))
        self.lanes.aside(self._catch_up())
        if self.rooms.settings.face.mode == "webhook":
            self.lanes.aside(self._look_over())

    async def on_message(self, message: discord.Message) -> None:
        await self.history.saw(message.channel.id, message.id)
        await self._hear(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        message = payload.message
        if message.author.bot or message.webhook_id or "content" not in payload.data:
            return
        persona = await self.ears.persona_of(message.channel.id)
        if text := words(message, self.me, persona.card.name):
            await self.history.edit(message.id, text)
            await self._feel_again()

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._forget(payload.message_id)
        await self._feel_again()

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        for message in payload.message_ids:
            await self._forget(message)
        await self._feel_again()

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self.history.drop_shelf(channel.id)

    async def on_error(self, event: str, /, *_: object, **__: object) -> None:
        log.exception("%s failed", event)

    async def _look_over(self) -> None:
        for guild in list(self.guilds):
            await self.faces.look_over(guild)

    async def _forget(self, message: int) -> None:
        await self.history.delete(message)
        await self.history.drop_face(message)

    async def _feel_again(self) -> None:
        """What was said is not what it was: the moods since then are found again."""
        await self.rooms.story.feeling.settle((one.slug, one.card) for one in self.rooms.cast.all())

    # --- turns -----------------------------------------------------------------------------------------------------

    async def _hear(self, message: discord.Message) -> None:
        try:
            turn = await self.ears.hear(message, self.me)
        except (PersonaError, TomlError) as error:
            log.error("nobody can answer in channel %s: %s", message.channel.id, error)
            return
        if turn and await self.history.open_turn(turn):
            await self._queue(turn)

    async def _queue(self, turn: OpenTurn) -> None:
        self._in_work.add(turn.message)
        if not self.lanes.put(turn.channel, turn):
            await self._give_up(turn, MienError("So much is waiting here already; please ask again in a moment."))

    async def _answer(self, turn: OpenTurn) -> None:
        """Answer a message: in a scene with several replies, one after another.

        A turn that is interrupted by the end of the process stays open, and the next start answers it.
        """
        following: OpenTurn | None = turn
        while following:
            following = await self._answer_once(following)
        self._in_work.discard(turn.message)

    async def _answer_once(self, turn: OpenTurn) -> OpenTurn | None:
        """Answer one turn, whatever happens: with the reply, or with a sentence that says why there is none.

        Returns the turn that follows in a scene.
        """
        current = await self.history.open_turn_of(turn.message, turn.step)
        if current is None:  # deleted while it waited
            return None
        try:
            return await self._speak(current)
        except (TakenAway, discord.NotFound) as error:
            log.info("the reply to %s has no place any more: %s", turn.message, error)
            await self._close(turn)
        except Stopped:
            log.info("%s stays unanswered until the next start", turn.message)
        except Exception as error:
            await self._give_up(turn, error)
        return None

    async def _speak(self, turn: OpenTurn) -> OpenTurn | None:
        room, persona = await self._room(turn.channel), self.rooms.cast.get(turn.persona)
        name, patience = persona.card.name, self.rooms.settings.replies.timeout_seconds
        await self.history.take_up(turn.message, turn.step)
        if turn.attempts and await self.delivery.recover(turn, room, name):
            return await self._go_on(turn)
        there = await self.ears.scene_of(turn.channel)
        events = self.rooms.story.take_turn(incoming(turn), persona, beside(persona, there))
        try:
            async with asyncio.timeout(patience):
                reply = await self.delivery.deliver(turn, room, name, events)
        except TimeoutError as error:
            raise MienError(f"{name} needed longer than {patience:g} seconds for an answer; try again.") from error
        self.lanes.aside(self.delivery.see_through(reply, room, events))
        return await self._go_on(turn)

    async def _go_on(self, turn: OpenTurn) -> OpenTurn | None:
        """The reply stands in the channel: who speaks after it is owed to the message from now on."""
        following = await self.ears.following(turn)
        open_ = await self.history.close_turn(turn.message, turn.step, following=following)
        return following if open_ else None

    async def _close(self, turn: OpenTurn) -> None:
        await self.history.close_turn(turn.message, turn.step)
        self._in_work.discard(turn.message)

    async def _give_up(self, turn: OpenTurn, error: Exception) -> None:
        """No reply, but a sentence under the question."""
        said = for_member(error)
        await self._close(turn)
        with suppress(discord.HTTPException):
            question = discord.MessageReference(
                message_id=turn.message, channel_id=turn.channel, fail_if_not_exists=False
            )
            await (await self._room(turn.channel)).send(said, reference=question, mention_author=False)

    async def _room(self, channel: int) -> Room:
        room = self.get_channel(channel) or await self.fetch_channel(channel)
        if not isinstance(room, Room):
            raise MienError("Mien cannot speak in this kind of channel.")
        return room

    # --- after a time away -----------------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Answer what was left open, then what was said meanwhile."""
        behind, self._behind = self._behind, {}
        for turn in await self.history.unanswered():
            if turn.message not in self._in_work:
                await self._take_up(turn)
        for channel, last_seen in behind.items():
            try:
                await self._read_back(channel, last_seen)
            except (discord.NotFound, discord.Forbidden, MienError):
                await self.history.lose_sight(channel)
            except discord.HTTPException as error:
                log.warning("channel %s cannot be read back: %s", channel, error)

    async def _take_up(self, turn: OpenTurn) -> None:
        log.info("%s was left unanswered, after %d attempts", turn.message, turn.attempts)
        if turn.attempts >= MOST_ATTEMPTS:
            await self._give_up(turn, MienError("This could not be answered, several times over; say it another way."))
        else:
            await self._queue(turn)

    async def _read_back(self, channel: int, last_seen: int) -> None:
        room = await self._room(channel)
        newest = getattr(room, "last_message_id", None)
        if newest is not None and newest <= last_seen:
            return
        oldest = discord.utils.time_snowflake(datetime.now(UTC) - READ_BACK_AGE)
        after = discord.Object(max(last_seen, oldest))
        # Discord gives the messages right after a point first: with a limit, the newest would be the ones left out.
        missed = [message async for message in room.history(after=after, limit=READ_BACK_MESSAGES, oldest_first=False)]
        for message in reversed(missed):
            await self.on_message(message)


def beside(persona: Persona, there: Sequence[Persona]) -> list[Persona]:
    """The others of a scene; nobody for a persona that is not in it."""
    others = [one for one in there if one.slug != persona.slug]
    return others if len(others) < len(there) else []


def point_to(server: "Discord") -> None:
    """Let discord.py speak to a Discord-compatible server; an empty address is Discord's own.

    discord.py keeps its addresses on classes, so they hold for the whole process.
    """
    Route.BASE = server.api_base.rstrip("/") or "https://discord.com/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url or "wss://gateway.discord.gg/")
    discord.Asset.BASE = server.cdn_base.rstrip("/") or "https://cdn.discordapp.com"


def _intents() -> discord.Intents:
    return discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=True)
