"""The world after a restart."""

from pathlib import Path

import aiohttp
import pytest

from bot.playground import Playground, PlaygroundError
from tests.bot.playground.people import picture


async def say(playground: Playground, content: str) -> int:
    channel = next(iter(playground.world.channels))
    form = aiohttp.FormData()
    form.add_field("payload_json", f'{{"content": "{content}"}}')
    form.add_field("files[0]", picture(), filename="face.png")
    url, headers = (
        f"{playground.api_base}/channels/{channel}/messages",
        {"Authorization": f"Bot {playground.bot_token}"},
    )
    async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=headers) as response:
        return int((await response.json())["id"])


async def test_messages_files_and_tokens_are_back_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "playground.sqlite"
    async with Playground(state=state) as before:
        first = await say(before, "remember me")
        token, guilds = before.user_token("Robin"), before.world.guilds
    async with Playground(state=state) as after:
        [message] = after.world.history(next(iter(after.world.channels)))
        assert (message.id, message.content) == (first, "remember me")
        assert after.world.files[message.attachments[0].key].data == picture()
        assert (after.user_token("Robin"), after.world.guilds) == (token, guilds)
        assert before.bot_token not in after.world.tokens
        assert await say(after, "and now") > first


async def test_what_was_answered_is_on_disk_at_once(tmp_path: Path) -> None:
    state = tmp_path / "playground.sqlite"
    async with Playground(state=state) as running:
        await say(running, "before the crash")
        copy = tmp_path / "crashed.sqlite"  # what a killed process would leave behind
        for suffix in ("", "-wal"):
            copy.with_name(copy.name + suffix).write_bytes(state.with_name(state.name + suffix).read_bytes())
        async with Playground(state=copy) as crashed:
            [message] = crashed.world.history(next(iter(crashed.world.channels)))
            assert message.content == "before the crash"


async def test_deleted_messages_stay_deleted_and_ids_grow(tmp_path: Path) -> None:
    state = tmp_path / "playground.sqlite"
    async with Playground(state=state) as before:
        number = await say(before, "gone")
        message = before.world.messages[next(iter(before.world.channels))][number]
        before.world.remove_message(message)
    async with Playground(state=state) as after:
        assert not after.world.history(next(iter(after.world.channels)))
        assert not any(key.startswith("attachments") for key in after.world.files)
        assert after.world.ids.next() > number


async def test_a_file_that_is_no_state_is_one_sentence(tmp_path: Path) -> None:
    state = tmp_path / "notes.txt"
    state.write_text("my notes, not a database, and long enough to be read as one " * 20)
    with pytest.raises(PlaygroundError, match=r"notes\.txt cannot be read .* move that file away"):
        async with Playground(state=state):
            pass
    assert state.read_text().startswith("my notes")
