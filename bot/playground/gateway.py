"""The websocket gateway (API docs, topics/gateway): HELLO, IDENTIFY, READY, events, heartbeats, RESUME.

A session outlives its connection: what happens meanwhile waits in its replay buffer until the client resumes.
"""

import asyncio
import json
import secrets
from collections.abc import Callable

import aiohttp
from aiohttp import web

from bot.playground.errors import ApiError
from bot.playground.events import EVERY_INTENT, GUILD_PRESENCES, GUILDS, Events, shard_of_guild
from bot.playground.forms import Body
from bot.playground.payloads import Payloads
from bot.playground.records import Change, ChannelType, Guild, Payload, User
from bot.playground.sessions import Close, Closing, Connection, Op, Session
from bot.playground.streams import encoder_for
from bot.playground.world import World

MAX_SESSIONS = 100
MAX_PAYLOAD_BYTES = 4096
# discord.py's heartbeat thread notes the time only when it wakes after sending; an answer that is there before counts
# from the heartbeat before, as 41 seconds late. Discord itself is never so near.
ACK_SECONDS = 0.05
ENDS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


class Gateway:
    def __init__(self, world: World, payloads: Payloads, heartbeat_seconds: float = 41.25) -> None:
        self.world = world
        self.payloads = payloads
        self.events = Events(world, payloads)
        self.heartbeat_seconds = heartbeat_seconds
        self.url = ""  # known once the server listens
        self._sessions: dict[str, Session] = {}
        self._connections: set[Connection] = set()
        self._handlers: dict[int, Callable[[Connection, Body], None]] = {
            Op.HEARTBEAT: self._acknowledge,
            Op.IDENTIFY: self._identify,
            Op.RESUME: self._resume,
            Op.MEMBERS: self._members,
            Op.PRESENCE: lambda connection, _: None,
        }
        world.listeners.append(self.hear)

    # ── what the world tells ──

    def hear(self, change: Change) -> None:
        if not change.name:
            return
        for session in self._sessions.values():
            if self.events.shard_of(change, session.shard[1]) == session.shard[0]:
                told = self.events.told(change, session.user, session.intents)
                if told is not None:
                    session.dispatch(change.name, told)

    def tell(self, user_id: int, name: str, data: Payload, guild_id: int | None = None) -> bool:
        """An event for one user alone; false when nobody is there to hear it."""
        heard = False
        for session in self._sessions.values():
            if session.user.id == user_id and shard_of_guild(guild_id, session.shard[1]) == session.shard[0]:
                session.dispatch(name, data)
                heard = True
        return heard

    def is_online(self, user: User) -> bool:
        """People sit at this very machine; a bot is online while it is connected."""
        return not user.bot or any(s.user.id == user.id and s.connection for s in self._sessions.values())

    # ── for the owner of the playground ──

    def ask_to_reconnect(self) -> None:
        """Sends every client RECONNECT; they come back and resume."""
        for connection in list(self._connections):
            connection.send(Op.RECONNECT)

    def drop(self, code: int = 4000) -> None:
        """Closes every connection; the sessions can be resumed."""
        for connection in list(self._connections):
            connection.close(code)

    def forget_sessions(self) -> None:
        """After this a RESUME is answered with INVALID_SESSION."""
        self._sessions.clear()

    # ── one connection ──

    async def handle(self, request: web.Request) -> web.StreamResponse:
        encoder = encoder_for(request.query.get("compress"))
        if encoder is None or request.query.get("encoding", "json") != "json":
            return web.Response(status=400, text="encoding=json and compress=zlib-stream are spoken here.\n")
        socket = web.WebSocketResponse(max_msg_size=MAX_PAYLOAD_BYTES, receive_timeout=2 * self.heartbeat_seconds)
        await socket.prepare(request)
        connection = Connection(socket, encoder)
        self._connections.add(connection)
        writer = asyncio.create_task(connection.write())
        try:
            connection.send(Op.HELLO, {"heartbeat_interval": int(self.heartbeat_seconds * 1000), "_trace": []})
            await self._read(connection)
        finally:
            if connection.close_code is None:  # else it is the writer that says goodbye
                writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self._leave(connection)
        return socket

    async def _read(self, connection: Connection) -> None:
        try:
            while (message := await connection.socket.receive()).type not in ENDS:
                self._receive(connection, message)
            connection.said_goodbye = message.type is aiohttp.WSMsgType.CLOSE and message.data in (1000, 1001)
        except Closing as closing:
            await connection.socket.close(code=closing.code, message=str(closing).encode())
        except TimeoutError:
            await connection.socket.close(code=Close.SESSION_TIMED_OUT, message=b"Session timed out.")

    def _receive(self, connection: Connection, message: aiohttp.WSMessage) -> None:
        try:
            body = Body(json.loads(message.data))
            op = int(body.fields["op"])
        except (TypeError, ValueError, KeyError):
            raise Closing(Close.DECODE_ERROR, "Error while decoding payload.") from None
        handler = self._handlers.get(op)
        if handler is None:
            raise Closing(Close.UNKNOWN_OPCODE, "Unknown opcode.")
        if connection.session is None and op not in (Op.HEARTBEAT, Op.IDENTIFY, Op.RESUME):
            raise Closing(Close.NOT_AUTHENTICATED, "Not authenticated.")
        data = body.fields.get("d")
        try:
            handler(connection, Body(data if isinstance(data, dict) else {}))
        except (ApiError, TypeError, ValueError):
            raise Closing(Close.DECODE_ERROR, "Error while decoding payload.") from None

    def _acknowledge(self, connection: Connection, _: Body) -> None:
        asyncio.get_running_loop().call_later(ACK_SECONDS, connection.send, Op.HEARTBEAT_ACK)

    def _leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        session = connection.session
        if session is None or session.connection is not connection:
            return
        session.connection = None
        goodbye = connection.said_goodbye and connection.close_code is None
        if goodbye or len(self._sessions) > MAX_SESSIONS:
            self._sessions.pop(session.id, None)
        self._announce_presence(session.user)

    # ── opcodes ──

    def _user_of(self, data: Body) -> User:
        token = str(data.fields.get("token", "")).removeprefix("Bot ")
        user = self.world.users.get(self.world.tokens.get(token, 0))
        if user is None:
            raise Closing(Close.AUTHENTICATION_FAILED, "Authentication failed.")
        return user

    def _identify(self, connection: Connection, data: Body) -> None:
        if connection.session:
            raise Closing(Close.ALREADY_AUTHENTICATED, "Already authenticated.")
        user = self._user_of(data)
        shard_id, shards = data.fields.get("shard") or (0, 1)
        if not 0 <= shard_id < shards:
            raise Closing(Close.INVALID_SHARD, "Invalid shard.")
        intents = (data.number("intents") or 0) if user.bot else EVERY_INTENT
        session = Session(secrets.token_hex(16), user, intents, (shard_id, shards), connection=connection)
        connection.session = session
        self._sessions[session.id] = session
        self._ready(session)
        self._announce_presence(user)

    def _ready(self, session: Session) -> None:
        user = session.user
        guilds = [
            guild
            for guild in self.world.guilds.values()
            if guild.member(user.id) and shard_of_guild(guild.id, session.shard[1]) == session.shard[0]
        ]
        dms = [c for c in self.world.channels.values() if c.type == ChannelType.DM and user.id in c.recipients]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": self.payloads.own_user(user),
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": list(session.shard),
                "application": {"id": str(user.id), "flags": 1 << 13 | 1 << 15 | 1 << 19},
                "private_channels": [] if user.bot else [self.payloads.channel(dm, user.id) for dm in dms],
            },
        )
        for guild in guilds if session.intents & GUILDS else []:
            session.dispatch("GUILD_CREATE", self._guild_create(guild, session))

    def _guild_create(self, guild: Guild, session: Session) -> Payload:
        presences = [self._presence(self.world.user(member.user_id)) for member in guild.members]
        known = presences if session.intents & GUILD_PRESENCES else []
        return self.payloads.guild_create(guild, session.user.id) | {"presences": known}

    def _resume(self, connection: Connection, data: Body) -> None:
        user = self._user_of(data)
        session = self._sessions.get(str(data.fields.get("session_id")))
        missed = session.missed_since(data.number("seq") or 0) if session else None
        if session is None or session.user.id != user.id or missed is None:
            connection.send(Op.INVALID_SESSION, False)
            return
        if session.connection:
            session.connection.close(4000)
        for text in missed:
            connection.outbox.put_nowait(text)
        connection.session, session.connection = session, connection
        session.dispatch("RESUMED", {"_trace": []})
        self._announce_presence(user)

    def _members(self, connection: Connection, data: Body) -> None:
        session = connection.session
        guild = self.world.guilds.get(data.snowflake("guild_id") or 0)
        if session is None or guild is None:
            return
        wanted = data.fields.get("user_ids")
        ids = [int(one) for one in (wanted if isinstance(wanted, list) else [wanted] if wanted else [])]
        query = (data.text("query") or "").lower()
        members = [m for m in guild.members if (m.user_id in ids if ids else self._is_called(m.user_id, query))]
        chunk: Payload = {
            "guild_id": str(guild.id),
            "members": [self.payloads.member(member) for member in members[: (data.number("limit") or None)]],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [str(one) for one in ids if guild.member(one) is None],
        }
        if data.has("nonce"):
            chunk["nonce"] = data.fields["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)

    def _is_called(self, user_id: int, query: str) -> bool:
        user = self.world.user(user_id)
        return any((name or "").lower().startswith(query) for name in (user.username, user.global_name))

    # ── presence ──

    def _presence(self, user: User) -> Payload:
        status = "online" if self.is_online(user) else "offline"
        return {"user": {"id": str(user.id)}, "status": status, "activities": [], "client_status": {}}

    def _announce_presence(self, user: User) -> None:
        if not user.bot:
            return
        for session in self._sessions.values():
            for guild in self.world.guilds.values():
                if session.intents & GUILD_PRESENCES and guild.member(session.user.id) and session.user.id != user.id:
                    session.dispatch("PRESENCE_UPDATE", self._presence(user) | {"guild_id": str(guild.id)})
