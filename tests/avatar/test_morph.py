"""A face that moves between two expressions: the same picture, the same noise, and nothing else moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.animation import Animation, read_animation
from avatar.checkpoint import STARTER
from avatar.expression import blended, spec_for
from avatar.gate import Verdict
from avatar.mask import open_portrait
from avatar.morph import FRAMES
from avatar.pacing import there_and_back
from avatar.painter import Painter
from avatar.picture import PortraitError, open_picture
from avatar.shelf import Shelf
from inference.gpu import Gpu
from persona.card import Persona, load_persona
from tests.avatar.pictures import face_mask, face_picture

PERSONAS = Path(__file__).parents[2] / "personas"


def fit(*_: object) -> Verdict:
    return Verdict(True)


def broken(*_: object) -> Verdict:
    return Verdict(False, "melted", broken=True)


@pytest.fixture
async def painter(gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path) -> AsyncIterator[Painter]:
    """A tiny untrained painter whose every face is fit to be seen."""
    async with Painter(
        gpu, str(painter_path), prompt_cache, Shelf(tmp_path / "shelf"), critic="none", judge=fit
    ) as painter:
        yield painter


def pixels(animation: Animation) -> np.ndarray:
    return np.stack([np.asarray(frame) for frame in animation.frames])


async def test_nothing_moves_outside_the_mask_and_the_loop_comes_back(
    painter: Painter, make_persona: Callable[..., Persona]
) -> None:
    picture = face_picture(96).convert("RGBA")
    picture.putpixel((0, 0), (1, 2, 3, 77))
    dot, done = make_persona(picture, face_mask(96)), []
    joy, sadness = spec_for(dot.card, "joy"), spec_for(dot.card, "sadness")
    face = await painter.morph(dot, joy, sadness, progress=lambda what, some, all_: done.append((some, all_)))
    seen = pixels(read_animation(face.path.read_bytes()))
    assert len(seen) == 2 * FRAMES - 2
    outside = np.asarray(face_mask(96)) == 0
    assert (seen[:, outside] == np.asarray(picture)[outside]).all()
    assert (seen[..., 3] == np.asarray(picture)[..., 3]).all()
    assert (seen == seen[[0, *range(len(seen) - 1, 0, -1)]]).all()
    assert (seen[0] != seen[FRAMES - 1]).any()
    assert done[0] == (0, FRAMES) and done[-1] == (FRAMES, FRAMES) and done == sorted(done)


async def test_its_ends_are_the_faces_of_the_two_expressions(painter: Painter, dot: Persona) -> None:
    specs = spec_for(dot.card, "joy"), spec_for(dot.card, "anger")
    moving = read_animation((await painter.morph(dot, *specs)).path.read_bytes())
    for place, spec in zip((0, FRAMES - 1), specs, strict=True):
        alone = open_picture((await painter.paint(dot, spec)).path)
        assert (np.asarray(moving.frames[place]) == np.asarray(alone)).all()


async def test_asked_again_it_comes_from_the_shelf_without_a_model(
    painter: Painter, dot: Persona, gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path
) -> None:
    joy, sadness = spec_for(dot.card, "joy"), spec_for(dot.card, "sadness")
    first, second = await asyncio.gather(painter.morph(dot, joy, sadness), painter.morph(dot, joy, sadness))
    assert sorted([first.painted, second.painted]) == [False, True] and first.path == second.path
    shelf = Shelf(tmp_path / "shelf")
    async with Painter(gpu, str(painter_path), prompt_cache, shelf, critic="none", judge=broken) as other:
        assert (await other.morph(dot, joy, sadness)).path == first.path
        with pytest.raises(PortraitError, match="“sadness” and “joy” were fit to be seen, so there is nothing"):
            await other.morph(dot, sadness, joy)


async def test_given_up_it_frees_the_device_and_leaves_nothing(painter: Painter, dot: Persona, gpu: Gpu) -> None:
    begun = asyncio.Event()

    def notice(what: str, done: int, total: int) -> None:
        if done:
            begun.set()

    joy, sadness = spec_for(dot.card, "joy"), spec_for(dot.card, "sadness")
    task = asyncio.create_task(painter.morph(dot, joy, sadness, progress=notice))
    await asyncio.wait_for(begun.wait(), 120)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not gpu.unfinished
    assert (await painter.morph(dot, joy, sadness)).painted


async def test_a_face_that_is_given_does_not_move(painter: Painter, dot: Persona) -> None:
    given = replace(dot, faces={"joy": dot.base})
    with pytest.raises(PortraitError, match=r"base\.png is worn as it is"):
        await painter.morph(given, spec_for(dot.card, "anger"), spec_for(dot.card, "joy"))


async def test_a_blend_is_a_face_between_two_others(painter: Painter, dot: Persona) -> None:
    joy, sadness = spec_for(dot.card, "joy"), spec_for(dot.card, "sadness")
    specs = [joy, *(blended(joy, sadness, quarters) for quarters in (1, 2, 3)), sadness]
    faces = [await painter.paint(dot, spec) for spec in specs]
    assert [face.expression for face in faces] == ["joy"] * 4 + ["sadness"]
    seen = [np.asarray(open_picture(face.path)).astype(int) for face in faces]
    assert all((one != other).any() for one, other in pairwise(seen))
    way = np.abs(seen[0] - seen[-1]).mean()
    assert all(np.abs(one - seen[0]).mean() < way for one in seen[1:3])
    again = await painter.paint(dot, specs[2])
    assert not again.painted and again.path == faces[2].path


@pytest.mark.skipif(not (STARTER / "unet").is_dir(), reason="the starter checkpoint is not in avatar/starter")
async def test_the_starters_faces_move_in_small_steps(gpu: Gpu, prompt_cache: Path, tmp_path: Path) -> None:
    """No frame is further from the next than a quarter of the way from the one end to the other."""
    marigold = load_persona("marigold", [PERSONAS])
    specs = spec_for(marigold.card, "joy"), spec_for(marigold.card, "sadness")
    async with Painter(gpu, "starter", prompt_cache, Shelf(tmp_path / "shelf")) as painter:
        moving = read_animation((await painter.morph(marigold, *specs)).path.read_bytes())
    portrait = open_portrait(marigold.base, marigold.mask)
    seen = pixels(moving).astype(int)
    assert (seen[:, portrait.mask == 0] == portrait.pixels[portrait.mask == 0]).all()
    inside = portrait.mask > 0
    steps = [np.abs(one - other)[inside].mean() for one, other in pairwise(seen[:FRAMES])]
    assert max(steps) < np.abs(seen[0] - seen[FRAMES - 1])[inside].mean() / 4
    assert [len(there_and_back(FRAMES))] == [len(moving.frames)] and 1500 <= sum(moving.milliseconds) <= 1700


async def test_pictures_that_move_are_at_most_1024_pixels_wide(
    painter: Painter, make_persona: Callable[..., Persona]
) -> None:
    wide = make_persona(face_picture(1200), face_mask(1200))
    face = await painter.morph(wide, spec_for(wide.card, "joy"), spec_for(wide.card, "anger"))
    with Image.open(face.path) as moving:
        assert moving.size == (1024, 1024) and moving.n_frames == 2 * FRAMES - 2
