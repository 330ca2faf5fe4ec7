"""Interactions: a user's command, click or modal goes to its application, whose answer comes back here.

`POST /interactions` and the INTERACTION_* and APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE events are what Discord's own
chat client speaks (undocumented, seen in it); the callback route is the documented one of bots.
"""

from collections.abc import Mapping

from aiohttp import web

from bot.playground.access import API, Resource, answer, nothing
from bot.playground.composer import Composer
from bot.playground.desk import Answered, Asked, Desk, Interaction
from bot.playground.drafts import Draft, NewFile, read_draft, safe_name
from bot.playground.embeds import as_objects, find_component
from bot.playground.errors import ApiError, bad_form, unknown
from bot.playground.forms import MAX_FILE_BYTES, Body, Upload, read_form
from bot.playground.gateway import Gateway
from bot.playground.invocation import attachment_options, resolve_command, resolve_values
from bot.playground.payloads import Payloads
from bot.playground.permissions import Permission
from bot.playground.records import Channel, Message, MessageFlag, Payload, User
from bot.playground.world import World

COMMAND_ANSWER, REPLY = 20, 19  # message types
MAX_CHOICES = 25


class Responder:
    """Says what an application answers to an interaction."""

    def __init__(self, world: World, composer: Composer) -> None:
        self.world = world
        self.composer = composer

    def blank(self, interaction: Interaction, *, ephemeral: bool, first: bool) -> Message:
        app = interaction.application_id
        message = Message(self.world.ids.next(), interaction.channel_id, app, webhook_id=app, application_id=app)
        message.type = COMMAND_ANSWER if first and interaction.type == Asked.COMMAND else REPLY
        message.origin = interaction.origin()
        if ephemeral:
            message.only_for, message.flags = interaction.user_id, MessageFlag.EPHEMERAL
        if first:
            message.reply_to, interaction.original_id = interaction.message_id, message.id
        else:
            message.reply_to = interaction.original_id
        if message.reply_to is None and message.type == REPLY:
            message.type = 0
        return message

    def say(self, interaction: Interaction, draft: Draft, *, ephemeral: bool, first: bool) -> Message:
        return self.composer.send(self.blank(interaction, ephemeral=ephemeral, first=first), draft)

    def think(self, interaction: Interaction, *, ephemeral: bool) -> Message:
        """The message that says "thinking" until it is edited."""
        message = self.blank(interaction, ephemeral=ephemeral, first=True)
        message.flags |= MessageFlag.LOADING
        return self.world.add_message(message)


class InteractionRoutes(Resource):
    def __init__(self, world: World, payloads: Payloads, gateway: Gateway, desk: Desk, responder: Responder) -> None:
        super().__init__(world, payloads)
        self.gateway = gateway
        self.desk = desk
        self.responder = responder
        desk.on_silence = self._say_silence

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{API}/interactions", self.ask),
            web.post(f"{API}/interactions/{{interaction}}/{{token}}/callback", self.callback),
        ]

    # ── a user asks ──

    async def ask(self, request: web.Request) -> web.Response:
        user, form = self.caller(request), await read_form(request)
        channel = self.world.channel(form.body.needed_snowflake("channel_id"))
        self.require(user, channel, Permission.USE_APPLICATION_COMMANDS)
        interaction = self._read(user, channel, form.body)
        if interaction.type == Asked.COMMAND:
            self._take_files(channel, interaction.data, form.uploads)
        self.desk.open(interaction)
        event = self._event(interaction, user, channel)
        self.gateway.tell(interaction.application_id, "INTERACTION_CREATE", event, channel.guild_id)
        self._tell_user(interaction, "INTERACTION_CREATE")
        return nothing()

    def _read(self, user: User, channel: Channel, body: Body) -> Interaction:
        kind, data = body.number("type"), body.object("data") or Body({})
        if kind not in list(Asked):
            raise bad_form("type", "BASE_TYPE_CHOICES", "Value must be one of {2, 3, 4, 5}.")
        application_id, message_id, opener = body.needed_snowflake("application_id"), body.snowflake("message_id"), None
        if kind == Asked.COMPONENT:
            message = self._clicked(user, channel, message_id)
            application_id = message.application_id or application_id
            read = self._component_data(channel, message, data)
        elif kind == Asked.MODAL:
            opener = self.desk.opener(user.id, data.text("custom_id") or "")
            application_id, message_id = opener.application_id, opener.message_id
            read = {"custom_id": data.text("custom_id"), "components": data.payloads("components")}
        else:
            message_id = None
            read = resolve_command(self.world, self.payloads, channel, application_id, data)
        return Interaction(
            self.world.ids.next(),
            self.desk.new_token(),
            Asked(kind),
            application_id,
            user.id,
            channel.id,
            channel.guild_id,
            read,
            nonce=str(body.fields.get("nonce") or ""),
            message_id=message_id,
            opened_by=opener,
        )

    def _take_files(self, channel: Channel, data: Payload, uploads: Mapping[int, Upload]) -> None:
        """Options that take a file name the n of their files[n]; from now on they name an attachment."""
        taken: Payload = {}
        for option in attachment_options(as_objects(data.get("options"))):
            number = str(option.get("value"))
            upload = uploads.get(int(number)) if number.isdigit() else None
            if upload is None:
                raise bad_form("data.options", "BASE_TYPE_REQUIRED", f"The option {option['name']!r} needs a file.")
            file = NewFile(safe_name(upload.filename), None, upload)
            attachment = self.responder.composer.attach(channel, file)
            option["value"] = str(attachment.id)
            taken[str(attachment.id)] = self.payloads.attachment(attachment)
        named = data.get("resolved")
        if taken:
            data["resolved"] = {**(named if isinstance(named, dict) else {}), "attachments": taken}

    def _clicked(self, user: User, channel: Channel, message_id: int | None) -> Message:
        message = self.world.message(channel.id, message_id or 0)
        if message.only_for not in (None, user.id):
            raise unknown("Message")
        return message

    def _component_data(self, channel: Channel, message: Message, data: Body) -> Payload:
        component = find_component(message.components, data.text("custom_id") or "")
        read: Payload = {
            "component_type": component["type"],
            "custom_id": component["custom_id"],
            "id": component["id"],
        }
        if component["type"] == 2:
            return read
        values = [str(value) for value in data.fields.get("values") or []]
        offered = {str(option.get("value")) for option in as_objects(component.get("options"))}
        if offered and not set(values) <= offered:
            raise bad_form("data.values", "BASE_TYPE_CHOICES", "Value must be one of the offered ones.")
        return read | {"values": values} | resolve_values(self.world, self.payloads, channel, component, values)

    def _event(self, interaction: Interaction, user: User, channel: Channel) -> Payload:
        """INTERACTION_CREATE as its application gets it."""
        payload: Payload = {
            "id": str(interaction.id),
            "application_id": str(interaction.application_id),
            "type": int(interaction.type),
            "token": interaction.token,
            "version": 1,
            "data": interaction.data,
            "channel_id": str(channel.id),
            "channel": self.payloads.partial_channel(channel, user.id),
            "locale": "en-US",
            "entitlements": [],
            "entitlement_sku_ids": [],
            "app_permissions": str(self.world.permissions(interaction.application_id, channel)),
            "authorizing_integration_owners": {"0": str(channel.guild_id or 0)},
            "context": 0 if channel.guild_id else 1,
            "attachment_size_limit": MAX_FILE_BYTES,
        }
        payload |= self.payloads.invoker(channel, user.id)
        if channel.guild_id:
            place: Payload = {"id": str(channel.guild_id), "locale": "en-US", "features": []}
            payload |= {"guild_id": str(channel.guild_id), "guild_locale": "en-US", "guild": place}
        if interaction.message_id and (target := self.world.messages[channel.id].get(interaction.message_id)):
            payload["message"] = self.payloads.message(target, user.id)
        return payload

    def _tell_user(self, interaction: Interaction, name: str, **more: object) -> None:
        data: Payload = {"id": str(interaction.id), "nonce": interaction.nonce} | more
        self.gateway.tell(interaction.user_id, name, data, interaction.guild_id)

    def _say_silence(self, interaction: Interaction) -> None:
        self._tell_user(interaction, "INTERACTION_FAILURE", reason_code=2)

    # ── the application answers ──

    async def callback(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        kind = form.body.number("type")
        if kind not in list(Answered):
            raise bad_form("type", "BASE_TYPE_CHOICES", "Value must be one of {4, 5, 6, 7, 8, 9}.")
        data = form.body.object("data") or Body({})
        draft = read_draft(data, form.uploads)  # refused before the interaction counts as answered
        token = request.match_info["token"]
        interaction = self.desk.to_answer(self.number(request, "interaction"), token, Answered(kind))
        try:
            message = self._answer(interaction, data, draft)
        except ApiError:
            interaction.answered = None
            raise
        if interaction.answered not in (Answered.CHOICES, Answered.MODAL):
            self._tell_user(interaction, "INTERACTION_SUCCESS")
        if request.query.get("with_response", "0").lower() not in ("1", "true"):
            return nothing()
        return answer(self._callback_payload(interaction, message))

    def _answer(self, interaction: Interaction, data: Body, draft: Draft) -> Message | None:
        kind = interaction.answered
        ephemeral = bool((data.number("flags") or 0) & MessageFlag.EPHEMERAL)
        if kind == Answered.MESSAGE:
            return self.responder.say(interaction, draft, ephemeral=ephemeral, first=True)
        if kind == Answered.DEFERRED_MESSAGE:
            return self.responder.think(interaction, ephemeral=ephemeral)
        if kind in (Answered.DEFERRED_UPDATE, Answered.UPDATE):
            return self._update(interaction, draft)
        if kind == Answered.CHOICES:
            self._offer(interaction, data)
        else:
            self._open_modal(interaction, data)
        return None

    def _update(self, interaction: Interaction, draft: Draft) -> Message:
        if interaction.message_id is None:
            raise bad_form("type", "INTERACTION_TYPE_INVALID", "Only component interactions can update a message.")
        interaction.original_id = interaction.message_id
        message = self.world.message(interaction.channel_id, interaction.message_id)
        return self.responder.composer.edit(message, draft) if interaction.answered == Answered.UPDATE else message

    def _offer(self, interaction: Interaction, data: Body) -> None:
        choices = data.payloads("choices")
        if interaction.type != Asked.AUTOCOMPLETE:
            raise bad_form("type", "INTERACTION_TYPE_INVALID", "Only autocomplete interactions take choices.")
        if len(choices) > MAX_CHOICES:
            raise bad_form("data.choices", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_CHOICES} or fewer in length.")
        self._tell_user(interaction, "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", choices=choices)

    def _open_modal(self, interaction: Interaction, data: Body) -> None:
        if interaction.type not in (Asked.COMMAND, Asked.COMPONENT):
            raise bad_form("type", "INTERACTION_TYPE_INVALID", "This interaction cannot open a modal.")
        self.desk.modal_opened(interaction, data.text("custom_id", limit=100) or "")
        self._tell_user(
            interaction,
            "INTERACTION_MODAL_CREATE",
            channel_id=str(interaction.channel_id),
            application=self._application(interaction.application_id),
            custom_id=data.text("custom_id", limit=100),
            title=data.text("title", limit=45),
            components=data.payloads("components"),
            message_id=str(interaction.message_id) if interaction.message_id else None,
        )

    def _application(self, application_id: int) -> Payload:
        bot = self.world.user(application_id)
        return {"id": str(bot.id), "name": bot.username}

    def _callback_payload(self, interaction: Interaction, message: Message | None) -> Payload:
        about: Payload = {"id": str(interaction.id), "type": int(interaction.type)}
        about["channel_id"] = str(interaction.channel_id)
        if interaction.guild_id:
            about["guild_id"] = str(interaction.guild_id)
        if message is None:
            return {"interaction": about}
        about |= {
            "response_message_id": str(message.id),
            "response_message_loading": bool(message.flags & MessageFlag.LOADING),
            "response_message_ephemeral": message.only_for is not None,
        }
        payload: Payload = {"interaction": about}
        if interaction.answered in (Answered.MESSAGE, Answered.UPDATE):
            payload["resource"] = {"type": int(interaction.answered), "message": self.payloads.message(message)}
        return payload
