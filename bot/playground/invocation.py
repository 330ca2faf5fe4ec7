"""What a user's client says of a command → the `data` its application gets: checked against the registered options,
with every user, channel or role it names spelled out under `resolved`."""

from bot.playground.embeds import as_objects
from bot.playground.errors import bad_form, unknown
from bot.playground.forms import Body
from bot.playground.payloads import Payloads
from bot.playground.records import Channel, Command, Payload
from bot.playground.world import World

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = 5, 6, 7, 8


def resolve_command(world: World, payloads: Payloads, channel: Channel, application_id: int, data: Body) -> Payload:
    """Raises 10063 for a command that is not registered here, 50035 for options it does not have."""
    command = world.commands.get(data.snowflake("id") or 0)
    if command is None or command.application_id != application_id or command.guild_id not in (None, channel.guild_id):
        raise unknown("application command")
    known = as_objects(command.body.get("options"))
    options = [_read_option(option, known) for option in data.objects("options")]
    return _described(command) | {"options": options} | _resolved(world, payloads, channel, _named(options))


def _described(command: Command) -> Payload:
    payload: Payload = {"id": str(command.id), "name": command.body["name"], "type": command.body["type"]}
    return payload | ({"guild_id": str(command.guild_id)} if command.guild_id else {})


def _read_option(option: Body, known: list[Payload]) -> Payload:
    name = option.text("name")
    registered = next((entry for entry in known if entry["name"] == name), None)
    if registered is None:
        raise bad_form(option.path, "APPLICATION_COMMAND_INVALID_OPTION", f'There is no option "{name}".')
    kind = registered["type"]
    read: Payload = {"name": name, "type": kind}
    if kind in (SUBCOMMAND, GROUP):
        inner = as_objects(registered.get("options"))
        return read | {"options": [_read_option(one, inner) for one in option.objects("options")]}
    focused = option.flag("focused")
    value = option.fields.get("value")
    read["value"] = value if focused else _convert(option, kind, value)
    return read | ({"focused": True} if focused else {})


def _convert(option: Body, kind: object, value: object) -> object:
    """The value in the option's type; while it is being typed (focused) it stays text."""
    try:
        if kind == INTEGER:
            return int(str(value))
        if kind == NUMBER:
            return float(str(value))
        return bool(value) if kind == BOOLEAN else str(value)
    except ValueError:
        raise bad_form(f"{option.path}.value", "NUMBER_TYPE_COERCE", f'Value "{value}" is not a number.') from None


def _named(options: list[Payload]) -> list[tuple[int, int]]:
    """(type, id) of everything the options refer to."""
    found: list[tuple[int, int]] = []
    for option in options:
        kind = int(str(option["type"]))
        if kind in (USER, CHANNEL, ROLE, MENTIONABLE) and str(option.get("value")).isdigit():
            found.append((kind, int(str(option["value"]))))
        found += _named(as_objects(option.get("options")))
    return found


def attachment_options(options: list[Payload]) -> list[Payload]:
    """The options that take a file, at any depth."""
    found = [option for option in options if option["type"] == ATTACHMENT]
    return found + [deep for option in options for deep in attachment_options(as_objects(option.get("options")))]


def resolve_values(
    world: World, payloads: Payloads, channel: Channel, component: Payload, values: list[str]
) -> Payload:
    """`resolved` of a user, role or channel select."""
    kinds = {USER_SELECT: USER, ROLE_SELECT: ROLE, MENTIONABLE_SELECT: MENTIONABLE, CHANNEL_SELECT: CHANNEL}
    kind = kinds.get(int(str(component["type"])))
    return {} if kind is None else _resolved(world, payloads, channel, [(kind, int(value)) for value in values])


def _resolved(world: World, payloads: Payloads, channel: Channel, named: list[tuple[int, int]]) -> Payload:
    guild = world.guild_of(channel)
    found: dict[str, Payload] = {}
    for kind, number in named:
        if kind in (USER, MENTIONABLE) and number in world.users:
            found.setdefault("users", {})[str(number)] = payloads.user(world.user(number))
            if guild and (member := guild.member(number)):
                partial = payloads.member(member, with_user=False) | {"permissions": "0"}
                found.setdefault("members", {})[str(number)] = partial
        if kind == CHANNEL and number in world.channels:
            partial = payloads.partial_channel(world.channel(number), next(iter(world.users)))
            found.setdefault("channels", {})[str(number)] = partial
        if kind in (ROLE, MENTIONABLE) and guild:
            for role in guild.roles:
                if role.id == number:
                    found.setdefault("roles", {})[str(number)] = payloads.role(role)
    return {"resolved": found} if found else {}
