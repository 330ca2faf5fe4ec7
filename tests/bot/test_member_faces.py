"""The bot's own face in a server, under the limits of a real server."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace

import discord
import pytest
import pytest_asyncio

from avatar.shelf import Face
from bot.client import point_to
from bot.delivery import Delivery
from bot.faces import Faces
from bot.history import History
from bot.member_faces import Budget, MemberFaces, fit_nick
from bot.playground import Playground, Rule
from bot.playground.permissions import Permission
from bot.settings import Discord
from bot.webhooks import Webhooks
from tests.bot.members import FAST, Member, forbid, question
from tests.bot.test_delivery import told

Paint = Callable[[str, str], Face]
SHORT = 1.5  # seconds that two changes must be enough for, here and on the server


@pytest_asyncio.fixture
async def playground() -> AsyncGenerator[Playground]:
    async with Playground(rules=replace(FAST, member_avatar=Rule("member avatar", 2, SHORT))) as playground:
        yield playground
    point_to(Discord())


@asynccontextmanager
async def wearing(history: History, budget: Budget) -> AsyncGenerator[MemberFaces]:
    tasks: set[asyncio.Task[None]] = set()

    def aside(coroutine: Coroutine[None, None, None]) -> None:
        tasks.add(asyncio.create_task(coroutine))

    yield MemberFaces(history, aside, budget)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [result for result in results if isinstance(result, Exception)]


def avatars(playground: Playground) -> list[str]:
    """The avatars that the bot's member takes on from now on, by their hashes."""
    taken: list[str] = []

    def hear(change: object) -> None:
        member = next(one for one in guild.members if one.user_id == bot)
        if member.avatar and taken[-1:] != [member.avatar]:
            taken.append(member.avatar)

    [guild] = playground.world.guilds.values()
    bot = next(user.id for user in playground.world.users.values() if user.bot)
    playground.world.listeners.append(hear)
    return taken


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not done():  # noqa: ASYNC110 (the world can only be looked at)
            await asyncio.sleep(0.02)


async def test_of_many_faces_the_last_one_wins_and_the_budget_is_kept(
    client: discord.Client, history: History, playground: Playground, paint: Paint
) -> None:
    guild, taken = client.guilds[0], avatars(playground)
    colours = ("gold", "red", "blue", "teal", "pink")
    async with wearing(history, Budget(2, SHORT + 0.2)) as members:
        members.wear(guild, "Mien", paint("joy", "white"))
        await until(lambda: len(taken) == 1)
        members.wear(guild, "Mien", paint("joy", "black"))
        await until(lambda: len(taken) == 2)
        for colour in colours:
            members.wear(guild, "Mien", paint("joy", colour))
            await asyncio.sleep(0.01)
        await until(lambda: len(taken) == 3)
    assert (await history.member_changes(guild.id, 9))[0].sha256 == paint("joy", "pink").sha256
    assert len(taken) == 3


async def test_the_budget_is_remembered_over_a_restart(
    client: discord.Client, history: History, playground: Playground, paint: Paint
) -> None:
    guild, taken = client.guilds[0], avatars(playground)
    for face in (paint("joy", "gold"), paint("joy", "red")):
        await history.member_changed(guild.id, face.sha256)
    async with wearing(history, Budget(2, 600.0)) as members:
        members.wear(guild, "Mien", paint("joy", "blue"))
        await asyncio.sleep(0.3)
        assert taken == []
        members.wear(guild, "Mien", paint("joy", "red"))  # what is worn already costs nothing
        await asyncio.sleep(0.1)
    assert taken == []


async def test_a_refusal_keeps_the_face_and_is_told_once(
    client: discord.Client,
    history: History,
    playground: Playground,
    paint: Paint,
    caplog: pytest.LogCaptureFixture,
) -> None:
    guild, taken = client.guilds[0], avatars(playground)
    async with wearing(history, Budget(5, 0.4)) as members:  # believes in more than the server gives
        for number, colour in enumerate(("gold", "red"), start=1):
            members.wear(guild, "Mien", paint("joy", colour))
            await until(lambda number=number: len(taken) == number)
        with caplog.at_level(logging.WARNING, "bot.member_faces"):
            members.wear(guild, "Mien", paint("joy", "blue"))
            await until(lambda: caplog.messages)
            assert len(taken) == 2
            await until(lambda: len(taken) == 3)  # tried again until there is budget
    assert caplog.messages == [f"server {guild.id} keeps the face it has: changes are too many"]
    assert (await history.member_changes(guild.id, 1))[0].sha256 == paint("joy", "blue").sha256


async def test_the_bot_speaks_as_the_persona_once_it_is_called_so(
    client: discord.Client,
    history: History,
    general: discord.TextChannel,
    member: Member,
    playground: Playground,
    paint: Paint,
) -> None:
    assert client.user
    async with wearing(history, Budget()) as members:
        webhooks = Webhooks(client.user.id)
        delivery = Delivery(history, webhooks, Faces(history), mode="member", members=members)
        await delivery.deliver(question(general, 100), general, "Marigold", told(paint("joy", "gold"), "Hello!"))
        await until(lambda: members.is_called(general.guild, "Marigold"))
        await until(lambda: client.guilds[0].me.nick == "Marigold")
        await delivery.deliver(question(general, 101), general, "Marigold", told(paint("joy", "gold"), "Me again."))
    first, second = [one for one in await member.read(general.id) if one["author"]["id"] == str(client.user.id)]
    assert first["embeds"][0]["author"]["name"] == "Marigold" and first["embeds"][0]["description"] == "Hello!"
    assert (second["content"], second["embeds"]) == ("Me again.", [])


async def test_where_the_name_is_refused_replies_stay_embeds_and_it_is_told_once(
    client: discord.Client,
    history: History,
    general: discord.TextChannel,
    member: Member,
    playground: Playground,
    paint: Paint,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert client.user
    forbid(playground, Permission.CHANGE_NICKNAME)
    async with wearing(history, Budget()) as members:
        delivery = Delivery(history, Webhooks(client.user.id), Faces(history), mode="member", members=members)
        for number, colour in enumerate(("gold", "red")):
            told_events = told(paint("joy", colour), "Hello!")
            await delivery.deliver(question(general, 100 + number), general, "Marigold", told_events)
            await until(lambda: caplog.messages)
    said = [message for message in caplog.messages if "speaks in embeds" in message]
    assert len(said) == 1
    posts = [one for one in await member.read(general.id) if one["author"]["id"] == str(client.user.id)]
    assert [post["embeds"][0]["description"] for post in posts] == ["Hello!", "Hello!"]


def test_a_name_fits_what_a_member_may_be_called() -> None:
    assert fit_nick("  Queen   Marigold the First of the Bakery Street ") == "Queen Marigold the First of the"
