"""The whole walk of a message: two real processes, seen through a client that knows neither of them."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from tests.e2e.member import Event, Member
from tests.e2e.processes import bot, playground

INVISIBLE = "\u200a\u17b5"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def member(tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> AsyncIterator[Member]:
    folder = tmp_path_factory.mktemp("walk")
    # Of several drafts the best is shown at once, so that none grows; a busy machine paints for longer than 10 s.
    settings = {"MIEN_DRAFTS__COUNT": "1", "MIEN_FACE__PATIENCE": "60"}
    async with (
        playground(folder) as world,
        bot(world, folder, model_cache, **settings),
        Member.of(world.address) as someone,
    ):
        yield someone


def by(message: Event, name: str) -> bool:
    """Is this a webhook message of this persona?"""
    return "webhook_id" in message and message["author"]["username"].removesuffix(INVISIBLE) == name


async def picture(member: Member, author: Event) -> Image.Image:
    """The avatar as any client fetches it, decoded."""
    base = f"{member.address}cdn/avatars/{author['id']}/{author['avatar']}.png"
    face = Image.open(io.BytesIO(await member.download(base)))
    face.load()
    return face


@pytest.mark.asyncio(loop_scope="module")
async def test_a_message_is_answered_by_the_persona_in_a_growing_message_under_its_painted_face(
    member: Member,
) -> None:
    start = len(member.events)
    channel = member.channels["general"]
    await member.say("general", "Marigold, guess what: I passed my exam! I am so happy!")
    await member.sees("TYPING_START", lambda e: e["channel_id"] == channel, since=start)
    first = await member.sees("MESSAGE_CREATE", lambda m: by(m, "Marigold"), since=start)
    assert first["content"].strip() and first["author"]["avatar"]
    face = await picture(member, first["author"])
    assert face.width == face.height >= 128
    base = Image.open(Path(__file__).parents[2] / "personas/marigold/base.png").convert("RGB").resize(face.size)
    assert face.convert("RGB").tobytes() != base.tobytes(), "the face is the base picture: nothing was painted"


@pytest.mark.asyncio(loop_scope="module")
async def test_a_long_reply_grows_by_edits(member: Member) -> None:
    asked = ("Tell me a long story about the day you opened your bakery, please.", "And then?", "Wow! Tell me more!")
    for text in asked:  # the starter sometimes says a single sentence, which has nothing to grow
        start = len(member.events)
        await member.say("tavern", text)
        first = await member.sees("MESSAGE_CREATE", lambda m: by(m, "Marigold"), since=start)
        edits = [e["d"] for e in await settled(member, start) if e["t"] == "MESSAGE_UPDATE"]
        grown = [edit["content"] for edit in edits if edit["id"] == first["id"]]
        if grown:
            break
    assert grown, "no reply grew"
    assert grown[-1].startswith(first["content"][:5]) and len(grown[-1]) >= len(first["content"])


async def settled(member: Member, since: int) -> list[Event]:
    """The events from number `since` on, once none has come for some seconds."""
    seen = -1
    while seen != len(member.events):
        seen = len(member.events)
        await asyncio.sleep(5)
    return member.events[since:]


@pytest.mark.asyncio(loop_scope="module")
async def test_mood_shows_what_the_character_feels(member: Member) -> None:
    start = len(member.events)
    await member.command("general", "mood")
    shown = await member.sees("MESSAGE_UPDATE", lambda m: bool(m.get("embeds")), since=start)
    assert shown["embeds"][0]["title"].startswith("Marigold ") and "%" in shown["embeds"][0]["description"]
    [picture] = shown["attachments"]
    assert picture["description"].startswith(shown["embeds"][0]["title"]) and picture["width"] == 1200


@pytest.mark.asyncio(loop_scope="module")
async def test_persona_set_completes_names_and_the_other_character_answers(member: Member) -> None:
    start = len(member.events)
    typed = [{"type": 1, "name": "set", "options": [{"type": 3, "name": "name", "value": "br", "focused": True}]}]
    await member.command("workshop", "persona", typed, kind=4)
    offered = await member.sees("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", since=start)
    assert [choice["value"] for choice in offered["choices"]] == ["bram"]
    chosen = [{"type": 1, "name": "set", "options": [{"type": 3, "name": "name", "value": "bram"}]}]
    await member.command("workshop", "persona", chosen)
    await member.sees("MESSAGE_CREATE", lambda m: by(m, "Bram"), since=start)  # the greeting
    start = len(member.events)
    await member.say("workshop", "Good evening! Do you have a book about dragons?")
    answer = await member.sees("MESSAGE_CREATE", lambda m: by(m, "Bram"), since=start)
    assert answer["content"].strip()


@pytest.mark.asyncio(loop_scope="module")
async def test_another_feeling_wears_another_face(member: Member) -> None:
    start = len(member.events)
    await member.say("general", "You are horrible and I hate you. Your cakes are disgusting!")
    answer = await member.sees("MESSAGE_CREATE", lambda m: by(m, "Marigold"), since=start)
    faces = [m["author"]["avatar"] for m in await member.messages("general") if by(m, "Marigold")]
    assert answer["author"]["avatar"] == faces[0] and len(set(faces)) > 1
    pictures = {
        hashlib.sha256((await picture(member, answer["author"] | {"avatar": f})).tobytes()).digest() for f in faces
    }
    assert len(pictures) == len(set(faces))
