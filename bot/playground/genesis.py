"""The world on its first day: one guild, three channels, three members and the bot."""

from bot.playground.drawings import bot_face
from bot.playground.ids import snowflake_at
from bot.playground.permissions import BOT_PERMISSIONS, EVERYONE_PERMISSIONS
from bot.playground.records import Channel, ChannelType, Guild, Member, Role, User
from bot.playground.world import World

FIRST_DAY = 1_767_225_600.0  # 2026-01-01: the ids of the first things are the same in every new world
CHANNELS = (
    ("general", "Say hello. Everyone is welcome here."),
    ("tavern", "A warm fire, long tables and longer stories."),
    ("workshop", "For trying things out."),
)
PEOPLE = ("You", "Robin", "Sam")


def create(world: World, bot_token: str) -> None:
    """Fills an empty world; tokens of the people are drawn afresh each time."""
    ids = iter(range(snowflake_at(FIRST_DAY), snowflake_at(FIRST_DAY + 1), 1 << 22))  # one a millisecond
    guild_id = next(ids)
    people = [world.add_user(User(next(ids), name.lower(), name)) for name in PEOPLE]
    everyone = Role(guild_id, "@everyone", int(EVERYONE_PERMISSIONS))
    guild = Guild(guild_id, "Mien's Playground", people[0].id, roles=[everyone])
    guild.members = [Member(person.id, FIRST_DAY) for person in people]
    world.guilds[guild.id] = guild
    world.emit("", guild)
    for position, (name, topic) in enumerate(CHANNELS):
        world.add_channel(Channel(next(ids), ChannelType.TEXT, guild.id, name, topic, position))
    bot = User(next(ids), "Mien", bot=True, description="Wears what the character feels.")
    bot.avatar = world.keep_avatar(bot.id, "image/png", bot_face())
    add_bot(world, bot, bot_token)


def add_bot(world: World, bot: User, token: str) -> User:
    """A bot application joins every guild, with a managed role of its own."""
    world.add_user(bot, token)
    for guild in world.guilds.values():
        role = Role(world.ids.next(), bot.username, int(BOT_PERMISSIONS), len(guild.roles), 0x5865F2, bot.id)
        guild.roles.append(role)
        guild.members.append(Member(bot.id, FIRST_DAY, roles=[role.id]))
        world.emit("", guild)
    return bot


def renew_token(world: World, token: str) -> None:
    """The first bot of a world loaded from a file logs in with this token from now on."""
    bot = next(user for user in world.users.values() if user.bot)
    del world.tokens[world.token_of(bot.id)]
    world.tokens[token] = bot.id
    world.change_user(bot)
