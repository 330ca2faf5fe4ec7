"""Faces get addresses on Discord."""

import asyncio
from collections.abc import Callable
from io import BytesIO

import discord
import pytest
from PIL import Image

from avatar.shelf import Face
from bot.faces import Faces
from bot.history import History
from bot.playground import Playground
from bot.playground.permissions import Permission
from tests.bot.members import Member, forbid

Paint = Callable[[str, str], Face]


async def test_a_face_is_posted_once_into_a_private_channel(
    client: discord.Client, history: History, member: Member, paint: Paint
) -> None:
    guild, joy = client.guilds[0], paint("joy", "gold")
    faces = Faces(history)
    first, second = await asyncio.gather(faces.address(guild, joy), faces.address(guild, joy))
    assert first == second == await Faces(history).address(guild, joy)
    assert first and first.endswith(f"{joy.sha256}.png")
    shelf = next(channel for channel in await guild.fetch_channels() if channel.name == "mien-faces")
    assert isinstance(shelf, discord.TextChannel)
    assert not shelf.permissions_for(guild.default_role).view_channel
    [message] = [message async for message in shelf.history()]
    picture = await member.picture(message.attachments[0].url)
    assert Image.open(BytesIO(picture)).getpixel((1, 1)) == (255, 215, 0)


async def test_faces_share_one_shelf_channel(client: discord.Client, history: History, paint: Paint) -> None:
    guild, faces = client.guilds[0], Faces(history)
    addresses = await asyncio.gather(*(faces.address(guild, paint(name, name)) for name in ("red", "blue")))
    assert None not in addresses and len(set(addresses)) == 2
    assert [channel.name for channel in await guild.fetch_channels()].count("mien-faces") == 1


async def test_a_face_discord_did_not_take_is_posted_again_once(
    client: discord.Client, history: History, paint: Paint
) -> None:
    guild, faces, joy = client.guilds[0], Faces(history), paint("joy", "gold")
    first = await faces.address(guild, joy)
    await faces.distrust(guild, joy)
    second = await faces.address(guild, joy)
    await faces.distrust(guild, joy)
    assert first != second == await faces.address(guild, joy)


async def test_without_permission_there_is_no_address_and_it_is_not_asked_for_again(
    client: discord.Client, history: History, paint: Paint, playground: Playground
) -> None:
    guild, joy = client.guilds[0], paint("joy", "gold")
    forbid(playground, Permission.MANAGE_CHANNELS)
    faces = Faces(history)
    assert await faces.address(guild, joy) is None
    playground.world.guilds[guild.id].roles[-1].permissions |= Permission.MANAGE_CHANNELS
    assert await faces.address(guild, joy) is None
    assert await Faces(history).address(guild, joy)


async def shelf_of(guild: discord.Guild) -> discord.TextChannel:
    found = next(channel for channel in await guild.fetch_channels() if channel.name == "mien-faces")
    assert isinstance(found, discord.TextChannel)
    return found


async def test_a_shelf_that_was_deleted_is_made_anew(client: discord.Client, history: History, paint: Paint) -> None:
    guild, faces, joy, anger = client.guilds[0], Faces(history), paint("joy", "gold"), paint("anger", "red")
    first = await faces.address(guild, joy)
    await (await shelf_of(guild)).delete()
    second = await faces.address(guild, anger)
    assert first and second
    await faces.look_over(guild)
    assert await faces.address(guild, anger) == second
    assert await faces.address(guild, joy) not in (None, first)


async def test_after_a_start_deleted_faces_are_posted_anew_and_forgotten_ones_are_known_again(
    client: discord.Client, history: History, paint: Paint
) -> None:
    guild, faces, joy, anger = client.guilds[0], Faces(history), paint("joy", "gold"), paint("anger", "red")
    gone, kept = await faces.address(guild, joy), await faces.address(guild, anger)
    shelf = await shelf_of(guild)
    [message] = [one async for one in shelf.history() if one.attachments[0].filename.startswith(joy.sha256)]
    await message.delete()
    await history.forget_face(guild.id, anger.sha256)  # as if the process had died before it was written down
    later = Faces(history)
    await later.look_over(guild)
    assert await later.address(guild, anger) == kept
    assert await later.address(guild, joy) not in (None, gone)
    assert len([one async for one in shelf.history()]) == 2


async def test_a_shelf_may_be_called_otherwise(client: discord.Client, history: History, paint: Paint) -> None:
    guild, faces = client.guilds[0], Faces(history)
    await faces.address(guild, paint("joy", "gold"))
    await (await shelf_of(guild)).edit(name="portraits")
    await faces.address(guild, paint("anger", "red"))
    assert [channel.name for channel in await guild.fetch_channels()].count("mien-faces") == 0


async def test_a_missing_permission_is_told_once_with_what_still_works(
    client: discord.Client, history: History, paint: Paint, playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    forbid(playground, Permission.MANAGE_CHANNELS)
    faces = Faces(history)
    faces_asked = [paint("joy", "gold"), paint("anger", "red")]
    for face in faces_asked:
        assert await faces.address(client.guilds[0], face) is None
        faces._refused.clear()  # ten minutes later
    [said] = [record.getMessage() for record in caplog.records if record.name == "bot.faces"]
    assert "make #mien-faces where it can post files; until then replies wear one face a webhook" in said
