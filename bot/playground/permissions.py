"""Who may do what where: Discord's permission arithmetic (API docs, topics/permissions)."""

from enum import IntFlag

from bot.playground.records import Channel, Guild, Member, Role


class Permission(IntFlag):
    MANAGE_CHANNELS = 1 << 4
    ADMINISTRATOR = 1 << 3
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CHANGE_NICKNAME = 1 << 26
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    SEND_VOICE_MESSAGES = 1 << 46
    PIN_MESSAGES = 1 << 51


EVERYTHING = (1 << 53) - 1
DM_PERMISSIONS = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.PIN_MESSAGES
)
EVERYONE_PERMISSIONS = (
    DM_PERMISSIONS
    | Permission.CHANGE_NICKNAME
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.CREATE_PRIVATE_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)
BOT_PERMISSIONS = (
    EVERYONE_PERMISSIONS
    | Permission.MANAGE_CHANNELS
    | Permission.MANAGE_MESSAGES
    | Permission.MANAGE_ROLES
    | Permission.MANAGE_THREADS
    | Permission.MANAGE_WEBHOOKS
)


def roles_of(guild: Guild, member: Member) -> list[Role]:
    """@everyone first, then the member's own."""
    return [role for role in guild.roles if role.id == guild.id or role.id in member.roles]


def guild_permissions(guild: Guild, member: Member) -> int:
    if member.user_id == guild.owner_id:
        return EVERYTHING
    allowed = 0
    for role in roles_of(guild, member):
        allowed |= role.permissions
    return EVERYTHING if allowed & Permission.ADMINISTRATOR else allowed


def channel_permissions(guild: Guild, member: Member, channel: Channel) -> int:
    """`channel` is the one that holds the overwrites: a thread's parent, not the thread."""
    allowed = guild_permissions(guild, member)
    if allowed == EVERYTHING:
        return allowed
    everyone = [o for o in channel.overwrites if o.id == guild.id]
    by_role = [o for o in channel.overwrites if o.type == 0 and o.id in member.roles]
    by_member = [o for o in channel.overwrites if o.type == 1 and o.id == member.user_id]
    for layer in (everyone, by_role, by_member):  # each layer: all denials, then all allowances
        for overwrite in layer:
            allowed &= ~overwrite.deny
        for overwrite in layer:
            allowed |= overwrite.allow
    return allowed
