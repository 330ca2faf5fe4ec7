"""Several personas in one channel, on the stage: who joins, who speaks, what is owed, and what surrounds the play."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from bot.client import MienClient
from bot.errors import MienError
from bot.mask_commands import mask_of
from bot.scenery import Mask
from persona.cast import Cast
from persona.macros import Macros
from persona.macrowords import Known
from persona.prompt import greetings
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
    macros = Macros(Known(char=card.name))
    assert greetings(card, macros, alone=True) == ["One.", "Two."]
    assert greetings(card, macros, alone=False) == ["All!", "One.", "Two."]


async def test_a_member_who_plays_somebody_is_heard_under_that_name(scene: Stage, asking: Asking) -> None:
    async with scene.bot() as bot:
        assert "yourself here" in (await asking.answer("me show"))["content"]
        answer = await asking.answer("me set", name="Sir  Robin", description="A knight who fears geese.")
        assert answer["content"].startswith("You are Sir Robin to the characters")
        assert answer["flags"] & 64, "only the member sees it"
        assert (await asking.answer("me show"))["content"] == "**Sir Robin**: A knight who fears geese."
        asked = await scene.say("Good day, Marigold.")
        await spoken(scene, bot, asked)
        [heard, *_] = await bot.history.recent(scene.channel, "marigold", 9)
        assert (heard.name, heard.text) == ("Sir Robin", "Good day, Marigold.")
        assert "forgotten" in (await asking.answer("me clear"))["content"]
        assert "already" in (await asking.answer("me clear"))["content"]


@pytest.mark.parametrize("name", ["Marigold", "ＢＲＡＭ", "\u200b", "x" * 41])
async def test_a_member_cannot_play_one_of_the_characters_or_nobody(name: str) -> None:
    with pytest.raises(MienError):
        mask_of(name, "It is me, really.", Cast([ROOT / "personas"]))


async def test_what_members_write_of_themselves_stays_in_bounds() -> None:
    mask = mask_of("Sir\nRobin", " one\n two\u202e ", Cast([ROOT / "personas"]))
    assert mask == Mask("Sir Robin", "one\ntwo")
    with pytest.raises(MienError, match="1,000"):
        mask_of("Robin", "x" * 1001, Cast([ROOT / "personas"]))


async def sends_book(scene: Stage, asking: Asking, name: str, content: bytes, where: str = "channel") -> dict[str, Any]:
    """The answer to /lore add with a file."""
    guild = scene.playground.world.channels[scene.channel].guild_id
    index = await scene.member.call("GET", f"/guilds/{guild}/application-command-index")
    number = next(command["id"] for command in index["application_commands"] if command["name"] == "lore")
    options = [{"type": 11, "name": "book", "value": 0}, {"type": 3, "name": "where", "value": where}]
    data = {"id": number, "name": "lore", "options": [{"type": 1, "name": "add", "options": options}]}
    asked = {"type": 2, "application_id": str(asking.application), "channel_id": str(scene.channel), "data": data}
    form = aiohttp.FormData()
    form.add_field("payload_json", json.dumps(asked), content_type="application/json")
    form.add_field("files[0]", content, filename=name, content_type="application/json")
    headers = {"Authorization": scene.playground.user_token(scene.member.name)}
    url = f"{scene.playground.api_base}/interactions"
    async with scene.member.session.post(url, data=form, headers=headers) as answer:
        assert answer.status == 204, await answer.text()
    created = await asking.page.until("MESSAGE_CREATE", lambda event: event.get("interaction_metadata"))
    return await asking.page.until("MESSAGE_UPDATE", lambda event: event["id"] == created["id"])


async def test_a_book_of_the_channel_is_known_to_the_reply_and_told_why(scene: Stage, asking: Asking) -> None:
    content = {
        "entries": [{"keys": ["Bertha"], "comment": "the oven", "content": "Bertha is the oven.", "enabled": True}]
    }
    async with scene.bot() as bot:
        assert "No lore was looked for" in (await asking.answer("lore why"))["content"]
        answer = await sends_book(scene, asking, "bakery.json", json.dumps(content).encode())
        assert answer["content"] == "**bakery.json** counts in this channel now: one entry."
        assert "**bakery.json** (this channel)" in (await asking.answer("lore list"))["embeds"][0]["description"]
        asked = await scene.say("Marigold, how is Bertha?")
        await spoken(scene, bot, asked)
        [why] = (await asking.answer("lore why"))["embeds"]
        assert why["title"] == "What Marigold knew"
        assert "**the oven** (bakery): “Bertha” in the newest message" in why["description"]
        broken = await sends_book(scene, asking, "broken.json", b"{")
        assert broken["content"].startswith("broken.json")
        assert await asking.choices("lore remove", name="bak") == ["bakery.json · channel"]
        assert "no more" in (await asking.answer("lore remove", name="bakery.json"))["content"]
        assert await bot.history.books(1, scene.channel) == []


async def test_members_who_do_not_manage_the_server_change_no_lore(scene: Stage) -> None:
    robin = Member(scene.playground, scene.member.session, "Robin")
    async with scene.bot(), Page.open(robin) as page:
        answer = await Asking(scene, robin, page).answer("lore remove", name="bakery.json")
        assert "Manage Server" in answer["content"]
