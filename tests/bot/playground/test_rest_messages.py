"""Messages through unmodified discord.py: sending, reading back, changing, and Discord's refusals."""

import asyncio
import io

import discord
import pytest

from bot.playground import Playground
from tests.bot.playground.description import Recorder, find_description
from tests.bot.playground.people import Person, picture


async def test_discord_py_logs_in_and_sees_the_server(client: discord.Client) -> None:
    [guild] = client.guilds
    assert [channel.name for channel in guild.text_channels] == ["general", "tavern", "workshop"]
    assert {member.name for member in guild.members} == {"you", "robin", "sam", "Mien"}
    assert guild.me.guild_permissions.manage_webhooks
    assert (await client.application_info()).name == "Mien"


async def test_a_message_is_sent_edited_and_deleted(general: discord.TextChannel, you: Person) -> None:
    message = await general.send("Hello **you**", embed=discord.Embed(title="A", description="B"))
    assert (await you.hears("MESSAGE_CREATE"))["content"] == "Hello **you**"
    await message.edit(content="Hello again")
    edited = await you.hears("MESSAGE_UPDATE")
    assert (edited["content"], edited["id"]) == ("Hello again", str(message.id))
    assert edited["edited_timestamp"]
    await message.delete()
    assert (await you.hears("MESSAGE_DELETE"))["id"] == str(message.id)
    with pytest.raises(discord.NotFound) as missing:
        await general.fetch_message(message.id)
    assert missing.value.code == 10008


async def test_the_bot_hears_what_a_person_says(
    client: discord.Client, general: discord.TextChannel, you: Person
) -> None:
    heard = asyncio.ensure_future(client.wait_for("message", timeout=5))
    await asyncio.wait_for(
        you.ask("POST", f"/channels/{general.id}/messages", {"content": f"hi {general.guild.me.mention}"}), 5
    )
    message = await heard
    assert message.content.startswith("hi")
    assert message.mentions == [general.guild.me]
    assert isinstance(message.author, discord.Member)


async def test_files_come_back_byte_for_byte(general: discord.TextChannel) -> None:
    files = [
        discord.File(io.BytesIO(picture()), "a face.png", description="orange"),
        discord.File(io.BytesIO(b"x"), "n.txt"),
    ]
    message = await general.send(files=files)
    face, note = message.attachments
    assert (face.filename, face.width, face.height, face.description) == ("a_face.png", 32, 32, "orange")
    assert await face.read() == picture()
    assert note.content_type == "text/plain"
    kept = await message.edit(attachments=[note])
    assert [one.filename for one in kept.attachments] == ["n.txt"]


async def test_a_picture_used_in_an_embed_is_shown_there_alone(general: discord.TextChannel) -> None:
    embed = discord.Embed(title="face").set_image(url="attachment://face.png")
    message = await general.send(embed=embed, file=discord.File(io.BytesIO(picture()), "face.png"))
    assert message.attachments == []
    assert "/cdn/attachments/" in (message.embeds[0].image.url or "")
    assert message.embeds[0].image.width == 32


async def test_history_is_paged_in_both_directions(general: discord.TextChannel) -> None:
    sent = [await general.send(str(number)) for number in range(7)]
    newest = [message.content async for message in general.history(limit=3)]
    assert newest == ["6", "5", "4"]
    after = [message.content async for message in general.history(after=sent[1], oldest_first=True)]
    assert after == ["2", "3", "4", "5", "6"]
    around = [message.content async for message in general.history(around=sent[3], limit=3)]
    assert sorted(around) == ["2", "3", "4"]


async def test_replies_reactions_pins_and_threads(general: discord.TextChannel, you: Person) -> None:
    first = await general.send("first")
    reply = await first.reply("second")
    assert reply.reference and isinstance(reply.reference.resolved, discord.Message)
    assert reply.reference.resolved.content == "first"
    await first.add_reaction("🎉")
    assert (await you.hears("MESSAGE_REACTION_ADD"))["emoji"]["name"] == "🎉"
    assert (await general.fetch_message(first.id)).reactions[0].me
    await first.remove_reaction("🎉", general.guild.me)
    await first.pin()
    assert [message.id async for message in general.pins()] == [first.id]
    thread = await first.create_thread(name="aside")
    said = await thread.send("in here")
    assert said.channel.id == thread.id == first.id
    async with thread.typing():
        assert (await you.hears("TYPING_START"))["channel_id"] == str(thread.id)


async def test_a_private_channel_is_hidden_from_others(general: discord.TextChannel, you: Person) -> None:
    guild = general.guild
    overwrites: dict[discord.Role | discord.Member | discord.Object, discord.PermissionOverwrite] = {
        guild.default_role: discord.PermissionOverwrite(view_channel=False),
        guild.me: discord.PermissionOverwrite(view_channel=True),
    }
    faces = await guild.create_text_channel("mien-faces", overwrites=overwrites)
    assert (await you.hears("CHANNEL_CREATE"))["name"] == "mien-faces"  # the owner sees everything
    robin = Person(you.playground, you.session, "Robin")
    assert await robin.ask("GET", f"/channels/{faces.id}/messages") == (
        403,
        {"message": "Missing Access", "code": 50001},
    )
    assert (await faces.send("for me")).content == "for me"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"content": "x" * 2001}, 400, 50035),
        ({"content": "   "}, 400, 50006),
        ({}, 400, 50006),
        ({"content": "a", "message_reference": {"message_id": "1"}}, 400, 50035),
        ({"embeds": [{"description": "x" * 4097}]}, 400, 50035),
        ({"content": 5}, 400, 50035),
        ({"content": "a", "components": [{"type": 1, "components": [{"type": 2, "style": 1}]}]}, 400, 50035),
    ],
)
async def test_bad_messages_are_refused_as_discord_does(you: Person, body: object, status: int, code: int) -> None:
    channel = next(iter(you.playground.world.channels))
    answered, refusal = await you.ask("POST", f"/channels/{channel}/messages", body)
    assert (answered, refusal["code"]) == (status, code)


async def test_a_file_over_ten_mebibytes_is_refused(general: discord.TextChannel) -> None:
    with pytest.raises(discord.HTTPException) as refused:
        await general.send(file=discord.File(io.BytesIO(bytes(10 * 1024 * 1024 + 1)), "big.bin"))
    assert (refused.value.status, refused.value.code) == (413, 40005)


async def test_only_the_author_edits_and_strangers_need_a_token(you: Person, general: discord.TextChannel) -> None:
    message = await general.send("mine")
    path = f"/channels/{general.id}/messages/{message.id}"
    assert (await you.ask("PATCH", path, {"content": "yours"}))[1]["code"] == 50005
    url = you.playground.api_base + "/users/@me"
    for token in ("", "Bot wrong", you.playground.bot_token):  # the last lacks "Bot "
        async with you.session.get(url, headers={"Authorization": token}) as response:
            assert (response.status, await response.json()) == (401, {"message": "401: Unauthorized", "code": 0})


async def test_mentions_ping_only_whom_they_may(general: discord.TextChannel, client: discord.Client) -> None:
    you = discord.utils.get(general.guild.members, name="you")
    assert you
    silent = await general.send(f"{you.mention} @everyone", allowed_mentions=discord.AllowedMentions.none())
    assert (silent.mentions, silent.mention_everyone) == ([], False)
    loud = await general.send(you.mention)
    assert loud.mentions == [you]


async def test_direct_messages_reach_both_sides(client: discord.Client, you: Person, playground: Playground) -> None:
    person = await client.fetch_user(int(you.events[0][1]["user"]["id"]))
    await person.send("psst")
    heard = await you.hears("MESSAGE_CREATE")
    assert heard["content"] == "psst"
    assert "guild_id" not in heard
    status, refusal = await you.ask("POST", f"/channels/{heard['channel_id']}/webhooks", {"name": "x"})
    assert status == 403, refusal  # there are no webhooks in direct messages


async def test_the_recorded_answers_are_checked_against_discords_description(
    client: discord.Client, recorder: Recorder
) -> None:
    description = find_description()
    if description is None:
        pytest.skip("shared/data/discord/openapi.json is not here")
    assert {answer.path for answer in recorder.answers} >= {"/users/@me", "/oauth2/applications/@me"}
    recorder.answers[0].body = {"id": 5}
    assert recorder.complaints(description)
    del recorder.answers[0]
