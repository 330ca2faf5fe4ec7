"""Routes of application commands: registering them, globally or for a guild, and the index a chat client reads."""

import re

from aiohttp import web

from bot.playground.access import API, Resource, answer, nothing
from bot.playground.embeds import as_object, as_objects, without_nulls
from bot.playground.errors import bad_form, missing_access, required, unknown
from bot.playground.forms import Body, read_body
from bot.playground.records import Command, Payload

CHAT_INPUT = 1
NAME = re.compile(r"^[-_'\w]{1,32}$")
MAX_OPTIONS, MAX_CHOICES, MAX_COMMANDS = 25, 25, 100
KEPT = (
    "name",
    "type",
    "description",
    "options",
    "default_member_permissions",
    "dm_permission",
    "nsfw",
    "contexts",
    "integration_types",
    "name_localizations",
    "description_localizations",
)


class CommandRoutes(Resource):
    def routes(self) -> list[web.RouteDef]:
        routes = [web.get(f"{API}/guilds/{{guild}}/application-command-index", self.index)]
        for scope in (f"{API}/applications/{{application}}", f"{API}/applications/{{application}}/guilds/{{guild}}"):
            routes += [
                web.get(f"{scope}/commands", self.registered),
                web.put(f"{scope}/commands", self.replace_all),
                web.post(f"{scope}/commands", self.register),
                web.get(f"{scope}/commands/{{command}}", self.get),
                web.patch(f"{scope}/commands/{{command}}", self.change),
                web.delete(f"{scope}/commands/{{command}}", self.delete),
            ]
        return routes

    def _scope(self, request: web.Request) -> tuple[int, int | None]:
        """Application and guild; a bot registers only its own commands."""
        user, application = self.caller(request), self.number(request, "application")
        if user.id != application:
            raise missing_access()
        return application, self.guild(request).id if "guild" in request.match_info else None

    def _command(self, request: web.Request) -> Command:
        command = self.world.commands.get(self.number(request, "command"))
        if command is None or (command.application_id, command.guild_id) != self._scope(request):
            raise unknown("application command")
        return command

    async def registered(self, request: web.Request) -> web.Response:
        return answer([self.payloads.command(command) for command in self.world.commands_of(*self._scope(request))])

    async def get(self, request: web.Request) -> web.Response:
        return answer(self.payloads.command(self._command(request)))

    async def replace_all(self, request: web.Request) -> web.Response:
        """What is not named is gone; a command of the same name keeps its id."""
        scope, body = self._scope(request), await read_body(request)
        wanted = [read_command(entry) for entry in body.objects("")]
        keys = {(command["name"], command["type"]) for command in wanted}
        if len(keys) < len(wanted):
            raise bad_form("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
        if len(wanted) > MAX_COMMANDS + 30:
            raise bad_form("", "APPLICATION_COMMANDS_MAX", "Maximum number of application commands reached")
        for command in self.world.commands_of(*scope):
            if (command.body["name"], command.body["type"]) not in keys:
                self.world.remove_command(command)
        return answer([self.payloads.command(self._put(scope, entry)) for entry in wanted])

    async def register(self, request: web.Request) -> web.Response:
        scope, body = self._scope(request), await read_body(request)
        before = len(self.world.commands)
        command = self._put(scope, read_command(body))
        return answer(self.payloads.command(command), status=201 if len(self.world.commands) > before else 200)

    def _put(self, scope: tuple[int, int | None], body: Payload) -> Command:
        known = {(c.body["name"], c.body["type"]): c for c in self.world.commands_of(*scope)}
        command = known.get((body["name"], body["type"]))
        command_id = command.id if command else self.world.ids.next()
        command = Command(command_id, *scope, version=self.world.ids.next(), body=body)
        self.world.set_command(command)
        return command

    async def change(self, request: web.Request) -> web.Response:
        command, body = self._command(request), await read_body(request)
        command.body = read_command(Body(command.body | body.fields))
        command.version = self.world.ids.next()
        self.world.set_command(command)
        return answer(self.payloads.command(command))

    async def delete(self, request: web.Request) -> web.Response:
        self.world.remove_command(self._command(request))
        return nothing()

    async def index(self, request: web.Request) -> web.Response:
        """What a chat client offers after "/": global commands and the guild's, with their applications."""
        guild = self.guild(request)
        bots = [self.world.user(member.user_id) for member in guild.members if self.world.user(member.user_id).bot]
        commands = [
            self.payloads.command(command)
            for bot in bots
            for scope in (guild.id, None)
            for command in self.world.commands_of(bot.id, scope)
        ]
        applications = [
            {
                "id": str(bot.id),
                "name": bot.username,
                "icon": bot.avatar,
                "description": bot.description,
                "bot_id": str(bot.id),
            }
            for bot in bots
        ]
        return answer({"applications": applications, "application_commands": commands, "version": str(guild.id)})


def read_command(body: Body) -> Payload:
    """A command as it is kept; raises 50035 for names and descriptions Discord would refuse."""
    command = {name: body.fields[name] for name in KEPT if body.fields.get(name) is not None}
    command["type"] = body.number("type") or CHAT_INPUT
    name = body.text("name", least=1, limit=32)
    if name is None:
        raise required("name")
    if command["type"] == CHAT_INPUT:
        if not NAME.match(name) or name != name.lower():
            raise bad_form("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        if not body.text("description", least=1, limit=100):
            raise required("description")
    command.setdefault("description", "")
    if "options" in command:
        command["options"] = _read_options(Body(command))
    return as_object(without_nulls(command))


def _read_options(body: Body) -> list[Payload]:
    options = body.objects("options")
    if len(options) > MAX_OPTIONS:
        raise bad_form("options", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_OPTIONS} or fewer in length.")
    for option in options:
        name = option.text("name", least=1, limit=32) or ""
        if not NAME.match(name) or name != name.lower():
            raise bad_form(f"{option.path}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        if not option.text("description", least=1, limit=100):
            raise required(f"{option.path}.description")
        if len(as_objects(option.fields.get("choices"))) > MAX_CHOICES:
            raise bad_form(f"{option.path}.choices", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_CHOICES} or fewer.")
        option.fields["type"] = option.number("type")
        if option.has("options"):
            option.fields["options"] = _read_options(option)
    return [option.fields for option in options]
