"""Routes that make, list, change and delete webhooks."""

import hmac
import secrets

from aiohttp import web

from bot.playground.access import API, Resource, answer, nothing
from bot.playground.drafts import check_webhook_name
from bot.playground.errors import ApiError, missing_permissions, unknown
from bot.playground.forms import Body, read_body
from bot.playground.permissions import Permission, guild_permissions
from bot.playground.records import ChannelType, User, Webhook
from bot.playground.rest_users import keep_image

MAX_PER_CHANNEL = 15


class WebhookRoutes(Resource):
    def routes(self) -> list[web.RouteDef]:
        webhook = f"{API}/webhooks/{{webhook}}"
        return [
            web.get(f"{API}/channels/{{channel}}/webhooks", self.of_channel),
            web.post(f"{API}/channels/{{channel}}/webhooks", self.create),
            web.get(f"{API}/guilds/{{guild}}/webhooks", self.of_guild),
            web.get(webhook, self.get),
            web.patch(webhook, self.change),
            web.delete(webhook, self.delete),
            web.get(f"{webhook}/{{token}}", self.get_by_token),
            web.patch(f"{webhook}/{{token}}", self.change_by_token),
            web.delete(f"{webhook}/{{token}}", self.delete_by_token),
        ]

    def _payload(self, webhook: Webhook, user: User) -> dict[str, object]:
        """Only the application that made a webhook sees its token."""
        return self.payloads.webhook(webhook, with_token=user.id in (webhook.application_id, webhook.creator_id))

    async def of_channel(self, request: web.Request) -> web.Response:
        user, channel = self.caller(request), self.channel(request, Permission.MANAGE_WEBHOOKS)
        listed = [webhook for webhook in self.world.webhooks.values() if webhook.channel_id == channel.id]
        return answer([self._payload(webhook, user) for webhook in listed])

    async def of_guild(self, request: web.Request) -> web.Response:
        user, guild = self.caller(request), self.guild(request)
        if not guild_permissions(guild, self.world.member(guild, user.id)) & Permission.MANAGE_WEBHOOKS:
            raise missing_permissions()
        listed = [webhook for webhook in self.world.webhooks.values() if webhook.guild_id == guild.id]
        return answer([self._payload(webhook, user) for webhook in listed])

    async def create(self, request: web.Request) -> web.Response:
        user, body = self.caller(request), await read_body(request)
        channel = self.channel(request, Permission.MANAGE_WEBHOOKS)
        if channel.type != ChannelType.TEXT or channel.guild_id is None:
            raise ApiError(400, 50024, "Cannot execute action on this channel type")
        if sum(webhook.channel_id == channel.id for webhook in self.world.webhooks.values()) >= MAX_PER_CHANNEL:
            raise ApiError(400, 30007, f"Maximum number of webhooks reached ({MAX_PER_CHANNEL})")
        name = check_webhook_name(body.text("name", limit=1000) or "")
        token = secrets.token_urlsafe(51)
        webhook = Webhook(self.world.ids.next(), channel.id, channel.guild_id, user.id, name, token)
        webhook.application_id = user.id if user.bot else None
        webhook.avatar = keep_image(self.world, webhook.id, body, "avatar")
        return answer(self._payload(self.world.add_webhook(webhook), user))

    # ── one webhook, by a user who may manage it ──

    def _managed(self, request: web.Request) -> Webhook:
        user = self.caller(request)
        webhook = self.world.webhook(self.number(request, "webhook"))
        self.require(user, self.world.channel(webhook.channel_id), Permission.MANAGE_WEBHOOKS)
        return webhook

    async def get(self, request: web.Request) -> web.Response:
        return answer(self._payload(self._managed(request), self.caller(request)))

    async def change(self, request: web.Request) -> web.Response:
        webhook, body = self._managed(request), await read_body(request)
        if target := body.snowflake("channel_id"):
            webhook.channel_id = self.world.channel(target).id
        self._change(webhook, body)
        return answer(self._payload(webhook, self.caller(request)))

    def _change(self, webhook: Webhook, body: Body) -> None:
        if name := body.text("name", limit=1000):
            webhook.name = check_webhook_name(name)
        if body.has("avatar"):
            webhook.avatar = keep_image(self.world, webhook.id, body, "avatar")
        self.world.change_webhook(webhook)

    async def delete(self, request: web.Request) -> web.Response:
        self.world.remove_webhook(self._managed(request))
        return nothing()

    # ── one webhook, by its token ──

    def _by_token(self, request: web.Request) -> Webhook:
        return webhook_by_token(self, request)

    async def get_by_token(self, request: web.Request) -> web.Response:
        return answer(self.payloads.webhook(self._by_token(request), with_token=True, with_user=False))

    async def change_by_token(self, request: web.Request) -> web.Response:
        webhook = self._by_token(request)
        self._change(webhook, await read_body(request))
        return answer(self.payloads.webhook(webhook, with_token=True, with_user=False))

    async def delete_by_token(self, request: web.Request) -> web.Response:
        self.world.remove_webhook(self._by_token(request))
        return nothing()


def webhook_by_token(resource: Resource, request: web.Request) -> Webhook:
    """The webhook a path names with its token: 404/10015 when gone, 401/50027 when the token is not its own."""
    webhook = resource.world.webhooks.get(resource.number(request, "webhook"))
    if webhook is None:
        raise unknown("Webhook")
    if not hmac.compare_digest(webhook.token.encode(), request.match_info["token"].encode()):
        raise ApiError(401, 50027, "Invalid Webhook Token")
    return webhook
