"""Webhooks: one voice, many names and faces."""

import io

import discord
import pytest

from bot.playground import Playground
from tests.bot.playground.people import Person, picture


async def test_a_webhook_message_wears_the_name_and_face_it_was_sent_with(
    general: discord.TextChannel, you: Person
) -> None:
    shelf = await general.send(file=discord.File(io.BytesIO(picture("red")), "joy.png"))
    webhook = await general.create_webhook(name="Mien", avatar=picture("grey"))
    assert webhook.token
    bare_url = shelf.attachments[0].url.partition("?")[0]  # Discord renders these without parameters
    message = await webhook.send("Hello", username="Marigold", avatar_url=bare_url, wait=True)
    assert (message.author.name, message.author.id, message.webhook_id) == ("Marigold", webhook.id, webhook.id)
    assert await message.author.display_avatar.read() == picture("red")
    heard = await you.hears("MESSAGE_CREATE", lambda data: data.get("webhook_id") == str(webhook.id))
    assert (heard["author"]["username"], "member" in heard) == ("Marigold", False)
    plain = await webhook.send("And I", wait=True)
    assert plain.author.name == "Mien"
    assert await plain.author.display_avatar.read() == picture("grey")


async def test_edits_change_the_words_and_keep_the_face(general: discord.TextChannel, you: Person) -> None:
    webhook = await general.create_webhook(name="Mien")
    message = await webhook.send("Once", username="Marigold", wait=True)
    edited = await webhook.edit_message(message.id, content="Once upon a time")
    assert (edited.content, edited.author.name) == ("Once upon a time", "Marigold")
    assert (await you.hears("MESSAGE_UPDATE"))["content"] == "Once upon a time"
    assert (await webhook.fetch_message(message.id)).content == "Once upon a time"
    await webhook.delete_message(message.id)
    with pytest.raises(discord.NotFound):
        await webhook.fetch_message(message.id)


async def test_a_face_that_cannot_be_had_leaves_the_default_one(general: discord.TextChannel) -> None:
    webhook = await general.create_webhook(name="Mien")
    text = await general.send(file=discord.File(io.BytesIO(b"no picture"), "face.png"))
    for url in (text.attachments[0].url, "http://127.0.0.1:1/nobody.png", f"{discord.Asset.BASE}/avatars/1/none.png"):
        message = await webhook.send("Hello", avatar_url=url, wait=True)
        assert message.author.avatar is None


@pytest.mark.parametrize("name", ["clyde", "My Discord friend", "x" * 81, "   "])
async def test_discords_own_names_and_long_ones_are_refused(general: discord.TextChannel, name: str) -> None:
    with pytest.raises(discord.HTTPException) as refused:
        await general.create_webhook(name=name)
    assert refused.value.code == 50035
    webhook = await general.create_webhook(name="Mien")
    if name.strip():
        with pytest.raises(discord.HTTPException):
            await webhook.send("Hello", username=name, wait=True)


async def test_a_channel_has_fifteen_webhooks_at_most(general: discord.TextChannel) -> None:
    for number in range(15):
        await general.create_webhook(name=f"number {number}")
    with pytest.raises(discord.HTTPException) as refused:
        await general.create_webhook(name="one more")
    assert refused.value.code == 30007


async def test_a_deleted_webhook_is_unknown_and_a_wrong_token_invalid(
    general: discord.TextChannel, client: discord.Client, you: Person
) -> None:
    webhook = await general.create_webhook(name="Mien")
    stranger = discord.Webhook.partial(webhook.id, "wrong", client=client)
    with pytest.raises(discord.HTTPException) as invalid:
        await stranger.send("Hello")
    assert (invalid.value.status, invalid.value.code) == (401, 50027)
    await webhook.delete()
    await you.hears("WEBHOOKS_UPDATE")
    with pytest.raises(discord.NotFound) as gone:
        await webhook.send("Hello")
    assert gone.value.code == 10015


async def test_webhooks_are_listed_fetched_and_changed(client: discord.Client, general: discord.TextChannel) -> None:
    webhook = await general.create_webhook(name="Mien")
    await webhook.edit(name="Marigold", avatar=picture())
    [listed] = await general.webhooks()
    assert (listed.name, listed.token) == ("Marigold", webhook.token)
    assert [one.id for one in await general.guild.webhooks()] == [webhook.id]
    fetched = await client.fetch_webhook(webhook.id)
    assert await fetched.display_avatar.read() == picture()
    by_token = await discord.Webhook.partial(webhook.id, webhook.token or "", client=client).fetch(prefer_auth=False)
    assert by_token.name == "Marigold"


async def test_a_webhook_speaks_in_threads_of_its_channel(general: discord.TextChannel) -> None:
    webhook = await general.create_webhook(name="Mien")
    thread = await general.create_thread(name="aside", type=discord.ChannelType.public_thread)
    message = await webhook.send("in here", username="Marigold", thread=thread, wait=True)
    assert message.channel.id == thread.id
    edited = await webhook.edit_message(message.id, content="still here", thread=thread)
    assert edited.content == "still here"


async def test_without_permission_there_is_no_webhook(general: discord.TextChannel, playground: Playground) -> None:
    [guild] = playground.world.guilds.values()
    for role in guild.roles:
        role.permissions &= ~discord.Permissions(manage_webhooks=True).value
    with pytest.raises(discord.Forbidden) as refused:
        await general.create_webhook(name="Mien")
    assert refused.value.code == 50013
