"""Who may change a portrait for all servers: over real sockets, with discord.py as it is."""

from pathlib import Path

import aiohttp
import discord
import pytest

from avatar.picture import to_png
from bot.keepers import owners
from bot.playground import Playground
from bot.playground.genesis import FIRST_DAY
from bot.playground.permissions import EVERYONE_PERMISSIONS, Permission
from bot.playground.records import Channel, ChannelType, Guild, Member, Role, User
from tests.avatar.pictures import face_picture
from tests.bot.asking import Asking
from tests.bot.members import Member as Person
from tests.bot.members import Page, connected
from tests.bot.test_face_commands import Studio, studio
from tests.bot.test_face_upload import sends

pytestmark = pytest.mark.usefixtures("own_marigold")
PNG = to_png(face_picture(100))


def bot_of(playground: Playground) -> User:
    return next(user for user in playground.world.users.values() if user.bot)


def named(playground: Playground, name: str) -> User:
    return next(user for user in playground.world.users.values() if user.global_name == name)


def another_server(playground: Playground, owner: str) -> int:
    """A second server, with everybody in it; returns its only channel."""
    world = playground.world
    number = world.ids.next()
    guild = Guild(number, "Elsewhere", named(playground, owner).id)
    guild.roles = [Role(number, "@everyone", int(EVERYONE_PERMISSIONS))]
    guild.members = [Member(user.id, FIRST_DAY) for user in world.users.values()]
    world.guilds[number] = guild
    return world.add_channel(Channel(world.ids.next(), ChannelType.TEXT, number, "general")).id


def let_manage(playground: Playground, name: str) -> int:
    """A member of the first server becomes one of its managers; returns the server's id."""
    guild = next(iter(playground.world.guilds.values()))
    role = Role(playground.world.ids.next(), "managers", int(Permission.MANAGE_GUILD), 1)
    guild.roles.append(role)
    member = guild.member(named(playground, name).id)
    assert member
    member.roles.append(role.id)
    return guild.id


async def asked(scene: Studio, name: str, channel: int | None = None) -> str:
    """What somebody is told who sends a portrait and asks for another painting."""
    person, here = Person(scene.playground, scene.member.session, name), scene.channel
    scene.channel = here if channel is None else channel
    async with Page.open(person) as page:
        before, scene.page = scene.page, page
        upload = (await sends(scene, PNG, member=person))["content"]
        if "Only" in upload:
            assert (await Asking(scene, person, page).answer("face repaint", expression="joy"))["content"] == (
                upload.replace("change a portrait", "have a face painted anew")
            )
        scene.page, scene.channel = before, here
    return str(upload)


async def test_in_its_only_server_the_managers_may(
    playground: Playground, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    let_manage(playground, "Robin")
    async with studio(tmp_path, playground, session) as scene:
        assert "Where the face of Marigold may change" in await asked(scene, "Robin")
        assert "Where the face of Marigold may change" in await asked(scene, "You")
        assert await asked(scene, "Sam") == (
            "Only the bot's owner and members with the permission “Manage Server” in “Mien's Playground” may change a "
            "portrait, since it counts in every server."
        )


async def test_in_several_servers_only_the_owner_may_whoever_rules_them(
    playground: Playground, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    let_manage(playground, "Robin")
    elsewhere = another_server(playground, "Sam")
    async with studio(tmp_path, playground, session) as scene:
        for name, channel in (("Robin", None), ("Sam", elsewhere)):
            assert await asked(scene, name, channel) == (
                "Only the bot's owner may change a portrait, since it counts in every server; the setting [bot] home "
                "can name a server whose managers may, too."
            )
        assert "Where the face of Marigold may change" in await asked(scene, "You", elsewhere)


async def test_a_home_server_is_named_and_its_managers_may_there_alone(
    playground: Playground, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    home = let_manage(playground, "Robin")
    elsewhere = another_server(playground, "Sam")
    async with studio(tmp_path, playground, session, home=home) as scene:
        assert "Where the face of Marigold may change" in await asked(scene, "Robin")
        refusal = await asked(scene, "Robin", elsewhere)
        assert "“Manage Server” in “Mien's Playground” may change" in refusal
        assert await asked(scene, "Sam", elsewhere) == refusal


async def test_of_a_team_those_who_build_it_are_owners(playground: Playground) -> None:
    bot, people = bot_of(playground), [named(playground, name).id for name in ("Sam", "Robin")]
    async with connected(playground) as client:
        assert client.application and client.application.team is None
        assert owners(client) == {named(playground, "You").id}
    bot.team = people
    async with connected(playground) as client:
        assert client.application and client.application.team
        assert client.application.team.owner_id == people[0] and client.application.owner.name == f"team{bot.id}"
        assert owners(client) == set(people)
        second = client.application.team.members[1]
        second.membership_state = discord.TeamMembershipState.invited
        assert owners(client) == {people[0]}
