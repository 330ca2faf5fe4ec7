"""Slash commands as a member uses them, and their manual."""

import re
import time
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from PIL import Image

from avatar.palette import DARK, colour
from bot.client import MienClient
from bot.commands import Commands, at_work, in_memory
from emotion.labels import EMOTIONS
from emotion.mood import Mood, Reading
from inference.job import Priority
from inference.residency import Resident
from persona.turn import Role, Turn
from tests.bot.asking import Asking
from tests.bot.members import Member, Page
from tests.bot.stage import ROOT, Stage
from tests.browser import Browser, find_chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def asking(scene: Stage) -> Asking:
    return Asking(scene, scene.member, scene.page)


async def test_personas_are_listed_and_the_one_that_speaks_is_marked(scene: Stage, asking: Asking) -> None:
    async with scene.bot():
        answer = await asking.answer("persona list")
    [embed] = answer["embeds"]
    assert "▸ **Marigold** (`marigold`)" in embed["description"]
    assert "`juno`" in embed["description"]
    assert answer["flags"] & discord.MessageFlags.ephemeral.flag


async def test_setting_a_persona_changes_who_speaks_and_brings_a_greeting_once(scene: Stage, asking: Asking) -> None:
    async with scene.bot() as bot:
        answer = await asking.answer("persona set", name="juno")
        juno = bot.rooms.cast.get("juno")
        assert answer["content"] == f"{juno.card.name} speaks in this channel now."
        greeting = await asking.page.until("MESSAGE_CREATE", lambda event: event.get("webhook_id"))
        assert (greeting["content"], greeting["author"]["username"]) == (juno.card.greeting.strip(), juno.card.name)
        assert await bot.history.scene(scene.channel) == ["juno"]
        asked = await scene.say("Juno, who are you?")
        await scene.answers(asked)
        said = [turn.name for turn in await bot.history.recent(scene.channel, "juno", 9)]
        assert said == [juno.card.name, "You", juno.card.name]
        await asking.answer("persona set", name=juno.card.name.upper())
        assert len(await bot.history.recent(scene.channel, "juno", 9)) == 3


async def test_names_are_completed_while_they_are_typed(scene: Stage, asking: Asking) -> None:
    async with scene.bot():
        assert await asking.choices("persona set", name="mar") == ["marigold"]
        assert set(await asking.choices("persona set", name="")) >= {"bram", "juno", "marigold"}
        assert await asking.choices("face show", expression="ang") == ["anger"]


async def test_an_unknown_persona_is_one_sentence_for_the_asking_member(scene: Stage, asking: Asking) -> None:
    async with scene.bot() as bot:
        answer = await asking.answer("persona set", name="nobody")
        assert "there is no persona 'nobody'" in answer["content"]
        assert answer["flags"] & discord.MessageFlags.ephemeral.flag
        assert await bot.history.scene(scene.channel) == []


@pytest.mark.parametrize(("line", "options"), [("persona set", {"name": "juno"}), ("reset", {})])
async def test_members_who_manage_nothing_change_nothing(scene: Stage, line: str, options: dict[str, str]) -> None:
    robin = Member(scene.playground, scene.member.session, "Robin")
    async with scene.bot() as bot, Page.open(robin) as page:
        await bot.history.remember(scene.channel, "marigold", Turn(Role.USER, "You", "hello", 1.0))
        answer = await Asking(scene, robin, page).answer(line, **options)
        assert "Manage Channels" in answer["content"]
        assert await bot.history.scene(scene.channel) == []
        assert await bot.history.count(scene.channel) == 1


async def quarrel(bot: MienClient, channel: int) -> None:
    """Two turns that Marigold felt."""
    for speaker, face, felt in (("You", "", "anger"), ("Marigold", "anger", "sadness")):
        turn = Turn(Role.CHARACTER if face else Role.USER, speaker, "You oaf!", time.time(), feeling=face)
        turn = replace(turn, id=await bot.history.remember(channel, "marigold", turn))
        weights = {felt: 0.6, "annoyance": 0.3, "neutral": 0.1}
        mood = Mood(tuple(weights.get(name, 0.0) for name in EMOTIONS), felt, turn.at)
        await bot.history.keep_reading(turn, Reading((0.0,) * 28, Mood.neutral().weights), mood)


async def test_the_mood_is_shown_as_a_picture_that_tells_itself(scene: Stage, asking: Asking) -> None:
    async with scene.bot() as bot:
        await quarrel(bot, scene.channel)
        answer = await asking.answer("mood", theme="light")
        picture = Image.open(BytesIO(await scene.member.picture(answer["attachments"][0]["url"])))
    assert answer["embeds"], answer
    [embed], [file] = answer["embeds"], answer["attachments"]
    assert re.fullmatch(r"Marigold feels sadness, with (some )?annoyance", embed["title"])  # seconds pass, and calm
    assert re.fullmatch(r"sadness \d+%, annoyance \d+%, calm \d+%", embed["description"])
    assert file["filename"] == "mood.png" and file["size"] < 150_000
    assert file["description"] == f"{embed['title']}. In the last 2 turns: anger, then sadness. Faces worn: anger."
    assert picture.size == (1200, 820) and picture.convert("RGBA").getpixel((600, 12)) == (255, 255, 255, 255)


@pytest.mark.skipif(not find_chromium(), reason="no chromium on this machine")
async def test_the_mood_is_read_on_the_page_of_a_phone(scene: Stage, tmp_path: Path) -> None:
    async with scene.bot() as bot, Browser() as browser:
        await quarrel(bot, scene.channel)
        await browser.resize(390, 780, phone=True)
        await browser.open(f"{scene.playground.address}#{scene.channel}")
        await browser.wait_for("document.querySelector('.channel.active') && document.querySelector('#composer')")
        await browser.click("#composer")
        await browser.type("/mood")
        await browser.wait_for("document.querySelectorAll('#commands .command').length === 1")
        await browser.press("Enter")
        await browser.press("Enter")
        shown = "document.querySelector('#messages img[alt^=\"Marigold feels sadness\"]')"
        await browser.wait_for(f"{shown}?.complete && {shown}.naturalWidth === 1200", 60)
        assert 290 <= await browser.evaluate(f"{shown}.getBoundingClientRect().width") <= 390
        await browser.screenshot(tmp_path / "page.png")
        assert not browser.errors
    with Image.open(tmp_path / "page.png") as page:
        seen = Counter(page.convert("RGB").get_flattened_data())
    assert min(seen[colour(felt, DARK)] for felt in ("anger", "sadness", "annoyance")) > 5_000


async def test_the_mood_can_be_seen_before_anything_was_said(scene: Stage, asking: Asking) -> None:
    async with scene.bot():
        answer = await asking.answer("mood")
    assert answer["embeds"][0]["title"] == "Marigold is calm"
    assert answer["attachments"][0]["description"] == "Marigold is calm: nothing was said here yet."


async def test_reset_forgets_this_channel(scene: Stage, asking: Asking) -> None:
    async with scene.bot() as bot:
        for _ in range(2):
            await bot.history.remember(scene.channel, "marigold", Turn(Role.USER, "You", "hello", 1.0))
        answer = await asking.answer("reset")
        assert "2 messages are gone" in answer["content"]
        assert await bot.history.count(scene.channel) == 0


async def test_the_status_names_models_device_and_latency(scene: Stage, asking: Asking) -> None:
    async with scene.bot():
        [embed] = (await asking.answer("status"))["embeds"]
    fields = {field["name"]: field["value"] for field in embed["fields"]}
    assert (fields["Persona"], fields["Language model"], fields["Device"]) == ("Marigold", "starter", "cpu")
    assert re.fullmatch(r"\d+ ms", fields["Latency"])
    assert fields["Waiting"] == "0 messages"
    assert fields["At work"] == "nothing"
    assert fields["Faces painted"].isdecimal() and fields["Animations painted"].isdecimal()
    assert re.match(
        r"language model \(\d+ MiB\), keys and values \(\d+ MiB\), classifier \(\d+ MiB\)", fields["In memory"]
    )


async def test_what_the_device_does_is_told_in_words() -> None:
    unfinished = {Priority.PREWARM: 1, Priority.REPLY: 2, Priority.PORTRAIT: 1, Priority.FEELING: 0}
    assert at_work(unfinished) == "2 replies, 1 face, 1 face for later"
    assert at_work({Priority.FEELING: 3}) == "3 messages to feel"
    assert at_work({}) == "nothing"


async def test_who_is_in_memory_and_who_rests_is_told_in_words() -> None:
    model, painter = Resident("language model", 5 << 30, True, True), Resident("painter", 5 << 20, False, False)
    assert in_memory([model, painter]) == "language model (5.0 GiB); resting: painter"
    assert in_memory([model]) == "language model (5.0 GiB)"
    assert in_memory([]) == "nothing yet"


async def test_the_manual_has_every_command_with_its_options_and_description() -> None:
    manual = (ROOT / "docs" / "commands.md").read_text()
    rows = dict(re.findall(r"^\| `(/[^`]+)` \| ([^|]+) \|", manual, re.MULTILINE))
    tree = Commands(discord.Client(intents=discord.Intents.none()))  # type: ignore[arg-type]
    known = {_usage(command): command.description for command in tree.walk_commands() if _is_leaf(command)}
    assert {usage: text.strip() for usage, text in rows.items()} == known


def _is_leaf(command: object) -> bool:
    return isinstance(command, app_commands.Command)


def _usage(command: Any) -> str:
    return " ".join([f"/{command.qualified_name}", *(f"{parameter.display_name}:" for parameter in command.parameters)])
