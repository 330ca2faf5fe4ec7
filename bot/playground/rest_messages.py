"""Routes of messages: reading, sending, editing, deleting, reacting."""

from urllib.parse import unquote

from aiohttp import web

from bot.playground.access import API, Resource, answer, nothing
from bot.playground.composer import Composer
from bot.playground.drafts import read_draft
from bot.playground.errors import ApiError, bad_form, unknown
from bot.playground.forms import read_body, read_form
from bot.playground.payloads import Payloads
from bot.playground.permissions import Permission
from bot.playground.records import Message
from bot.playground.world import World


class MessageRoutes(Resource):
    def __init__(self, world: World, payloads: Payloads, composer: Composer) -> None:
        super().__init__(world, payloads)
        self.composer = composer

    def routes(self) -> list[web.RouteDef]:
        messages = f"{API}/channels/{{channel}}/messages"
        reactions = f"{messages}/{{message}}/reactions"
        return [
            web.get(messages, self.read),
            web.post(messages, self.send),
            web.post(f"{messages}/bulk-delete", self.bulk_delete),
            web.get(f"{messages}/{{message}}", self.get),
            web.patch(f"{messages}/{{message}}", self.edit),
            web.delete(f"{messages}/{{message}}", self.delete),
            web.get(f"{reactions}/{{emoji}}", self.reactors),
            web.put(f"{reactions}/{{emoji}}/@me", self.react),
            web.delete(f"{reactions}/{{emoji}}/{{user}}", self.unreact),
            web.delete(reactions, self.clear_reactions),
        ]

    # ── reading ──

    async def read(self, request: web.Request) -> web.Response:
        channel, user = self.channel(request, Permission.READ_MESSAGE_HISTORY), self.caller(request)
        limit = self.number(request, "limit", 50)
        if not 1 <= limit <= 100:
            raise bad_form("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        chosen = self._slice(request, self.world.history(channel.id), limit)
        return answer([self.payloads.message(message, user.id) for message in reversed(chosen)])

    def _slice(self, request: web.Request, history: list[Message], limit: int) -> list[Message]:
        """`history` and the answer are oldest first."""
        if "around" in request.query:
            middle = self.number(request, "around")
            before = [m for m in history if m.id < middle][-(limit // 2) :]
            after = [m for m in history if m.id >= middle][: limit - len(before)]
            return before + after
        if "after" in request.query:
            first = self.number(request, "after")
            return [m for m in history if m.id > first][:limit]
        last = self.number(request, "before", 1 << 63)
        return [m for m in history if m.id < last][-limit:]

    async def get(self, request: web.Request) -> web.Response:
        channel, user = self.channel(request, Permission.READ_MESSAGE_HISTORY), self.caller(request)
        return answer(self.payloads.message(self.message(request, channel), user.id))

    # ── writing ──

    async def send(self, request: web.Request) -> web.Response:
        user, channel = self.caller(request), self.channel(request, Permission.SEND_MESSAGES)
        form = await read_form(request)
        draft = read_draft(form.body, form.uploads)
        if draft.files:
            self.require(user, channel, Permission.ATTACH_FILES)
        message = Message(self.world.ids.next(), channel.id, user.id)
        message.application_id = user.id if user.bot else None
        self.composer.send(message, draft)
        payload = self.payloads.message(message, user.id)
        message.nonce = None  # told once
        return answer(payload)

    async def edit(self, request: web.Request) -> web.Response:
        user, channel, form = self.caller(request), self.channel(request), await read_form(request)
        message = self.message(request, channel)
        if message.author_id != user.id:
            raise ApiError(403, 50005, "Cannot edit a message authored by another user")
        return answer(self.payloads.message(self.composer.edit(message, read_draft(form.body, form.uploads)), user.id))

    async def delete(self, request: web.Request) -> web.Response:
        user, channel = self.caller(request), self.channel(request)
        message = self.message(request, channel)
        if message.author_id != user.id:
            self.require(user, channel, Permission.MANAGE_MESSAGES)
        self.world.remove_message(message)
        return nothing()

    async def bulk_delete(self, request: web.Request) -> web.Response:
        channel, body = self.channel(request, Permission.MANAGE_MESSAGES), await read_body(request)
        wanted = body.snowflakes("messages")
        if not 2 <= len(wanted) <= 100:
            raise bad_form("messages", "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length.")
        for message_id in wanted:
            if message := self.world.messages[channel.id].get(message_id):
                self.world.remove_message(message)
        return nothing()

    # ── reactions ──

    @staticmethod
    def _emoji(request: web.Request) -> tuple[int | None, str]:
        """`name:id` of a custom emoji, or the character itself."""
        name, _, number = unquote(request.match_info["emoji"]).partition(":")
        if not name:
            raise unknown("Emoji")
        return (int(number) if number.isdigit() else None), name

    async def reactors(self, request: web.Request) -> web.Response:
        message, emoji = self.message(request, self.channel(request)), self._emoji(request)
        users = [user for r in message.reactions if (r.emoji_id, r.emoji_name) == emoji for user in r.users]
        return answer([self.payloads.user(self.world.user(user)) for user in users])

    async def react(self, request: web.Request) -> web.Response:
        channel = self.channel(request, Permission.ADD_REACTIONS)
        self.world.react(self.message(request, channel), self._emoji(request), self.caller(request).id)
        return nothing()

    async def unreact(self, request: web.Request) -> web.Response:
        channel, user = self.channel(request), self.caller(request)
        whose = user.id if request.match_info["user"] == "@me" else self.number(request, "user")
        if whose != user.id:
            self.require(user, channel, Permission.MANAGE_MESSAGES)
        self.world.unreact(self.message(request, channel), self._emoji(request), whose)
        return nothing()

    async def clear_reactions(self, request: web.Request) -> web.Response:
        message = self.message(request, self.channel(request, Permission.MANAGE_MESSAGES))
        message.reactions.clear()
        self.world.change_message(message)
        return nothing()
