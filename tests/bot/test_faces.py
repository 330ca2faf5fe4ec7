"""Faces get addresses on Discord."""

import asyncio
from collections.abc import Callable
from io import BytesIO

import discord
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
