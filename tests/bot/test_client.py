"""The connected bot: real rooms, a real server, unmodified discord.py."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import discord
import pytest

from bot.client import MienClient, point_to
from bot.commands import Commands
from bot.compose import Rooms
from bot.errors import sentence
from bot.playground.permissions import Permission
from bot.settings import Discord
from tests.bot.members import Page, forbid
from tests.bot.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


def by_persona(event: dict[str, Any]) -> bool:
    return bool(event.get("webhook_id"))


async def test_a_message_to_the_persona_is_answered_in_its_name(scene: Stage) -> None:
    async with scene.bot():
        asked = await scene.say("Good morning, Marigold!")
        reply = await scene.page.until("MESSAGE_CREATE", by_persona)
        assert reply["author"]["username"] == "Marigold"
        assert reply["author"]["avatar"]
        [answer] = await scene.answers(asked)
        assert answer.strip()


async def test_what_is_not_for_us_is_seen_and_not_answered(scene: Stage) -> None:
    async with scene.bot() as bot:
        other = await scene.say("What a day.")
        asked = await scene.say("Isn't it, Marigold?")
        assert len(await scene.answers(asked)) == 1
        assert await bot.history.posts(other) == ()
        assert (await bot.history.last_seen())[scene.channel] >= asked


async def test_the_same_message_seen_twice_is_answered_once(scene: Stage) -> None:
    async with scene.bot() as bot:
        asked = await scene.say("Marigold, are you there?")
        message = await bot.get_partial_messageable(scene.channel).fetch_message(asked)
        await asyncio.gather(bot.on_message(message), bot.on_message(message))
        assert len(await scene.answers(asked)) == 1
        assert len([post for post in await scene.member.read(scene.channel) if by_persona(post)]) == 1


async def test_messages_of_a_channel_are_answered_in_order(scene: Stage) -> None:
    async with scene.bot() as bot:
        asked = [await scene.say(f"Marigold, question {number}?") for number in range(2)]
        for message in asked:
            await scene.answers(message)
        posts = [await bot.history.posts(message) for message in asked]
        assert posts == sorted(posts) and all(posts)
        turns = [turn.name for turn in await bot.history.recent(scene.channel, "marigold", 10)]
        assert turns == ["You", "Marigold"] * 2


async def test_more_than_fits_is_told_to_come_back(scene: Stage) -> None:
    async with scene.bot():
        for number in range(12):
            await scene.say(f"Marigold, question {number}?")
        told = await scene.page.until("MESSAGE_CREATE", lambda event: "waiting here already" in event["content"])
        assert told["message_reference"]["message_id"]


async def test_turns_that_wait_are_not_queued_again_when_discord_starts_a_new_session(scene: Stage) -> None:
    async with scene.bot() as bot:
        asked = [await scene.say(f"Marigold, question {number}?") for number in range(5)]
        for message in asked:
            await scene.heard(message)
        await bot.on_ready()
        assert [len(await scene.answers(message)) for message in asked] == [1] * 5
        assert len(await scene.member.read(scene.channel)) == 10


async def test_edits_and_deletions_change_what_is_remembered(scene: Stage) -> None:
    async with scene.bot() as bot:
        first, second = await scene.say("Marigold, I like rain."), await scene.say("Marigold, I like snow.")
        for message in (first, second):
            await scene.answers(message)
        path = f"/channels/{scene.channel}/messages"
        await scene.member.call("PATCH", f"{path}/{first}", content="Marigold, I like the sun.")
        await scene.member.call("DELETE", f"{path}/{second}")
        await bot.wait_for("raw_message_delete", check=lambda event: event.message_id == second, timeout=10)
        async with asyncio.timeout(10):
            while "Marigold, I like snow." in (said := await heard(bot, scene)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert said == ["Marigold, I like the sun."]


async def test_a_reply_cut_off_by_a_stop_is_answered_once_after_the_start(scene: Stage) -> None:
    async with scene.bot(max_tokens=400):
        asked = await scene.say("Marigold, tell me a long story about the bakery, the storm and the baker's wife.")
        half = await scene.page.until("MESSAGE_CREATE", by_persona)
    assert scene.is_open(asked)
    async with scene.bot():
        [answer] = await scene.answers(asked)
        [post] = [post for post in await scene.member.read(scene.channel) if by_persona(post)]
        assert post["content"] == answer
        assert post["id"] != half["id"]


async def test_what_was_said_while_the_bot_was_away_is_answered_once(scene: Stage) -> None:
    async with scene.bot():
        before = await scene.say("Marigold, good night.")
        await scene.answers(before)
    away = await scene.say("Marigold, are you awake?")
    await scene.say("I am not talking to her.")
    async with scene.bot() as bot:
        assert len(await scene.answers(away)) == 1
        assert len(await scene.answers(before)) == 1
        assert [turn.text for turn in await bot.history.recent(scene.channel, "marigold", 9) if turn.name == "You"] == [
            "Marigold, good night.",
            "Marigold, are you awake?",
        ]


async def test_a_direct_message_written_while_the_bot_was_away_is_answered_once(scene: Stage) -> None:
    bot_id = next(user.id for user in scene.playground.world.users.values() if user.bot)
    opened = await scene.member.call("POST", "/users/@me/channels", recipient_id=str(bot_id))
    scene.channel = int(opened["id"])
    async with scene.bot():
        await scene.answers(await scene.say("Hello there."))
    away = await scene.say("Still there?")
    async with scene.bot():
        assert len(await scene.answers(away)) == 1


async def test_what_is_said_while_the_session_is_lost_is_answered_once(scene: Stage) -> None:
    async with scene.bot() as bot:
        await scene.answers(await scene.say("Marigold, good morning."))
        down = asyncio.create_task(bot.wait_for("disconnect", timeout=10))
        await asyncio.sleep(0)
        scene.playground.gateway.forget_sessions()
        scene.playground.gateway.ask_to_reconnect()
        await down
        async with Page.open(scene.member) as scene.page:
            asked = await scene.say("Marigold, are you still there?")
            assert len(await scene.answers(asked)) == 1


async def test_missing_permissions_are_told_in_one_sentence(scene: Stage) -> None:
    forbid(scene.playground, Permission.MANAGE_WEBHOOKS, Permission.ATTACH_FILES)
    async with scene.bot():
        asked = await scene.say("Marigold?")
        told = await scene.page.until("MESSAGE_CREATE", lambda event: "not permitted" in event["content"])
        assert "Manage Webhooks" in told["content"]
        assert await scene.answers(asked) == []


async def test_a_turn_that_ended_the_process_each_time_is_given_up_with_a_sentence(scene: Stage) -> None:
    async with scene.bot():
        asked = await scene.say("Marigold, this one kills.")
        await scene.answers(asked)
    with closing(sqlite3.connect(scene.database)) as db, db:
        db.execute("UPDATE open_turns SET closed_at = NULL, attempts = 3 WHERE message = ?", (asked,))
    async with scene.bot():
        told = await scene.page.until("MESSAGE_CREATE", lambda event: "several times over" in event["content"])
        assert told["message_reference"]["message_id"] == str(asked)


async def test_a_turn_for_a_persona_that_left_is_one_sentence(scene: Stage) -> None:
    async with scene.bot() as bot:
        asked = await scene.say("Marigold?")
        await scene.answers(asked)
    with closing(sqlite3.connect(scene.database)) as db, db:
        db.execute("UPDATE open_turns SET closed_at = NULL, persona = 'ghost' WHERE message = ?", (asked,))
    async with scene.bot() as bot:
        told = await scene.page.until("MESSAGE_CREATE", lambda event: "no persona" in event["content"])
        assert told["author"]["id"] == str(bot.me.id)


async def test_a_slow_reply_is_given_up_in_a_sentence(scene: Stage) -> None:
    async with scene.bot(timeout_seconds=0.001):
        await scene.say("Marigold, quick!")
        await scene.page.until("MESSAGE_CREATE", lambda event: "needed longer than" in event["content"])


async def test_a_wrong_token_is_one_sentence(rooms: Rooms, scene: Stage) -> None:
    async with scene.bot():
        async with MienClient(rooms, Commands) as stranger:
            point_to(discord_of(scene))
            with pytest.raises(discord.LoginFailure) as caught:
                await stranger.start("nonsense")
        assert "DISCORD_TOKEN" in (sentence(caught.value) or "")


def discord_of(scene: Stage) -> Discord:
    return Discord(
        api_base=scene.playground.api_base,
        gateway_url=scene.playground.gateway_url,
        cdn_base=scene.playground.cdn_base,
    )


async def heard(bot: MienClient, scene: Stage) -> list[str]:
    return [turn.text for turn in await bot.history.recent(scene.channel, "marigold", 9) if turn.name == "You"]
