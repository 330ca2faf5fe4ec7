"""`/persona import` over real sockets: a card is sent, its character is there at once."""

import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from PIL import Image

from avatar.picture import to_png
from bot.playground import Playground
from tests.bot.members import Member, Page
from tests.bot.test_face_commands import Studio, studio
from tests.persona.cards import coded, text, v2

pytestmark = pytest.mark.usefixtures("own_marigold")
ATTACHMENT, STRING = 11, 3


async def sends(scene: Studio, content: bytes, file: str, *, member: Member | None = None, name: str = "") -> str:
    """What /persona import answers to a file."""
    member, page = member or scene.member, scene.page
    guild = scene.playground.world.channels[scene.channel].guild_id
    index = await scene.member.call("GET", f"/guilds/{guild}/application-command-index")
    number = next(command["id"] for command in index["application_commands"] if command["name"] == "persona")
    options: list[dict[str, Any]] = [{"type": ATTACHMENT, "name": "card", "value": 0}]
    options += [{"type": STRING, "name": "name", "value": name}] if name else []
    data = {"id": number, "name": "persona", "options": [{"type": 1, "name": "import", "options": options}]}
    asked = {"type": 2, "application_id": str(scene.asking.application), "channel_id": str(scene.channel), "data": data}
    form = aiohttp.FormData()
    form.add_field("payload_json", json.dumps(asked), content_type="application/json")
    form.add_field("files[0]", io.BytesIO(content), filename=file, content_type="image/png")
    headers = {"Authorization": scene.playground.user_token(member.name)}
    async with member.session.post(f"{scene.playground.api_base}/interactions", data=form, headers=headers) as answer:
        assert answer.status == 204, await answer.text()
    created = await page.until("MESSAGE_CREATE", lambda event: event.get("interaction_metadata"))
    assert created["flags"] & discord.MessageFlags.ephemeral.flag
    if created["flags"] & discord.MessageFlags.loading.flag:
        created = await page.until("MESSAGE_UPDATE", lambda event: event["id"] == created["id"])
    return str(created["content"])


async def test_a_card_is_sent_and_its_character_is_there_at_once(
    playground: Playground, session: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.card_upload.MOST_BYTES", 2_000_000)  # the playground takes no 50 MB
    picture = to_png(Image.new("RGB", (96, 96), "teal"))
    card = picture[:-12] + text("chara", coded(v2(tags=5, alternate_greetings="Hi."))) + picture[-12:]
    async with studio(tmp_path, playground, session) as scene:
        said = await sends(scene, card, "wren_final(2).png")
        assert "**Wren** is here: `/persona set name:wren`" in said and "read as a list" in said
        folder = tmp_path / "personas" / "wren"
        assert (folder / "card.png").read_bytes() == card
        assert "There is a persona wren already" in await sends(scene, card, "again.png")
        assert "**Wren** is here" in await sends(scene, card, "again.png", name="wren-2")
        assert "preview.png is a picture without a card in it" in await sends(scene, picture, "preview.png")
        assert "big.png has 2.1 MB: send a card of at most 2 MB" in await sends(scene, bytes(2_100_000), "big.png")
        robin = Member(playground, session, "Robin")
        async with Page.open(robin) as page:
            scene.page = page
            assert "may bring in a persona" in await sends(scene, card, "mine.png", member=robin, name="mine")
    assert sorted(path.name for path in (tmp_path / "personas").iterdir()) == ["marigold", "wren", "wren-2"]
