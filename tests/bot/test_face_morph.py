"""`/face morph` as a member uses it: a moving face is painted, posted as a GIF that Discord plays, told in words."""

import shutil
from collections.abc import AsyncGenerator
from io import BytesIO
from pathlib import Path

import aiohttp
import discord
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from avatar.animation import read_animation
from avatar.expression import spec_for
from avatar.mask import open_portrait
from bot.client import point_to
from bot.playground import Playground
from bot.settings import Discord
from tests.bot.members import FAST
from tests.bot.stage import ROOT
from tests.bot.test_face_commands import Studio, studio


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncGenerator[Studio]:
    shutil.copytree(ROOT / "personas" / "marigold", tmp_path / "personas" / "marigold")
    async with (
        Playground(rules=FAST) as playground,
        aiohttp.ClientSession() as session,
        studio(tmp_path, playground, session) as scene,
    ):
        yield scene
    point_to(Discord())


async def test_a_moving_face_is_painted_once_and_shown_as_a_gif(scene: Studio) -> None:
    marigold = scene.persona()
    specs = spec_for(marigold.card, "joy"), spec_for(marigold.card, "sadness")
    await scene.client.rooms.painter.morph(marigold, *specs)  # here, so that the page need not wait for a slow machine
    answer = await scene.asking.answer("face morph", **{"from": "joy", "to": "Sadness"})
    [file] = answer["attachments"]
    assert answer["content"] == "Marigold: joy → sadness"
    assert file["description"] == "Marigold's face moves from joy to sadness and back."
    assert file["filename"].endswith(".gif") and file["size"] < 8_000_000
    content = await scene.member.picture(file["url"])
    with Image.open(BytesIO(content)) as gif:
        assert gif.format == "GIF" and gif.n_frames > 10 and gif.info["loop"] == 0 and gif.width <= 512
    mask = Image.fromarray(open_portrait(marigold.base, marigold.mask).mask)
    frames = np.stack([np.asarray(frame) for frame in read_animation(content).frames])
    still = np.asarray(mask.resize(frames.shape[2:0:-1], Image.Resampling.BILINEAR, reducing_gap=None)) == 0
    assert (frames[:, still] == frames[:1, still]).mean() > 0.99
    again = await scene.asking.answer("face morph", **{"from": "joy", "to": "sadness"})
    assert again["attachments"][0]["filename"] == file["filename"]
    [status] = (await scene.asking.answer("status"))["embeds"]
    told = {field["name"]: field["value"] for field in status["fields"]}
    assert (told["Faces painted"], told["Animations painted"]) == ("0", "1")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"from": "joy", "to": "sadnes"}, "has no expression “sadnes”; the nearest is sadness"),
        ({"from": "joy", "to": "JOY"}, "From joy to joy nothing moves"),
    ],
)
async def test_what_cannot_move_is_one_sentence_for_the_asking_member(
    scene: Studio, options: dict[str, str], said: str
) -> None:
    answer = await scene.asking.answer("face morph", **options)
    assert said in answer["content"] and answer["flags"] & discord.MessageFlags.ephemeral.flag


async def test_one_moving_face_at_a_time_is_painted_in_a_channel(
    scene: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.face_morph._painting", {scene.channel})
    answer = await scene.asking.answer("face morph", **{"from": "joy", "to": "fear"})
    assert "painted here already" in answer["content"]
    assert answer["flags"] & discord.MessageFlags.ephemeral.flag
    assert await scene.asking.choices("face morph", **{"from": "ang"}) == ["anger"]
