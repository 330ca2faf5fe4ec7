"""Several personas in one channel, on the stage: who joins, who speaks, what is owed."""

import asyncio
from typing import Any

import pytest

from bot.client import MienClient
from bot.greeting import greetings
from persona.cast import Cast
from tests.bot.asking import Asking
from tests.bot.members import Member, Page
from tests.bot.stage import ROOT, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def asking(scene: Stage) -> Asking:
    return Asking(scene, scene.member, scene.page)


def by_persona(event: dict[str, Any]) -> bool:
    return bool(event.get("webhook_id"))


async def spoken(scene: Stage, bot: MienClient, message: int) -> list[str]:
    """Who answered a message, in order, once nothing is owed to it any more."""
    async with asyncio.timeout(90):
        while await bot.history.unanswered() or not await bot.history.posts(message):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # a database can only be asked
    said = []
    for step in range(9):
        said += [await bot.history.persona_of_post(post) or "" for post in await bot.history.posts(message, step)][:1]
    return said


async def test_a_persona_joins_is_heard_by_those_who_are_there(scene: Stage, asking: Asking) -> None:
    async with scene.bot() as bot:
        answer = await asking.answer("scene add", name="bram")
        assert answer["content"] == "Bram joins Marigold."
        bram = bot.rooms.cast.get("bram").card
        greeting = await asking.page.until("MESSAGE_CREATE", by_persona)
        assert (greeting["author"]["username"], greeting["content"]) == ("Bram", bram.greeting.strip())
        async with asyncio.timeout(10):
            while not await bot.history.count(scene.channel, "marigold"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        [heard] = await bot.history.recent(scene.channel, "marigold", 9)
        assert (str(heard.role), heard.name, heard.text) == ("user", "Bram", bram.greeting.strip())
        assert "already" in (await asking.answer("scene add", name="Bram"))["content"]
        [embed] = (await asking.answer("scene list"))["embeds"]
        assert embed["description"].splitlines()[0] == "**Marigold** (marigold), talkativeness 50%"
        assert embed["description"].splitlines()[1].startswith("**Bram** (bram")
        assert "▸ **Bram**" in (await asking.answer("persona list"))["embeds"][0]["description"]


async def test_those_who_are_named_answer_in_order_each_in_its_own_name_and_hears_the_other(
    scene: Stage, asking: Asking
) -> None:
    async with scene.bot() as bot:
        await bot.history.set_scene(scene.channel, ["marigold", "bram"])
        asked = await scene.say("Bram and Marigold, what do you think of rain?")
        said = await spoken(scene, bot, asked)
        assert said[:2] == ["bram", "marigold"] and len(said) <= 3, "and a third line only where one called the other"
        posts = [post for post in await scene.member.read(scene.channel) if by_persona(post)]
        assert [post["author"]["username"].strip("\u200a\u17b5") for post in posts][:2] == ["Bram", "Marigold"]
        assert posts[0]["author"]["avatar"] != posts[1]["author"]["avatar"]
        words = {slug: await bot.history.recent(scene.channel, slug, 9) for slug in ("marigold", "bram")}
        assert [turn.text for turn in words["marigold"]] == [turn.text for turn in words["bram"]]
        assert [turn.name for turn in words["bram"]][:3] == ["You", "Bram", "Marigold"]
        assert [str(turn.role) for turn in words["bram"]][:3] == ["user", "character", "user"]
        assert [str(turn.role) for turn in words["marigold"]][:3] == ["user", "user", "character"]
        moods = [[one.mood for one in await bot.history.moments(scene.channel, slug, 9)] for slug in words]
        assert len(moods[0]) == len(moods[1]) == len(words["bram"]), "each felt every line"


async def test_a_reply_to_a_personas_message_asks_that_persona(scene: Stage, asking: Asking) -> None:
    async with scene.bot() as bot:
        await bot.history.set_scene(scene.channel, ["marigold", "bram"])
        first = await scene.say("Bram, good evening.")
        await spoken(scene, bot, first)
        post = (await bot.history.posts(first))[0]
        second = await scene.member.say(scene.channel, "are you sure?", message_reference={"message_id": str(post)})
        await scene.heard(second)
        assert (await spoken(scene, bot, second))[0] == "bram"


async def test_what_a_scene_owes_when_it_is_cut_off_is_given_once_after_the_start(scene: Stage, asking: Asking) -> None:
    async with scene.bot(max_tokens=400) as bot:
        await bot.history.set_scene(scene.channel, ["marigold", "bram"])
        asked = await scene.say("Bram and Marigold, tell me a long story about the storm!")
        await scene.page.until("MESSAGE_CREATE", lambda post: by_persona(post) and "Bram" in post["author"]["username"])
        await scene.page.until("MESSAGE_CREATE", lambda post: by_persona(post) and "Mari" in post["author"]["username"])
    assert scene.is_open(asked)
    async with scene.bot() as bot:
        said = await spoken(scene, bot, asked)
        assert said[:2] == ["bram", "marigold"]
        texts = [post["content"] for post in await scene.member.read(scene.channel) if by_persona(post)]
        assert len(texts) == len(said), texts
        assert await bot.history.scene(scene.channel) == ["marigold", "bram"]


async def test_a_persona_leaves_and_the_last_one_stays(scene: Stage, asking: Asking) -> None:
    async with scene.bot() as bot:
        await bot.history.set_scene(scene.channel, ["marigold", "bram", "juno"])
        assert await asking.choices("scene remove", name="ju") == ["juno"]
        assert (await asking.answer("scene remove", name="BRAM"))["content"] == "Bram leaves; Marigold and Juno stay."
        assert (await asking.answer("scene remove", name="bram"))["content"].startswith("'bram' does not speak in this")
        await asking.answer("scene remove", name="marigold")
        assert "only one" in (await asking.answer("scene remove", name="juno"))["content"]
        assert await bot.history.scene(scene.channel) == ["juno"]


async def test_members_who_manage_nothing_change_no_scene(scene: Stage) -> None:
    robin = Member(scene.playground, scene.member.session, "Robin")
    async with scene.bot() as bot, Page.open(robin) as page:
        answer = await Asking(scene, robin, page).answer("scene add", name="juno")
        assert "Manage Channels" in answer["content"]
        assert await bot.history.scene(scene.channel) == []


async def test_other_greetings_come_after_the_usual_one_and_those_for_company_first_in_company() -> None:
    card = (
        Cast([ROOT / "personas"])
        .get("bram")
        .card.model_copy(update={"greeting": " One. ", "greetings": ["Two.", "One.", " "], "group_greetings": ["All!"]})
    )
    assert greetings(card, alone=True) == ["One.", "Two."]
    assert greetings(card, alone=False) == ["All!", "One.", "Two."]
