"""Slash commands, autocomplete, buttons and modals, between unmodified discord.py and a chat client."""

import asyncio
from collections.abc import AsyncGenerator

import discord
import pytest
import pytest_asyncio
from discord import app_commands

from bot.playground import Playground
from tests.bot.playground.conftest import Connect
from tests.bot.playground.people import Person

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
EPHEMERAL, LOADING = 64, 128


class Ask(discord.ui.Modal, title="A question"):
    name: discord.ui.TextInput["Ask"] = discord.ui.TextInput(label="Your name", custom_id="name")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"Hello {self.name.value}", ephemeral=True)


class Buttons(discord.ui.View):
    @discord.ui.button(label="Again", custom_id="again")
    async def again(self, interaction: discord.Interaction, _: discord.ui.Button["Buttons"]) -> None:
        await interaction.response.edit_message(content="again")

    @discord.ui.button(label="Ask", custom_id="ask")
    async def ask(self, interaction: discord.Interaction, _: discord.ui.Button["Buttons"]) -> None:
        await interaction.response.send_modal(Ask())

    @discord.ui.select(custom_id="pick", options=[discord.SelectOption(label="A"), discord.SelectOption(label="B")])
    async def pick(self, interaction: discord.Interaction, select: discord.ui.Select["Buttons"]) -> None:
        await interaction.response.defer()
        await interaction.followup.send(f"picked {select.values[0]}")


def register(client: discord.Client) -> app_commands.CommandTree:
    """The commands of a small bot."""
    tree = app_commands.CommandTree(client)
    persona = app_commands.Group(name="persona", description="Who speaks")

    @persona.command(name="set", description="Choose who speaks")
    async def choose(interaction: discord.Interaction, name: str, times: int = 1) -> None:
        await interaction.response.send_message(f"{name} x{times}", ephemeral=True)

    @choose.autocomplete("name")
    async def names(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=n.title(), value=n) for n in ("marigold", "bramble") if n.startswith(typed)]

    @tree.command(description="Takes its time")
    async def think(interaction: discord.Interaction, who: discord.Member) -> None:
        await interaction.response.defer(thinking=True)
        answer = await interaction.followup.send(f"about {who.display_name}", wait=True)
        assert (await interaction.original_response()).id == answer.id
        await interaction.followup.send("more")
        await interaction.edit_original_response(content=f"about {who.display_name}, done")

    @tree.command(description="Shows buttons")
    async def buttons(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("press", view=Buttons())

    @tree.command(description="Never answers")
    async def silent(_: discord.Interaction) -> None: ...

    tree.add_command(persona)
    return tree


@pytest_asyncio.fixture
async def playground() -> AsyncGenerator[Playground]:
    from tests.bot.playground.people import FAST

    async with Playground(rules=FAST, answer_seconds=0.3) as playground:
        yield playground


@pytest_asyncio.fixture
async def tree(client: discord.Client) -> app_commands.CommandTree:
    tree = register(client)
    await tree.sync()
    return tree


async def command(you: Person, name: str) -> dict[str, str]:
    """id and name of a registered command, from the index a chat client reads."""
    guild = next(iter(you.playground.world.guilds))
    status, index = await you.ask("GET", f"/guilds/{guild}/application-command-index")
    assert status == 200
    [entry] = [one for one in index["application_commands"] if one["name"] == name]
    return {"id": entry["id"], "name": name}


def sub(*options: dict[str, object]) -> list[dict[str, object]]:
    return [{"type": 1, "name": "set", "options": list(options)}]


async def test_commands_are_registered_replaced_and_removed(
    client: discord.Client, tree: app_commands.CommandTree, general: discord.TextChannel
) -> None:
    registered = {one.name: one.id for one in await tree.fetch_commands()}
    assert set(registered) == {"think", "buttons", "silent", "persona"}
    tree.remove_command("silent")
    again = {one.name: one.id for one in await tree.sync()}
    assert again == {name: number for name, number in registered.items() if name != "silent"}
    tree.copy_global_to(guild=general.guild)
    assert len(await tree.sync(guild=general.guild)) == 3
    await (await tree.fetch_command(again["think"])).delete()
    assert {one.name for one in await tree.fetch_commands()} == {"buttons", "persona"}


async def test_an_ephemeral_answer_is_seen_by_the_asker_alone(
    tree: app_commands.CommandTree, general: discord.TextChannel, you: Person, client: discord.Client
) -> None:
    robin = Person(you.playground, you.session, "Robin")
    async with robin.listening():
        options = sub({"name": "name", "type": 3, "value": "marigold"}, {"name": "times", "type": 4, "value": 2})
        nonce = await you.interact(COMMAND, general.id, {**await command(you, "persona"), "options": options})
        answer = await you.hears("MESSAGE_CREATE")
        assert (answer["content"], answer["flags"] & EPHEMERAL) == ("marigold x2", EPHEMERAL)
        assert answer["interaction_metadata"]["name"] == "persona set"
        await you.hears("INTERACTION_SUCCESS", lambda data: data["nonce"] == nonce)
        await general.send("for all")
        assert (await robin.hears("MESSAGE_CREATE"))["content"] == "for all"
    assert [message.content async for message in general.history()] == ["for all"]


async def test_autocomplete_answers_while_one_types(
    tree: app_commands.CommandTree, general: discord.TextChannel, you: Person
) -> None:
    options = sub({"name": "name", "type": 3, "value": "mar", "focused": True})
    nonce = await you.interact(AUTOCOMPLETE, general.id, {**await command(you, "persona"), "options": options})
    offered = await you.hears("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE")
    assert offered["nonce"] == nonce
    assert [choice["value"] for choice in offered["choices"]] == ["marigold"]


async def test_a_deferred_answer_thinks_and_is_filled_by_the_first_follow_up(
    tree: app_commands.CommandTree, general: discord.TextChannel, you: Person, client: discord.Client
) -> None:
    robin = next(member for member in general.guild.members if member.name == "robin")
    options = [{"name": "who", "type": 6, "value": str(robin.id)}]
    await you.interact(COMMAND, general.id, {**await command(you, "think"), "options": options})
    thinking = await you.hears("MESSAGE_CREATE")
    assert thinking["flags"] & LOADING
    filled = await you.hears("MESSAGE_UPDATE")
    assert (filled["id"], filled["content"], filled["flags"]) == (thinking["id"], "about Robin", 0)
    more = await you.hears("MESSAGE_CREATE", lambda data: data["content"] == "more")
    assert more["message_reference"]["message_id"] == thinking["id"]
    await you.hears("MESSAGE_UPDATE", lambda data: data["content"] == "about Robin, done")


async def test_buttons_selects_and_modals_work(
    tree: app_commands.CommandTree, general: discord.TextChannel, you: Person
) -> None:
    await you.interact(COMMAND, general.id, {**await command(you, "buttons"), "options": []})
    shown = await you.hears("MESSAGE_CREATE")
    assert shown["components"][0]["components"][0]["label"] == "Again"
    target = {"message_id": shown["id"]}

    await you.interact(COMPONENT, general.id, {"component_type": 2, "custom_id": "again"}, **target)
    assert (await you.hears("MESSAGE_UPDATE"))["content"] == "again"

    await you.interact(COMPONENT, general.id, {"component_type": 3, "custom_id": "pick", "values": ["B"]}, **target)
    await you.hears("MESSAGE_CREATE", lambda data: data["content"] == "picked B")

    await you.interact(COMPONENT, general.id, {"component_type": 2, "custom_id": "ask"}, **target)
    modal = await you.hears("INTERACTION_MODAL_CREATE")
    assert modal["title"] == "A question"
    row = {"type": 1, "components": [{"type": 4, "custom_id": "name", "value": "Robin"}]}
    await you.interact(MODAL, general.id, {"custom_id": modal["custom_id"], "components": [row]}, **target)
    await you.hears("MESSAGE_CREATE", lambda data: data["content"] == "Hello Robin")


async def test_silence_is_told_and_a_late_answer_refused(
    tree: app_commands.CommandTree, client: discord.Client, general: discord.TextChannel, you: Person
) -> None:
    asked = asyncio.ensure_future(client.wait_for("interaction", timeout=5))
    nonce = await you.interact(COMMAND, general.id, {**await command(you, "silent"), "options": []})
    await you.hears("INTERACTION_FAILURE", lambda data: data["nonce"] == nonce)
    interaction = await asked
    with pytest.raises(discord.NotFound) as late:
        await interaction.response.send_message("late")
    assert late.value.code == 10062


async def test_an_interaction_is_answered_once(
    tree: app_commands.CommandTree, client: discord.Client, general: discord.TextChannel, you: Person
) -> None:
    asked = asyncio.ensure_future(client.wait_for("interaction", timeout=5))
    await you.interact(COMMAND, general.id, {**await command(you, "silent"), "options": []})
    interaction = await asked
    path = f"/interactions/{interaction.id}/{interaction.token}/callback"
    assert (await you.ask("POST", path, {"type": 4, "data": {}}))[1]["code"] == 50006
    assert (await you.ask("POST", path, {"type": 4, "data": {"content": "once"}}))[0] == 204
    assert (await you.ask("POST", path, {"type": 4, "data": {"content": "twice"}}))[1]["code"] == 40060


async def test_nobody_clicks_what_is_not_there(
    tree: app_commands.CommandTree, general: discord.TextChannel, you: Person, connect: Connect
) -> None:
    message = await general.send("no buttons")
    [bot] = [user.id for user in you.playground.world.users.values() if user.bot]
    body = {"type": 3, "application_id": str(bot), "channel_id": str(general.id), "message_id": str(message.id)}
    status, refusal = await you.ask("POST", "/interactions", {**body, "data": {"custom_id": "x", "component_type": 2}})
    assert (status, refusal["code"]) == (400, 50035)
