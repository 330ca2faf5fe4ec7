"""`/face …` as a member uses it. No language model is loaded: these commands ask none."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import aiohttp
import discord
import pytest
import pytest_asyncio
from PIL import Image

from avatar.expression import spec_for
from avatar.picture import open_picture, to_png
from bot.client import MienClient, point_to
from bot.commands import Commands
from bot.compose import Rooms, choice_of, director_of, open_gpu, open_painter, speaker_of
from bot.conversation import Story
from bot.feeling import Feeling
from bot.history import History, Worn
from bot.library import Library
from bot.playground import Playground
from bot.settings import Bot, Discord, Face, GpuTable, Settings
from bot.surroundings import Surroundings
from emotion.classifier import Classifier
from emotion.motion import MoodSettings
from inference.engine import Engine
from persona.card import Persona, read_folder
from persona.cast import Cast
from tests.bot.asking import Asking
from tests.bot.members import FAST, Member, Page, server_of
from tests.bot.stage import ROOT


@dataclass
class Studio:
    """A bot that paints with the starter painter; its language model and classifier are never opened."""

    playground: Playground
    member: Member
    page: Page
    channel: int
    client: MienClient

    @property
    def asking(self) -> Asking:
        return Asking(self, self.member, self.page)

    def persona(self, slug: str = "marigold") -> Persona:
        return self.client.rooms.cast.get(slug)

    def shelve(self, expression: str, slug: str = "marigold", seed: int = 0, degrees: int = 180) -> Persona:
        """A face comes onto the shelf without a painter: the portrait, turned."""
        persona, wardrobe = self.persona(slug), self.client.rooms.painter.wardrobe
        order = wardrobe.order(persona, spec_for(persona.card, expression, seed))
        wardrobe.shelf.put(order.key, to_png(order.portrait.image.rotate(degrees)))
        return persona


@asynccontextmanager
async def studio(
    folder: Path, playground: Playground, session: aiohttp.ClientSession, *, home: int | None = None
) -> AsyncGenerator[Studio]:
    settings = Settings(
        bot=Bot(state=folder / "state", personas=[folder / "personas"], home=home),
        face=Face(prewarm=False),
        gpu=GpuTable(device="cpu", threads=1),
        discord=server_of(playground),
    )
    async with AsyncExitStack() as stack:
        gpu = await stack.enter_async_context(open_gpu(settings))
        painter = await stack.enter_async_context(open_painter(settings, gpu))
        history = await stack.enter_async_context(History(folder / "state" / "mien.sqlite"))
        engine, classifier = Engine(gpu, "starter", folder), Classifier(gpu, choice_of(settings))
        surroundings = Surroundings(history, Library(history), lambda text: len(text.split()), budget=100)
        story = Story(
            speaker_of(settings, engine, classifier),
            Feeling(classifier, history, MoodSettings()),
            painter,
            history,
            director_of(settings, engine),
            surroundings,
            patience=None,
        )
        cast = Cast(settings.bot.persona_roots())
        rooms = Rooms(settings, gpu, engine, painter, history, cast, story, surroundings)
        client = await stack.enter_async_context(MienClient(rooms, Commands, guild_ready_timeout=0.05))
        member = Member(playground, session)
        page = await stack.enter_async_context(Page.open(member))
        channel = next(one.id for one in playground.world.channels.values() if one.name == "general")
        connection = asyncio.create_task(client.start(playground.bot_token))
        await client.wait_until_ready()
        yield Studio(playground, member, page, channel, client)
        await client.close()
        await connection


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncGenerator[Studio]:
    for slug in ("marigold", "bram"):
        shutil.copytree(ROOT / "personas" / slug, tmp_path / "personas" / slug)
    async with (
        Playground(rules=FAST) as playground,
        aiohttp.ClientSession() as session,
        studio(tmp_path, playground, session) as scene,
    ):
        yield scene
    point_to(Discord())


async def picture(scene: Studio, url: str) -> Image.Image:
    return Image.open(BytesIO(await scene.member.picture(url)))


async def test_the_face_of_the_newest_reply_is_shown(scene: Studio) -> None:
    scene.shelve("joy")
    await scene.client.history.set_worn(scene.channel, "marigold", Worn("joy", suffixed=False))
    answer = await scene.asking.answer("face show")
    [embed], [file] = answer["embeds"], answer["attachments"]
    assert (embed["title"], file["description"]) == ("Marigold: joy", "Marigold, joy")
    assert (await picture(scene, file["url"])).size == open_picture(scene.persona().base).size


async def test_a_face_is_painted_when_it_is_new_and_found_whatever_its_case(scene: Studio) -> None:
    marigold = scene.persona()
    assert scene.client.rooms.painter.shelved(marigold, spec_for(marigold.card, "anger")) is None
    answer = await scene.asking.answer("face show", expression="ANGER")
    face = scene.client.rooms.painter.shelved(marigold, spec_for(marigold.card, "anger"))
    assert answer["embeds"][0]["title"] == "Marigold: anger" and face
    assert await scene.member.picture(answer["attachments"][0]["url"]) == face.path.read_bytes()


@pytest.mark.parametrize(("typed", "said"), [("zzz", "there are: neutral"), ("Angre", "the nearest is anger, and")])
@pytest.mark.parametrize("line", ["face show", "face repaint"])
async def test_an_expression_that_is_not_on_the_card_is_one_sentence(
    scene: Studio, line: str, typed: str, said: str
) -> None:
    answer = await scene.asking.answer(line, expression=typed)
    assert f"has no expression “{typed}”; {said}" in answer["content"]
    assert answer["flags"] & discord.MessageFlags.ephemeral.flag


async def test_the_sheet_shows_all_faces_and_marks_those_that_are_not_painted(scene: Studio) -> None:
    bram = scene.shelve("neutral", "bram")
    await scene.client.history.set_scene(scene.channel, ["bram"])
    answer = await scene.asking.answer("face sheet")
    [embed], [file], names = answer["embeds"], answer["attachments"], list(bram.card.expressions)
    assert embed["title"] == f"{bram.card.name}: {len(names)} faces"
    assert embed["description"] == f"{len(names) - 1} of {len(names)} not painted yet; /face show paints one."
    waiting = ", ".join(name for name in names if name != "neutral")
    assert file["description"] == f"The faces of {bram.card.name}: neutral. Not painted yet: {waiting}."
    assert file["size"] < 8_000_000
    assert (await picture(scene, file["url"])).size == (file["width"], file["height"])


async def test_a_face_is_painted_anew_and_the_one_before_comes_back(
    scene: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.repaint.secrets.randbelow", lambda limit: 41)
    painter, marigold = scene.client.rooms.painter, scene.shelve("anger")
    scene.shelve("anger", seed=42, degrees=90)  # both paintings are there already, so that no time is spent on them
    first = await painter.paint(marigold, spec_for(marigold.card, "anger"))
    answer = await scene.asking.answer("face repaint", expression="anger")
    assert answer["embeds"][0]["description"] == "The new face is worn from now on."
    assert answer["attachments"][0]["description"] == "Marigold: anger, before on the left, after on the right"
    anew = await painter.paint(scene.persona(), spec_for(marigold.card, "anger"))
    assert anew.expression == "anger" and anew.sha256 != first.sha256
    # The file in the persona's folder is all there is to it: any later start reads it.
    assert read_folder(marigold.folder).seeds == scene.persona().seeds != {}
    answer = await scene.asking.click(answer, "Go back")
    assert answer["embeds"][0]["description"] == "The face from before is worn again."
    assert (await painter.paint(scene.persona(), spec_for(marigold.card, "anger"))).sha256 == first.sha256
    await scene.asking.click(answer, "Take the new face")
    assert (await painter.paint(scene.persona(), spec_for(marigold.card, "anger"))).sha256 == anew.sha256


async def test_a_face_that_is_given_is_shown_and_not_painted_anew(scene: Studio) -> None:
    faces = scene.persona().folder / "faces"
    faces.mkdir()
    Image.new("RGB", (300, 400), "teal").save(faces / "Joy.webp", lossless=True)
    answer = await scene.asking.answer("face show", expression="joy")
    assert (await picture(scene, answer["attachments"][0]["url"])).convert("RGB").getpixel((9, 9)) == (0, 128, 128)
    answer = await scene.asking.answer("face repaint", expression="joy")
    assert answer["content"] == "Joy.webp is worn as it is: take it out of faces/ to have joy painted."


async def test_members_who_manage_nothing_repaint_nothing(scene: Studio) -> None:
    robin = Member(scene.playground, scene.member.session, "Robin")
    async with Page.open(robin) as page:
        answer = await Asking(scene, robin, page).answer("face repaint", expression="joy")
    assert "Only the bot's owner and members with the permission “Manage Server”" in answer["content"]
    assert scene.persona().seeds == {}
