"""Messages said through a webhook's or an interaction's token: execute, read, edit, delete.

An interaction's token works like a webhook of the application: its messages are the bot's own (no name, no face per
message), `@original` names the first answer, and filling a deferred answer is an edit.
"""

from dataclasses import dataclass

from aiohttp import web

from bot.playground.access import API, Resource, answer, nothing
from bot.playground.composer import Composer
from bot.playground.desk import Answered, Desk, Interaction
from bot.playground.drafts import Draft, check_webhook_name, read_draft
from bot.playground.errors import ApiError, unknown
from bot.playground.faces import Faces
from bot.playground.forms import Body, read_form
from bot.playground.payloads import Payloads
from bot.playground.records import Channel, Message, MessageFlag, Webhook
from bot.playground.rest_interactions import Responder
from bot.playground.rest_webhooks import webhook_by_token
from bot.playground.world import World


@dataclass(frozen=True, slots=True)
class Sender:
    """Who speaks: a webhook or an interaction, and in which channel."""

    channel: Channel
    webhook: Webhook | None
    interaction: Interaction | None


class WebhookMessageRoutes(Resource):
    def __init__(
        self, world: World, payloads: Payloads, composer: Composer, desk: Desk, faces: Faces, responder: Responder
    ) -> None:
        super().__init__(world, payloads)
        self.composer = composer
        self.desk = desk
        self.faces = faces
        self.responder = responder

    def routes(self) -> list[web.RouteDef]:
        execute = f"{API}/webhooks/{{webhook}}/{{token}}"
        message = f"{execute}/messages/{{message}}"
        return [
            web.post(execute, self.execute),
            web.get(message, self.get),
            web.patch(message, self.edit),
            web.delete(message, self.delete),
        ]

    def _sender(self, request: web.Request) -> Sender:
        interaction = self.desk.by_token(self.number(request, "webhook"), request.match_info["token"])
        if interaction:
            return Sender(self.world.channel(interaction.channel_id), None, interaction)
        webhook = webhook_by_token(self, request)
        return Sender(self._place(request, webhook), webhook, None)

    def _place(self, request: web.Request, webhook: Webhook) -> Channel:
        """The webhook's channel, or a thread of it that the query names."""
        if "thread_id" not in request.query:
            return self.world.channel(webhook.channel_id)
        thread = self.world.channel(self.number(request, "thread_id"))
        if thread.parent_id != webhook.channel_id:
            raise unknown("Channel")
        return thread

    # ── saying something ──

    async def execute(self, request: web.Request) -> web.Response:
        sender, form = self._sender(request), await read_form(request)
        draft = read_draft(form.body, form.uploads)
        if sender.interaction:
            ephemeral = bool((form.body.number("flags") or 0) & MessageFlag.EPHEMERAL)
            return answer(self.payloads.message(self._follow_up(sender.interaction, draft, ephemeral)))
        assert sender.webhook is not None
        self._refuse_foreign_components(sender.webhook, draft)
        message = await self._speak(sender.webhook, sender.channel, form.body)
        self.composer.send(message, draft)
        wait = request.query.get("wait", "0").lower() in ("1", "true")
        return answer(self.payloads.message(message)) if wait else nothing()

    async def _speak(self, webhook: Webhook, channel: Channel, body: Body) -> Message:
        """An empty message under the name and face the request gives, else the webhook's own."""
        name = body.text("username", limit=1000)
        message = Message(0, channel.id, webhook.id, webhook_id=webhook.id)
        message.webhook_name = check_webhook_name(name) if name else webhook.name
        message.webhook_avatar = webhook.avatar
        message.application_id = webhook.application_id
        if url := body.text("avatar_url", limit=2048):
            message.webhook_avatar = await self.faces.fetch(url, webhook.id)
        message.id = self.world.ids.next()  # after the fetch: ids are in the order of appearance
        return message

    @staticmethod
    def _refuse_foreign_components(webhook: Webhook, draft: Draft) -> None:
        """Only an application's own webhooks may carry components that answer."""
        if draft.components and webhook.application_id is None:
            raise ApiError(400, 50035, "Invalid Form Body", {"components": {"_errors": [NOT_OWNED]}})

    def _follow_up(self, interaction: Interaction, draft: Draft, ephemeral: bool) -> Message:
        """The first follow-up after a deferral fills the message that said "thinking"."""
        if interaction.answered is None:
            raise unknown("Webhook")
        original = self.world.messages[interaction.channel_id].get(interaction.original_id or 0)
        if interaction.answered == Answered.DEFERRED_MESSAGE and original and original.flags & MessageFlag.LOADING:
            return self.composer.edit(original, draft)
        return self.responder.say(interaction, draft, ephemeral=ephemeral, first=False)

    # ── messages already said ──

    def _message(self, request: web.Request, sender: Sender) -> Message:
        named = request.match_info["message"]
        if named == "@original":
            if sender.interaction is None or sender.interaction.original_id is None:
                raise unknown("Message")
            return self.world.message(sender.channel.id, sender.interaction.original_id)
        message = self.world.message(sender.channel.id, self.number(request, "message"))
        own = sender.webhook.id if sender.webhook else sender.interaction.application_id if sender.interaction else 0
        if message.webhook_id != own:
            raise unknown("Message")
        return message

    async def get(self, request: web.Request) -> web.Response:
        return answer(self.payloads.message(self._message(request, self._sender(request))))

    async def edit(self, request: web.Request) -> web.Response:
        message, form = self._message(request, self._sender(request)), await read_form(request)
        return answer(self.payloads.message(self.composer.edit(message, read_draft(form.body, form.uploads))))

    async def delete(self, request: web.Request) -> web.Response:
        self.world.remove_message(self._message(request, self._sender(request)))
        return nothing()


NOT_OWNED = {
    "code": "WEBHOOK_COMPONENTS_NOT_ALLOWED",
    "message": "Only webhooks owned by an application may send components.",
}
