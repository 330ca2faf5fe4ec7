"""Routes of channels and threads themselves: settings, typing, pins."""

import time

from aiohttp import web

from bot.playground.access import API, Resource, answer, nothing
from bot.playground.errors import ApiError, missing_permissions, required
from bot.playground.forms import Body, read_body
from bot.playground.ids import iso
from bot.playground.permissions import Permission
from bot.playground.records import Channel, ChannelType, User
from bot.playground.rest_guilds import channel_name, fill_channel, read_overwrite

MAX_PINS = 250


class ChannelRoutes(Resource):
    def routes(self) -> list[web.RouteDef]:
        channel = f"{API}/channels/{{channel}}"
        return [
            web.get(channel, self.get),
            web.patch(channel, self.change),
            web.delete(channel, self.delete),
            web.put(f"{channel}/permissions/{{target}}", self.set_overwrite),
            web.delete(f"{channel}/permissions/{{target}}", self.delete_overwrite),
            web.post(f"{channel}/typing", self.typing),
            web.get(f"{channel}/messages/pins", self.pins),
            web.put(f"{channel}/messages/pins/{{message}}", self.pin),
            web.delete(f"{channel}/messages/pins/{{message}}", self.unpin),
            web.post(f"{channel}/threads", self.create_thread),
            web.post(f"{channel}/messages/{{message}}/threads", self.create_thread),
            web.get(f"{channel}/threads/archived/public", self.archived_threads),
            web.get(f"{channel}/thread-members", self.thread_members),
            web.put(f"{channel}/thread-members/@me", self.join_thread),
            web.delete(f"{channel}/thread-members/@me", self.leave_thread),
        ]

    async def get(self, request: web.Request) -> web.Response:
        return answer(self.payloads.channel(self.channel(request), self.caller(request).id))

    async def change(self, request: web.Request) -> web.Response:
        user, body = self.caller(request), await read_body(request)
        channel = self.channel(request)
        if channel.is_thread:
            self._change_thread(user, channel, body)
        else:
            self.require(user, channel, Permission.MANAGE_CHANNELS)
            fill_channel(channel, body)
            if body.has("name"):
                channel.name = channel_name(body)
        self.world.change_channel(channel)
        return answer(self.payloads.channel(channel, user.id))

    def _change_thread(self, user: User, thread: Channel, body: Body) -> None:
        if user.id != thread.owner_id:
            self.require(user, thread, Permission.MANAGE_THREADS)
        thread.name = body.text("name", least=1, limit=100) or thread.name
        thread.locked = body.flag("locked", thread.locked)
        thread.auto_archive_minutes = body.number("auto_archive_duration") or thread.auto_archive_minutes
        if body.flag("archived", thread.archived) != thread.archived:
            thread.archived, thread.archive_changed_at = not thread.archived, time.time()

    async def delete(self, request: web.Request) -> web.Response:
        user, channel = self.caller(request), self.channel(request)
        payload = self.payloads.channel(channel, user.id)
        if channel.type != ChannelType.DM:  # closing a DM only hides it
            self.require(user, channel, Permission.MANAGE_THREADS if channel.is_thread else Permission.MANAGE_CHANNELS)
            self.world.remove_channel(channel)
        return answer(payload)

    async def set_overwrite(self, request: web.Request) -> web.Response:
        body, target = await read_body(request), self.number(request, "target")
        channel = self.channel(request, Permission.MANAGE_ROLES)
        kept = [overwrite for overwrite in channel.overwrites if overwrite.id != target]
        channel.overwrites = [*kept, read_overwrite(body, target)]
        self.world.change_channel(channel)
        return nothing()

    async def delete_overwrite(self, request: web.Request) -> web.Response:
        channel, target = self.channel(request, Permission.MANAGE_ROLES), self.number(request, "target")
        channel.overwrites = [overwrite for overwrite in channel.overwrites if overwrite.id != target]
        self.world.change_channel(channel)
        return nothing()

    async def typing(self, request: web.Request) -> web.Response:
        channel = self.channel(request, Permission.SEND_MESSAGES)
        self.world.emit("TYPING_START", channel, by=self.caller(request).id, at=time.time())
        return nothing()

    # ── pins ──

    async def pins(self, request: web.Request) -> web.Response:
        channel, user = self.channel(request), self.caller(request)
        pinned = sorted((m.pinned_at, m.id, m) for m in self.world.history(channel.id) if m.pinned_at is not None)
        items = [
            {"pinned_at": iso(at), "message": self.payloads.message(message, user.id)}
            for at, _, message in reversed(pinned)
        ]
        return answer({"items": items, "has_more": False})

    async def pin(self, request: web.Request) -> web.Response:
        channel = self.channel(request, Permission.PIN_MESSAGES)
        if sum(message.pinned_at is not None for message in self.world.history(channel.id)) >= MAX_PINS:
            raise ApiError(400, 30003, f"Maximum number of pins reached for the channel ({MAX_PINS})")
        return self._set_pin(request, channel, time.time())

    async def unpin(self, request: web.Request) -> web.Response:
        return self._set_pin(request, self.channel(request, Permission.PIN_MESSAGES), None)

    def _set_pin(self, request: web.Request, channel: Channel, at: float | None) -> web.Response:
        message = self.message(request, channel)
        message.pinned_at = at
        self.world.change_message(message)
        self.world.emit("CHANNEL_PINS_UPDATE", channel)
        return nothing()

    # ── threads ──

    async def create_thread(self, request: web.Request) -> web.Response:
        user, body = self.caller(request), await read_body(request)
        parent = self.channel(request, Permission.CREATE_PUBLIC_THREADS)
        if parent.type != ChannelType.TEXT:
            raise ApiError(400, 50024, "Cannot execute action on this channel type")
        thread_id, kind = self.world.ids.next(), body.number("type") or ChannelType.PUBLIC_THREAD
        if "message" in request.match_info:  # a thread from a message has the message's id
            thread_id, kind = self.message(request, parent).id, ChannelType.PUBLIC_THREAD
        if thread_id in self.world.channels:
            raise ApiError(400, 160004, "A thread has already been created for this message")
        name = body.text("name", least=1, limit=100)
        if name is None:
            raise required("name")
        thread = Channel(thread_id, int(kind), parent.guild_id, name, parent_id=parent.id, owner_id=user.id)
        thread.archive_changed_at, thread.thread_members = time.time(), [user.id]
        thread.auto_archive_minutes = body.number("auto_archive_duration") or thread.auto_archive_minutes
        return answer(self.payloads.channel(self.world.add_channel(thread), user.id), status=201)

    async def archived_threads(self, request: web.Request) -> web.Response:
        parent = self.channel(request)
        threads = [c for c in self.world.channels.values() if c.parent_id == parent.id and c.is_thread and c.archived]
        return answer({"threads": [self.payloads.channel(t) for t in threads], "members": [], "has_more": False})

    async def thread_members(self, request: web.Request) -> web.Response:
        thread = self._thread(request)
        return answer([self.payloads.thread_member(thread, user_id) for user_id in thread.thread_members])

    async def join_thread(self, request: web.Request) -> web.Response:
        thread, user = self._thread(request), self.caller(request)
        if user.id not in thread.thread_members:
            thread.thread_members.append(user.id)
            self.world.change_channel(thread)
        return nothing()

    async def leave_thread(self, request: web.Request) -> web.Response:
        thread, user = self._thread(request), self.caller(request)
        if user.id in thread.thread_members:
            thread.thread_members.remove(user.id)
            self.world.change_channel(thread)
        return nothing()

    def _thread(self, request: web.Request) -> Channel:
        channel = self.channel(request)
        if not channel.is_thread:
            raise missing_permissions()
        return channel
