"""Who may change what a persona is in every server: its portrait, and how its faces are painted.

A persona belongs to whoever runs the bot, not to the servers it visits, where anybody may be administrator:

    the application's owner, or its team (admins and developers)     anywhere, in direct messages too
    members with “Manage Server”                                      in the home server alone

The home server is the one that [bot] home names; without it, the bot's only server. A bot in several servers has none.
"""

import discord

from bot.client import MienClient
from bot.errors import MienError
from bot.here import Here

BUILDERS = (discord.TeamMemberRole.admin, discord.TeamMemberRole.developer)


def require_keeper(here: Here, what: str) -> None:
    """Raises MienError, a sentence that says who may, unless whoever asks may. what: "change a portrait"."""
    if here.user.id in owners(here.client):
        return
    home = home_of(here.client)
    if home is not None and here.guild_id == home and here.permissions.manage_guild:
        return
    raise MienError(_who_may(here.client, home, what))


def _who_may(client: MienClient, home: int | None, what: str) -> str:
    if home is None:
        return (
            f"Only the bot's owner may {what}, since it counts in every server; "
            "the setting [bot] home can name a server whose managers may, too."
        )
    server = client.get_guild(home)
    name = f"“{server.name}”" if server else "the bot's home server"
    return (
        f"Only the bot's owner and members with the permission “Manage Server” in {name} may {what}, since it counts "
        "in every server."
    )


def owners(client: discord.Client) -> frozenset[int]:
    """Whose application the bot is, as Discord said at the login: one user, or those of a team who build it."""
    application = client.application
    if application is None:
        return frozenset()
    if application.team is None:
        return frozenset({application.owner.id})
    joined = (
        member for member in application.team.members if member.membership_state is discord.TeamMembershipState.accepted
    )
    builders = {member.id for member in joined if member.role in BUILDERS}
    return frozenset(builders | {application.team.owner_id or application.owner.id})


def home_of(client: MienClient) -> int | None:
    """The id of the home server; None where the bot has none."""
    if (named := client.rooms.settings.bot.home) is not None:
        return named
    return client.guilds[0].id if len(client.guilds) == 1 else None
