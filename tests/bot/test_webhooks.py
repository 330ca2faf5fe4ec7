"""One webhook per channel, and names Discord takes."""

import asyncio

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.webhooks import SUFFIX, Webhooks, fit_name, is_gone
from tests.bot.members import Member


@pytest.mark.parametrize("name", ["Clyde", "Bonnie and clyde", "DISCORD", "My Discord Friend", "everyone", "Here", "X"])
def test_refused_names_become_names_that_look_the_same(name: str) -> None:
    fitted = fit_name(name)
    assert fitted.replace("\u200a", "").replace("\u17b5", "") == name
    assert not any(word in fitted.lower() for word in ("clyde", "discord"))
    assert fitted.lower() not in ("everyone", "here")
    assert len(fitted) >= 2


@given(st.text(max_size=200), st.booleans())
def test_any_name_fits_with_and_without_the_suffix(name: str, suffixed: bool) -> None:
    fitted = fit_name(name, suffixed=suffixed)
    assert 2 <= len(fitted) <= 80
    assert fitted.endswith(SUFFIX) == suffixed or name.rstrip().endswith(SUFFIX)
    assert not any(word in fitted.lower() for word in ("clyde", "discord", "```"))


def test_the_suffix_makes_another_name() -> None:
    assert fit_name("Marigold", suffixed=True) != fit_name("Marigold") == "Marigold"


async def test_many_at_once_make_one_webhook(client: discord.Client, general: discord.TextChannel) -> None:
    assert client.user
    webhooks = Webhooks(client.user.id)
    await general.webhooks()  # from its answer discord.py learns that such requests may go out side by side
    found = await asyncio.gather(*(webhooks.of(general) for _ in range(6)))
    [made] = await general.webhooks()
    assert {webhook.id for webhook in found} == {made.id}
    assert webhooks.is_ours(made.id)


async def test_after_a_restart_the_old_webhook_is_used(client: discord.Client, general: discord.TextChannel) -> None:
    assert client.user
    made = await Webhooks(client.user.id).of(general)
    assert (await Webhooks(client.user.id).of(general)).id == made.id


async def test_the_webhook_of_somebody_else_is_left_alone(
    client: discord.Client, general: discord.TextChannel, member: Member
) -> None:
    assert client.user
    theirs = await member.call("POST", f"/channels/{general.id}/webhooks", name="Weather")
    assert (await Webhooks(client.user.id).of(general)).id != int(theirs["id"])


async def test_threads_use_the_webhook_of_their_channel(
    client: discord.Client, general: discord.TextChannel, member: Member
) -> None:
    assert client.user
    webhooks = Webhooks(client.user.id)
    start = await general.send("a long story")
    thread = await start.create_thread(name="chapter one")
    assert (await webhooks.of(thread)).id == (await webhooks.of(general)).id


async def test_a_deleted_webhook_is_recognised_dropped_and_made_anew(
    client: discord.Client, general: discord.TextChannel
) -> None:
    assert client.user
    webhooks = Webhooks(client.user.id)
    old = await webhooks.of(general)
    await old.delete()
    with pytest.raises(discord.NotFound) as caught:
        await old.send("hello", wait=True)
    assert is_gone(caught.value)
    webhooks.drop(old)
    new = await webhooks.of(general)
    webhooks.drop(old)  # late news of the old one must not cost the new one
    assert (await webhooks.of(general)).id == new.id != old.id
