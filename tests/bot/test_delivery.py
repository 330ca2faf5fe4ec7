"""Replies come into channels as members see them, on a real server."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from io import BytesIO
from typing import Any

import discord
import pytest
from PIL import Image

from avatar.shelf import Face
from bot.conversation import Directed, Event, Piece, Portrait, Spoken
from bot.delivery import Delivery
from bot.faces import Faces
from bot.history import History
from bot.playground import Playground, Rule
from bot.playground.permissions import Permission
from bot.reply import Pace, TakenAway
from bot.webhooks import SUFFIX, Webhooks
from persona.turn import Role, Turn
from tests.bot.members import Member, forbid, question

Paint = Callable[[str, str], Face]
Events = AsyncGenerator[Event]
LONG = "The dough rises while the town is asleep. " * 60 + "```python\n" + "bake()\n" * 40 + "```"


@pytest.fixture
def delivery(client: discord.Client, history: History) -> Delivery:
    return delivers(client, history, edit_seconds=0.0)


def delivers(client: discord.Client, history: History, **pace: float) -> Delivery:
    assert client.user
    return Delivery(history, Webhooks(client.user.id), Faces(history), pace=Pace(**pace))  # type: ignore[arg-type]


async def told(face: Face, text: str, *pieces: str) -> Events:
    """A turn whose words come in these pieces."""
    yield Directed(face.expression, face)
    for piece in pieces or (text,):
        yield Piece(piece)
    yield Spoken(text, 1, {})


async def persona_messages(member: Member, channel: discord.abc.Snowflake) -> list[dict[str, Any]]:
    return [message for message in await member.read(channel.id) if message.get("webhook_id")]


async def test_a_reply_grows_under_the_name_and_the_face_of_its_persona(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    seen: list[list[str]] = []

    async def events() -> Events:
        yield Directed("joy", paint("joy", "gold"))
        for piece in ("Oh", "! Muffins", " are", " ready."):
            yield Piece(piece)
            seen.append([message["content"] for message in await persona_messages(member, general)])
        yield Spoken("Oh! Muffins are ready!", 1, {})

    reply = await delivery.deliver(question(general, 100), general, "Marigold", events())
    assert seen == [[], ["Oh! Muffins"], ["Oh! Muffins are"], ["Oh! Muffins are ready."]]
    [message] = await persona_messages(member, general)
    assert (message["content"], message["author"]["username"]) == ("Oh! Muffins are ready!", "Marigold")
    assert [post.message for post in reply.posts] == [int(message["id"])]
    assert (await worn_colour(member, message)) == (255, 215, 0)


async def test_between_edits_time_passes_and_the_last_one_always_lands(
    client: discord.Client, history: History, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    delivery = delivers(client, history, edit_seconds=3600.0)
    seen: list[str] = []

    async def events() -> Events:
        yield Directed("joy", paint("joy", "gold"))
        for _ in range(5):
            yield Piece("More! ")
            seen.extend(message["content"] for message in await persona_messages(member, general))
        yield Spoken("Enough.", 1, {})

    await delivery.deliver(question(general, 100), general, "Marigold", events())
    assert seen == ["More!"] * 5
    assert [message["content"] for message in await persona_messages(member, general)] == ["Enough."]


async def test_typing_is_shown_until_the_first_words(
    delivery: Delivery, general: discord.TextChannel, playground: Playground, paint: Paint
) -> None:
    told_events: list[str] = []
    playground.world.listeners.append(lambda change: told_events.append(change.name))
    await delivery.deliver(question(general, 100), general, "Marigold", told(paint("joy", "gold"), "Hello. You."))
    assert told_events.index("TYPING_START") < told_events.index("MESSAGE_CREATE")


async def test_a_long_reply_becomes_messages_in_order(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint, history: History
) -> None:
    pieces = [LONG[start : start + 500] for start in range(0, len(LONG), 500)]
    await delivery.deliver(question(general, 100), general, "Marigold", told(paint("joy", "gold"), LONG, *pieces))
    messages = await persona_messages(member, general)
    assert len(messages) == 2
    assert all(len(message["content"]) <= 2000 and message["content"].count("```") % 2 == 0 for message in messages)
    assert " ".join(message["content"] for message in messages).count("asleep.") == 60
    assert await history.posts(100) == tuple(int(message["id"]) for message in messages)


async def test_nobody_is_ever_pinged(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    text = f"@everyone, hey! And <@{general.guild.owner_id}>, look."
    pieces = ("@everyone, hey! ", f"And <@{general.guild.owner_id}>, look.")
    await delivery.deliver(question(general, 100), general, "Marigold", told(paint("joy", "gold"), text, *pieces))
    [message] = await persona_messages(member, general)
    assert message["content"] == text and message["edited_timestamp"]
    assert (message["mention_everyone"], message["mentions"]) == (False, [])


async def test_a_new_face_comes_with_another_name_that_looks_the_same(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    joy, anger = paint("joy", "gold"), paint("anger", "red")
    for number, face in enumerate((joy, joy, anger, anger, joy)):
        await delivery.deliver(question(general, 100 + number), general, "Marigold", told(face, f"Number {number}."))
    names = [message["author"]["username"] for message in await persona_messages(member, general)]
    assert names == ["Marigold", "Marigold", "Marigold" + SUFFIX, "Marigold" + SUFFIX, "Marigold"]


async def test_a_thread_is_answered_in_the_thread(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    thread = await (await general.send("a story")).create_thread(name="chapter one")
    turn = replace(question(general, 100), channel=thread.id)
    await delivery.deliver(turn, thread, "Marigold", told(paint("joy", "gold"), "Once. Upon a time.", "Once. ", "Up"))
    assert [message["content"] for message in await persona_messages(member, thread)] == ["Once. Upon a time."]
    assert await persona_messages(member, general) == []


async def test_a_webhook_deleted_in_the_middle_of_a_reply_costs_no_word(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint, history: History
) -> None:
    async def events() -> Events:
        yield Directed("joy", paint("joy", "gold"))
        yield Piece("Once. ")
        for webhook in await general.webhooks():
            await webhook.delete()
        yield Piece("Upon a time.")
        yield Spoken("Once. Upon a time.", 1, {})

    await delivery.deliver(question(general, 100), general, "Marigold", events())
    [message] = await persona_messages(member, general)
    assert message["content"] == "Once. Upon a time."
    assert await history.posts(100) == (int(message["id"]),)


async def test_a_webhook_deleted_between_replies_is_made_anew(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    for number in range(2):
        await delivery.deliver(question(general, number), general, "Marigold", told(paint("joy", "gold"), "Hi."))
        for webhook in await general.webhooks():
            await webhook.delete()
    assert [message["content"] for message in await persona_messages(member, general)] == ["Hi.", "Hi."]


async def test_a_reply_that_somebody_deletes_is_not_written_on(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    closed: list[bool] = []

    async def events() -> Events:
        try:
            yield Directed("joy", paint("joy", "gold"))
            yield Piece("Something rude. ")
            [message] = await persona_messages(member, general)
            await member.call("DELETE", f"/channels/{general.id}/messages/{message['id']}")
            yield Piece("And more.")
            yield Piece("And more.")
        finally:
            closed.append(True)

    with pytest.raises(TakenAway):
        await delivery.deliver(question(general, 100), general, "Marigold", events())
    assert closed == [True]
    assert await persona_messages(member, general) == []


async def test_rate_limits_are_waited_for(
    client: discord.Client, history: History, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    member.playground.limits.rules = replace(member.playground.limits.rules, webhook=Rule("webhook", 2, 0.3))
    delivery = delivers(client, history, edit_seconds=0.0)
    text = " ".join(f"Word {number}." for number in range(8))
    pieces = [f"{word} " for word in text.split()]
    await delivery.deliver(question(general, 100), general, "Marigold", told(paint("joy", "gold"), text, *pieces))
    assert [message["content"] for message in await persona_messages(member, general)] == [text]


async def test_without_webhooks_the_face_is_in_an_embed(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint, playground: Playground
) -> None:
    forbid(playground, Permission.MANAGE_WEBHOOKS)
    await delivery.deliver(question(general, 100), general, "Marigold", told(paint("joy", "gold"), "Hi! You.", "Hi! "))
    [message] = await member.read(general.id)
    [embed] = message["embeds"]
    assert (embed["author"]["name"], embed["description"]) == ("Marigold", "Hi! You.")
    assert Image.open(BytesIO(await member.picture(embed["thumbnail"]["url"]))).size == (64, 64)


async def test_in_a_direct_message_the_face_is_in_an_embed_and_can_change(
    delivery: Delivery, client: discord.Client, member: Member, paint: Paint
) -> None:
    assert client.user
    opened = await member.call("POST", "/users/@me/channels", recipient_id=str(client.user.id))
    room = await client.fetch_channel(int(opened["id"]))
    assert isinstance(room, discord.DMChannel)

    async def events() -> Events:
        yield Directed("joy", paint("neutral", "grey"))
        yield Spoken("Hello you.", 1, {})
        yield Portrait(paint("joy", "gold"))

    await see_all(delivery, room, question(room, 100), events())
    [message] = await member.read(room.id)
    assert message["embeds"][0]["description"] == "Hello you."
    picture = Image.open(BytesIO(await member.picture(message["embeds"][0]["thumbnail"]["url"])))
    assert picture.getpixel((1, 1)) == (255, 215, 0)


async def test_a_face_that_came_late_is_put_on_and_there_is_one_answer(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint, history: History
) -> None:
    async def events() -> Events:
        yield Directed("joy", paint("neutral", "grey"))
        yield Spoken("Hello you.", 1, {})
        yield Portrait(paint("joy", "gold"))

    await see_all(delivery, general, question(general, 100), events())
    [message] = await persona_messages(member, general)
    assert message["content"] == "Hello you."
    assert await worn_colour(member, message) == (255, 215, 0)
    assert await history.posts(100) == (int(message["id"]),)
    worn = await history.worn(general.id, "marigold")
    assert worn is not None and (worn.expression, worn.face) == ("joy", paint("joy", "gold").sha256)


async def test_a_late_face_that_is_the_one_already_shown_changes_nothing(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    ids: list[str] = []

    async def events() -> Events:
        yield Directed("joy", paint("neutral", "grey"))
        yield Spoken("Hello you.", 1, {})
        ids.extend(message["id"] for message in await member.read(general.id))
        yield Portrait(paint("neutral", "grey"))

    await see_all(delivery, general, question(general, 100), events())
    assert [message["id"] for message in await member.read(general.id)] == ids


async def test_a_late_face_does_not_bring_back_what_was_deleted(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint, history: History
) -> None:
    async def events() -> Events:
        yield Directed("joy", paint("neutral", "grey"))
        yield Spoken("Hello you.", 1, {})
        [message] = await persona_messages(member, general)
        await member.call("DELETE", f"/channels/{general.id}/messages/{message['id']}")
        await history.delete(int(message["id"]))
        yield Portrait(paint("joy", "gold"))

    await see_all(delivery, general, question(general, 100), events())
    assert await member.read(general.id) == []


async def test_a_late_face_moves_nothing_when_the_talk_went_on(
    delivery: Delivery, client: discord.Client, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    async def events() -> Events:
        yield Directed("joy", paint("neutral", "grey"))
        yield Spoken("Hello you.", 1, {})
        said = await member.say(general.id, "Thanks!")
        if general.last_message_id != said:
            await client.wait_for("message", check=lambda message: message.id == said)
        yield Portrait(paint("joy", "gold"))

    await see_all(delivery, general, question(general, 100), events())
    assert [message["content"] for message in await member.read(general.id)] == ["Hello you.", "Thanks!"]


async def test_where_no_address_is_to_be_had_the_webhook_wears_the_face(
    delivery: Delivery, general: discord.TextChannel, member: Member, paint: Paint, playground: Playground
) -> None:
    forbid(playground, Permission.MANAGE_CHANNELS)
    await delivery.deliver(question(general, 100), general, "Marigold", told(paint("joy", "gold"), "Hi."))
    [webhook] = await general.webhooks()
    assert webhook.avatar
    assert Image.open(BytesIO(await webhook.avatar.read())).getpixel((1, 1)) == (255, 215, 0)


@pytest.mark.parametrize("lost", [(), (Permission.MANAGE_WEBHOOKS,), (Permission.MANAGE_CHANNELS,)])
async def test_a_face_whose_file_is_gone_costs_no_word(
    delivery: Delivery,
    general: discord.TextChannel,
    member: Member,
    paint: Paint,
    playground: Playground,
    lost: tuple[Permission, ...],
) -> None:
    forbid(playground, *lost)
    face = paint("joy", "gold")
    face.path.unlink()
    await delivery.deliver(question(general, 100), general, "Marigold", told(face, "Hi. You there.", "Hi. ", "You"))
    [message] = await member.read(general.id)
    assert (message["content"] or message["embeds"][0]["description"]) == "Hi. You there."


async def test_what_goes_wrong_in_a_turn_comes_out_and_the_turn_is_closed(
    delivery: Delivery, general: discord.TextChannel, paint: Paint
) -> None:
    closed: list[bool] = []

    async def events() -> Events:
        try:
            yield Directed("joy", paint("joy", "gold"))
            raise RuntimeError("the model fell over")
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match="fell over"):
        await delivery.deliver(question(general, 100), general, "Marigold", events())
    assert closed == [True]


# --- after a crash ------------------------------------------------------------------------------------------------


async def test_a_half_answer_is_taken_back_even_if_nobody_wrote_it_down(
    client: discord.Client, history: History, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    asked = await member.say(general.id, "Marigold?")
    turn = question(general, asked)
    await history.open_turn(turn)
    delivery = delivers(client, history, edit_seconds=0.0)
    async with aclosing(told(paint("joy", "gold"), "Once. Upon", "Once. Upon")) as events:
        await delivery.deliver(turn, general, "Marigold", events)
    [webhook] = await general.webhooks()
    await webhook.send("Once.", username="Marigold", wait=True)  # sent, and then the process was killed
    [left] = await history.unanswered()
    assert len(left.posts) == 1
    assert not await delivers(client, history).recover(left, general, "Marigold")
    assert [message["content"] for message in await member.read(general.id)] == ["Marigold?"]
    assert await history.posts(asked) == ()


@pytest.mark.parametrize("text", ["All is said.", LONG])
async def test_an_answer_that_stands_whole_is_left_alone(
    client: discord.Client, history: History, general: discord.TextChannel, member: Member, paint: Paint, text: str
) -> None:
    asked = await member.say(general.id, "Marigold?")
    turn = question(general, asked)
    await history.open_turn(turn)
    await delivers(client, history).deliver(turn, general, "Marigold", told(paint("joy", "gold"), text))
    await history.remember(general.id, "marigold", Turn(Role.CHARACTER, "Marigold", text, 2.0), answers=asked)
    before = await member.read(general.id)
    [left] = await history.unanswered()
    assert await delivers(client, history).recover(left, general, "Marigold")
    assert await member.read(general.id) == before


async def test_an_answer_whose_last_edit_was_lost_is_taken_back_and_forgotten(
    client: discord.Client, history: History, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    asked = await member.say(general.id, "Marigold?")
    turn = question(general, asked)
    await history.open_turn(turn)
    await delivers(client, history).deliver(turn, general, "Marigold", told(paint("joy", "gold"), "All is"))
    await history.remember(general.id, "marigold", Turn(Role.CHARACTER, "Marigold", "All is said.", 2.0), answers=asked)
    [left] = await history.unanswered()
    assert not await delivers(client, history).recover(left, general, "Marigold")
    assert await history.reply_to(asked) is None
    assert [message["content"] for message in await member.read(general.id)] == ["Marigold?"]


async def test_other_messages_after_the_question_are_never_taken_back(
    client: discord.Client, history: History, general: discord.TextChannel, member: Member, paint: Paint
) -> None:
    asked = await member.say(general.id, "Marigold?")
    await member.say(general.id, "And you?")
    await general.send("Mien's own words.")
    other = question(general, 7)
    await delivers(client, history).deliver(other, general, "Marigold", told(paint("joy", "gold"), "To another."))
    before = [message["id"] for message in await member.read(general.id)]
    await history.open_turn(question(general, asked))
    [left] = await history.unanswered()
    assert not await delivers(client, history).recover(left, general, "Marigold")
    assert [message["id"] for message in await member.read(general.id)] == before


async def see_all(delivery: Delivery, room: Any, turn: Any, events: Events) -> None:
    reply = await delivery.deliver(turn, room, "Marigold", events)
    await delivery.see_through(reply, room, events)


async def worn_colour(member: Member, message: dict[str, Any]) -> Any:
    author = message["author"]
    url = f"{member.playground.cdn_base}/avatars/{author['id']}/{author['avatar']}.png"
    return Image.open(BytesIO(await member.picture(url))).getpixel((1, 1))
