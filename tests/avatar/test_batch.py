"""Several faces in one batch: the same faces, in steps that stay short, and never in anybody's way."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avatar import easel as easel_module
from avatar.batch import LARGEST, STEP_SECONDS, Pace
from avatar.composite import Cutting
from avatar.expression import spec_for
from avatar.gate import Seen, Verdict, Wish
from avatar.mask import Floats
from avatar.painter import Painter
from avatar.parts import Parts
from avatar.shelf import Shelf
from inference.gpu import Gpu
from inference.job import Priority, Steps, Stopped
from persona.card import Persona

NAMES = ["neutral", "joy", "sadness", "anger"]


def accept(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
    """A gate that stands open: an untrained painter paints noise."""
    return Verdict(True)


@pytest.fixture
async def painter(gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path) -> AsyncIterator[Painter]:
    """A painter over the tiny model, with the gate open, that paints up to four faces at once from the start."""
    async with Painter(gpu, str(painter_path), prompt_cache, Shelf(tmp_path / "shelf"), judge=accept) as painter:
        painter._pace.size = 4
        yield painter


class Watch:
    """How many faces the network was shown with each step; `at` is called with that number before the step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[int] = []
        self.at: Callable[[int], object] = lambda faces: None
        opening = easel_module.open_parts

        def watched(folder: Path, device: torch.device, *recipe: object) -> Parts:
            parts = opening(folder, device, *recipe)  # type: ignore[arg-type]
            parts.network.module.register_forward_pre_hook(lambda _, shown: self._step(len(shown[0])))
            return parts

        monkeypatch.setattr(easel_module, "open_parts", watched)

    def _step(self, faces: int) -> None:
        self.seen.append(faces)
        self.at(faces)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("faces", "seconds", "size"),
    [
        (1, STEP_SECONDS / 3.5, 2),  # three would fit, but it at most doubles
        (4, STEP_SECONDS / 2, 8),
        (8, STEP_SECONDS * 2, 4),
        (1, 10 * STEP_SECONDS, 1),
        (20, 0.0, LARGEST),
    ],
)
def test_a_batch_is_as_large_as_a_short_step_allows(faces: int, seconds: float, size: int) -> None:
    pace = Pace()
    assert pace.size == 1
    pace.took(faces, seconds)
    assert pace.size == size


async def test_four_faces_in_one_batch_are_the_faces_painted_one_by_one(
    painter: Painter, watch: Watch, dot: Persona, gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path
) -> None:
    together = await painter.paint_several(dot, [spec_for(dot.card, name) for name in NAMES])
    assert watch.seen == [4] * 4 and all(face.painted for face in together)
    async with Painter(gpu, str(painter_path), prompt_cache, Shelf(tmp_path / "other"), judge=accept) as other:
        for face, name in zip(together, NAMES, strict=True):
            alone = await other.paint(dot, spec_for(dot.card, name))
            assert np.abs(pixels(alone.path) - pixels(face.path)).max() <= 8, "up to rounding in half precision"
            assert face.expression == alone.expression == name


async def test_a_face_wanted_now_does_not_wait_for_the_batch_that_it_is_in(
    painter: Painter, watch: Watch, dot: Persona
) -> None:
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    watch.at = lambda faces: loop.call_soon_threadsafe(begun.set)
    warming = asyncio.create_task(painter.prewarm(dot))
    await begun.wait()
    face = await painter.paint(dot, spec_for(dot.card, "joy"))
    assert face.painted and face.expression == "joy"
    assert await warming == 3, "the batch paints the other three, and leaves the fourth as it is"
    alone = watch.seen.index(1)
    assert watch.seen[alone : alone + 4] == [1] * 4, "no step of the batch came between"
    assert painter.wardrobe.shelved(dot, spec_for(dot.card, "joy")) == replace(face, painted=False)


async def test_when_somebody_speaks_a_batch_stops_between_two_steps(
    painter: Painter, watch: Watch, dot: Persona, gpu: Gpu
) -> None:
    """The reply's steps follow each other without one of the batch between them."""
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    watch.at = lambda faces: loop.call_soon_threadsafe(begun.set)

    def reply() -> Steps[None, tuple[int, int]]:
        before = len(watch.seen)
        for _ in range(20):
            yield None
        return before, len(watch.seen)

    warming = asyncio.create_task(painter.prewarm(dot))
    await begun.wait()
    before, after = await gpu.submit(reply(), Priority.REPLY).result()
    assert before == after < 4 and await warming == 4


async def test_a_batch_given_up_leaves_what_was_finished_on_the_shelf(
    painter: Painter, watch: Watch, dot: Persona
) -> None:
    painter._pace.size = 1
    first = asyncio.Event()
    told: list[int] = []

    def progress(what: str, done: int, total: int) -> None:
        told.append(done)
        if done:
            first.set()

    warming = asyncio.create_task(painter.prewarm(dot, progress))
    await first.wait()
    warming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await warming
    assert painter.shelved(dot, spec_for(dot.card, "neutral")) is not None
    assert painter.shelved(dot, spec_for(dot.card, "anger")) is None
    assert await painter.prewarm(dot) == 4 - told[-1]


async def test_two_who_want_the_same_sheet_paint_it_once(painter: Painter, watch: Watch, dot: Persona) -> None:
    assert sorted(await asyncio.gather(painter.prewarm(dot), painter.prewarm(dot))) == [0, 4]
    assert watch.seen == [4] * 4


async def test_what_the_gate_refuses_of_a_batch_is_tried_with_the_next_seed(
    gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path, dot: Persona, watch: Watch
) -> None:
    judged: list[str] = []

    def refuse_joy_once(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
        judged.append(next(iter(wish.shows)))
        refused = judged[-1] == "joy" and judged.count("joy") == 1
        return Verdict(not refused, "blank" * refused, broken=refused)

    shelf = Shelf(tmp_path / "shelf")
    async with Painter(gpu, str(painter_path), prompt_cache, shelf, judge=refuse_joy_once) as painter:
        painter._pace.size = 4
        assert await painter.prewarm(dot) == 4
    assert watch.seen == [4] * 4 + [1] * 4, "the first seed of the refused one is not painted again"
    assert painter.refused.counts == {"blank": 1}


async def test_a_shelf_smaller_than_the_sheet_does_not_go_round_in_circles(
    gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path, dot: Persona
) -> None:
    shelf = Shelf(tmp_path / "shelf", max_bytes=1)
    async with Painter(gpu, str(painter_path), prompt_cache, shelf, judge=accept) as painter:
        assert await painter.prewarm(dot) == 4
    assert len(list(shelf.folder.glob("??/*.png"))) == 1


async def test_leaving_the_painter_ends_a_batch(
    gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path, dot: Persona, watch: Watch
) -> None:
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    watch.at = lambda faces: loop.call_soon_threadsafe(begun.set)
    async with Painter(gpu, str(painter_path), prompt_cache, Shelf(tmp_path / "s"), judge=accept) as painter:
        painter._pace.size = 4
        warming = asyncio.create_task(painter.prewarm(dot))
        await begun.wait()
    with pytest.raises(Stopped):
        await warming
    assert gpu.residency.residents == ()


async def test_where_no_disk_takes_a_face_the_base_picture_is_shown_and_one_sentence_said(
    painter: Painter, dot: Persona, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shelf's folder is a file, and memory is a folder that is not there."""
    monkeypatch.setattr("avatar.shelf._MEMORY", Path("/nowhere"))
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    painter.wardrobe.shelf.folder.write_bytes(b"in the way")
    with caplog.at_level(logging.WARNING):
        face = await painter.paint(dot, spec_for(dot.card, "joy"))
    assert face.path == dot.base and not face.painted
    assert [message for message in caplog.messages if "free some disk space" in message] == caplog.messages
