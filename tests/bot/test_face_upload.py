"""`/face upload` over real sockets: sent with the command, decided on by its buttons, after a restart as well."""

import io
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from PIL import Image

from avatar.picture import to_png
from bot.playground import Playground
from tests.avatar.pictures import face_picture
from tests.bot.members import Member, Page
from tests.bot.test_face_commands import Studio, studio

pytestmark = pytest.mark.usefixtures("own_marigold")
ATTACHMENT = 11


async def sends(scene: Studio, content: bytes, name: str = "new.png", member: Member | None = None) -> dict[str, Any]:
    """The answer to /face upload with a file, when it is no longer loading."""
    member, page = member or scene.member, scene.page
    guild = scene.playground.world.channels[scene.channel].guild_id
    index = await scene.member.call("GET", f"/guilds/{guild}/application-command-index")
    number = next(command["id"] for command in index["application_commands"] if command["name"] == "face")
    option = {"type": ATTACHMENT, "name": "portrait", "value": 0}
    data = {"id": number, "name": "face", "options": [{"type": 1, "name": "upload", "options": [option]}]}
    asked = {"type": 2, "application_id": str(scene.asking.application), "channel_id": str(scene.channel), "data": data}
    form = aiohttp.FormData()
    form.add_field("payload_json", json.dumps(asked), content_type="application/json")
    form.add_field("files[0]", io.BytesIO(content), filename=name, content_type="image/png")
    headers = {"Authorization": scene.playground.user_token(member.name)}
    async with member.session.post(f"{scene.playground.api_base}/interactions", data=form, headers=headers) as answer:
        assert answer.status == 204, await answer.text()
    created = await page.until("MESSAGE_CREATE", lambda event: event.get("interaction_metadata"))
    if created["flags"] & discord.MessageFlags.loading.flag:
        return await page.until("MESSAGE_UPDATE", lambda event: event["id"] == created["id"])
    return created


async def test_a_portrait_is_sent_looked_at_and_used_after_a_restart(
    playground: Playground, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    folder = tmp_path / "personas" / "marigold"
    old = (folder / "base.png").read_bytes()
    async with studio(tmp_path, playground, session) as scene:
        answer = await sends(scene, to_png(face_picture(300)))
        assert answer["flags"] & discord.MessageFlags.ephemeral.flag and "of the picture" in answer["content"]
        [file] = answer["attachments"]
        shown = Image.open(BytesIO(await scene.member.picture(file["url"])))
        assert shown.size == (300, 300) and "The face was found" in file["description"]
        assert (folder / "base.png").read_bytes() == old
    async with studio(tmp_path, playground, session) as scene:
        after = await scene.asking.click(answer, "Use it")
        assert "This is Marigold from now on" in after["content"] and not after["components"]
        assert scene.persona().base == folder / "base.png"
    with Image.open(folder / "base.png") as base, Image.open(folder / "mask.png") as mask:
        assert base.size == mask.size == (300, 300)
    assert (folder / "base.before-1.png").read_bytes() == old


async def test_the_old_portrait_may_stay_and_what_is_no_portrait_is_refused(
    playground: Playground, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    folder = tmp_path / "personas" / "marigold"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    async with studio(tmp_path, playground, session) as scene:
        kept = await scene.asking.click(await sends(scene, to_png(face_picture(100))), "Keep the old one")
        assert kept["content"] == "The old portrait stays."
        assert "note.png is not a picture" in (await sends(scene, b"hello", "note.png"))["content"]
        assert "at most 10 MB" in (await sends(scene, bytes(10_200_000), "big.png"))["content"]
        robin = Member(playground, session, "Robin")
        async with Page.open(robin) as page:
            scene.page = page
            assert "Manage Server" in (await sends(scene, to_png(face_picture(100)), member=robin))["content"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
