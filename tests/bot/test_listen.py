"""Which messages are for a persona, and what they say: real messages from a real server."""

from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest

from bot.history import History
from bot.listen import Ears, Manners, incoming
from bot.playground import Playground
from persona.cast import Cast
from tests.bot.members import Member, connected, question

ROOT = Path(__file__).resolve().parents[2]
PERSONAS = [ROOT / "personas"]


@pytest.fixture
def ears(history: History) -> Ears:
    return Ears(Cast(PERSONAS), history, default="marigold")


async def arrives(client: discord.Client, member: Member, channel: int, text: str, **more: Any) -> discord.Message:
    """Say something as a member; the message as discord.py brings it."""
    sent = await member.say(channel, text, **more)
    [found] = [message for message in client.cached_messages if message.id == sent] or [
        await client.wait_for("message", check=lambda message: message.id == sent)
    ]
    return found


def me(client: discord.Client) -> discord.ClientUser:
    assert client.user
    return client.user


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("Hello everybody", None),
        ("marigolds are yellow", None),
        ("Good morning, MARIGOLD!", "Good morning, MARIGOLD!"),
        ("Ｍａｒｉｇｏｌｄ?", "Ｍａｒｉｇｏｌｄ?"),
        ("<@{me}> hello", "hello"),
        ("<@{me}>, hello", "hello"),
        ("Hello <@{me}>, how are you?", "Hello Marigold, how are you?"),
        ("<@{me}>", None),
        ("Marigold, ask <@{you}> <:muffin:123456789012345678>", "Marigold, ask @You :muffin:"),
    ],
)
async def test_mentions_and_names_are_heard(
    client: discord.Client, general: discord.TextChannel, member: Member, ears: Ears, text: str, heard: str | None
) -> None:
    text = text.format(me=me(client).id, you=general.guild.owner_id)
    turn = await ears.hear(await arrives(client, member, general.id, text), me(client))
    assert (turn.text if turn else None) == heard


async def test_a_turn_carries_who_said_what_and_where(
    client: discord.Client, general: discord.TextChannel, member: Member, ears: Ears
) -> None:
    message = await arrives(client, member, general.id, "Hi Marigold")
    turn = await ears.hear(message, me(client))
    assert turn
    assert (turn.guild, turn.channel, turn.message) == (general.guild.id, general.id, message.id)
    assert (turn.user, turn.name, turn.persona) == (general.guild.owner_id, "You", "marigold")
    asked = incoming(turn)
    assert (asked.message, asked.text, asked.at) == (message.id, "Hi Marigold", message.created_at.timestamp())


async def test_a_direct_message_is_always_heard(client: discord.Client, member: Member, ears: Ears) -> None:
    room = await member.call("POST", "/users/@me/channels", recipient_id=str(me(client).id))
    turn = await ears.hear(await arrives(client, member, int(room["id"]), "psst"), me(client))
    assert turn and (turn.text, turn.guild) == ("psst", None)


@pytest.mark.parametrize("manners", [Manners(always=True), Manners(channels=frozenset({"general"}))])
async def test_where_every_message_is_answered_no_name_is_needed(
    client: discord.Client, general: discord.TextChannel, member: Member, history: History, manners: Manners
) -> None:
    ears = Ears(Cast(PERSONAS), history, default="marigold", manners=manners)
    assert await ears.hear(await arrives(client, member, general.id, "anything"), me(client))
    other = discord.utils.get(general.guild.text_channels, name="tavern")
    assert other
    turn = await ears.hear(await arrives(client, member, other.id, "anything"), me(client))
    assert bool(turn) == manners.always


async def test_an_open_channel_may_be_given_by_id_and_opens_its_threads(
    client: discord.Client, general: discord.TextChannel, member: Member, history: History
) -> None:
    ears = Ears(Cast(PERSONAS), history, default="marigold", manners=Manners(channels=frozenset({str(general.id)})))
    thread = await (await general.send("a story")).create_thread(name="chapter one")
    assert await ears.hear(await arrives(client, member, thread.id, "anything"), me(client))


async def test_a_reply_to_a_persona_is_for_that_persona(
    client: discord.Client, general: discord.TextChannel, member: Member, ears: Ears, history: History
) -> None:
    webhook = await general.create_webhook(name="Mien")
    post = await webhook.send("I am Juno.", username="Juno", wait=True)
    await history.posted(question(general, 1, persona="juno"), post.id)
    turn = await ears.hear(
        await arrives(client, member, general.id, "really?", message_reference={"message_id": str(post.id)}), me(client)
    )
    assert turn and turn.persona == "juno"


async def test_a_reply_to_the_bot_itself_is_for_the_persona_of_the_channel(
    client: discord.Client, general: discord.TextChannel, member: Member, ears: Ears
) -> None:
    post = await general.send("Juno speaks here now.")
    reply = await arrives(client, member, general.id, "fine", message_reference={"message_id": str(post.id)})
    turn = await ears.hear(reply, me(client))
    assert turn and turn.persona == "marigold"


async def test_bots_and_webhooks_are_never_heard(
    client: discord.Client, general: discord.TextChannel, member: Member, ears: Ears
) -> None:
    webhook = await member.call("POST", f"/channels/{general.id}/webhooks", name="Weather")
    address = f"{member.playground.api_base}/webhooks/{webhook['id']}/{webhook['token']}?wait=true"
    async with aiohttp.ClientSession() as session, session.post(address, json={"content": "Marigold, rain!"}) as sent:
        by_webhook = int((await sent.json())["id"])
    assert await ears.hear(await general.fetch_message(by_webhook), me(client)) is None
    assert await ears.hear(await general.send("Marigold, it is me"), me(client)) is None


async def test_what_is_no_text_is_noted_in_brackets(
    client: discord.Client, general: discord.TextChannel, member: Member, ears: Ears
) -> None:
    form = aiohttp.FormData()
    form.add_field("payload_json", '{"content": "Marigold, look:"}', content_type="application/json")
    form.add_field("files[0]", b"\x89PNG", filename="cat.png", content_type="image/png")
    headers = {"Authorization": member.playground.user_token("You")}
    url = f"{member.playground.api_base}/channels/{general.id}/messages"
    async with member.session.post(url, data=form, headers=headers) as sent:
        message = await general.fetch_message(int((await sent.json())["id"]))
    turn = await ears.hear(message, me(client))
    assert turn and turn.text == "Marigold, look:\n[picture: cat.png]"


async def test_the_persona_of_a_channel_speaks_and_the_default_one_after_its_folder_is_gone(
    general: discord.TextChannel, history: History, ears: Ears
) -> None:
    await history.set_scene(general.id, ["juno"])
    assert (await ears.persona_of(general.id)).slug == "juno"
    await history.set_scene(general.id, ["left town"])
    assert (await ears.persona_of(general.id)).slug == "marigold"


@pytest.mark.parametrize(("text", "heard"), [("Hello Marigold", None), ("<@{me}> hello", "hello")])
async def test_without_the_content_intent_mentions_are_still_heard(
    playground: Playground, member: Member, ears: Ears, text: str, heard: str | None
) -> None:
    async with connected(playground, message_content=False) as client:
        channel = client.guilds[0].text_channels[0]
        message = await arrives(client, member, channel.id, text.format(me=me(client).id))
        turn = await ears.hear(message, me(client))
        assert (turn.text if turn else None) == heard
