import asyncio
import os
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from avatar import easel as easel_module
from avatar.attempts import ATTEMPTS
from avatar.composite import Cutting
from avatar.expression import ExpressionSpec, spec_for
from avatar.gate import Seen, Verdict, Wish
from avatar.mask import Floats
from avatar.painter import Painter
from avatar.parts import Parts
from avatar.picture import PortraitError
from avatar.recipe import Recipe
from avatar.shelf import Shelf, avatar_bytes
from inference.gpu import Gpu
from inference.job import Job, ModelMissing, NoRoom, Priority, Replaced, Steps, Stopped
from persona.card import Persona
from tests.avatar.pictures import face_mask, face_picture, outside_is_untouched
from tests.inference.tiny_card import TinyCard

NAMES = ["neutral", "joy", "sadness", "anger"]


def accept(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
    """A gate that stands open: an untrained painter paints noise."""
    return Verdict(True)


def spec(persona: Persona, name: str = "joy", seed: int = 0) -> ExpressionSpec:
    return spec_for(persona.card, name, seed)


def joined(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[None]":
    """A queue that gets one entry whenever a request begins to wait for a face."""
    queue: asyncio.Queue[None] = asyncio.Queue()
    displace = painter._works._displace

    def tell(replaces: Hashable | None) -> asyncio.Event:
        queue.put_nowait(None)
        return displace(replaces)

    monkeypatch.setattr(painter._works, "_displace", tell)
    return queue


def submitted(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[Priority]":
    """A queue that gets the priority of every job that the device is given."""
    queue: asyncio.Queue[Priority] = asyncio.Queue()
    submit = gpu.submit

    def tell(steps: Steps[Any, Any], priority: Priority, **named: Any) -> Job[Any, Any]:
        queue.put_nowait(priority)
        return submit(steps, priority, **named)

    monkeypatch.setattr(gpu, "submit", tell)
    return queue


@contextmanager
def held(gpu: Gpu) -> Iterator[Event]:
    """Keeps the device busy with something more urgent, so that faces wait; setting the event releases it early."""
    release = Event()

    def steps() -> Steps[None, None]:
        release.wait(30)
        yield None

    job = gpu.submit(steps(), Priority.FEELING)
    try:
        yield release
    finally:
        release.set()
        job.cancel()


Open = Callable[..., AbstractAsyncContextManager[Painter]]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf")


@pytest.fixture
def open_painter(gpu: Gpu, painter_path: Path, prompt_cache: Path, shelf: Shelf) -> Open:
    """A painter over the tiny model, with the gate open unless a test closes it."""

    def make(**settings: object) -> Painter:
        return Painter(gpu, str(painter_path), prompt_cache, shelf, **{"judge": accept, **settings})  # type: ignore[arg-type]

    return make


async def test_a_face_is_painted_once_and_then_comes_from_the_shelf(open_painter: Open, dot: Persona) -> None:
    async with open_painter() as painter:
        first = await painter.paint(dot, spec(dot))
        again = await painter.paint(dot, spec(dot))
    assert first.painted and not again.painted
    assert first.path == again.path and first.sha256 == again.sha256 and first.expression == "joy"
    assert outside_is_untouched(face_picture(96), first.path, face_mask(96))
    assert first.path.read_bytes() != dot.base.read_bytes()


async def test_a_shelved_face_needs_no_model(open_painter: Open, dot: Persona, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_painter() as painter:
        painted = await painter.paint(dot, spec(dot))
    monkeypatch.delattr(easel_module, "open_parts")
    monkeypatch.delattr(easel_module, "inpaint")
    async with open_painter() as painter:
        assert painter.shelved(dot, spec(dot, "anger")) is None
        shelved = painter.shelved(dot, spec(dot))
        assert shelved is not None and shelved.path == painted.path
        assert (await painter.paint(dot, spec(dot))).sha256 == painted.sha256


async def test_the_same_seed_gives_the_same_bytes_in_another_state_folder(
    gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path, dot: Persona
) -> None:
    faces = []
    for n, seed in enumerate((5, 5, 6, 2**80)):
        async with Painter(gpu, str(painter_path), prompt_cache, Shelf(tmp_path / str(n)), judge=accept) as painter:
            faces.append((await painter.paint(dot, spec(dot, seed=seed))).sha256)
    assert faces[0] == faces[1] and len(set(faces)) == 3


async def test_a_damaged_face_is_painted_again(open_painter: Open, dot: Persona) -> None:
    async with open_painter() as painter:
        face = await painter.paint(dot, spec(dot))
        whole = face.path.read_bytes()
        face.path.write_bytes(whole[: len(whole) // 2])
        repaired = await painter.paint(dot, spec(dot))
    assert repaired.painted and repaired.path.read_bytes() == whole


async def test_everyone_who_wants_the_same_face_shares_one_job(
    open_painter: Open, dot: Persona, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = []
    submit = gpu.submit
    monkeypatch.setattr(gpu, "submit", lambda *args, **named: jobs.append(args) or submit(*args, **named))
    async with open_painter() as painter:
        faces = await asyncio.gather(*(painter.paint(dot, spec(dot)) for _ in range(5)))
        assert len({face.sha256 for face in faces}) == 1 and len(jobs) == 1


async def test_one_who_leaves_does_not_take_the_face_from_the_others(
    open_painter: Open, dot: Persona, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_painter() as painter:
        waiting = joined(painter, monkeypatch)
        with held(gpu):
            leaving, staying = (asyncio.create_task(painter.paint(dot, spec(dot))) for _ in range(2))
            await waiting.get()
            await waiting.get()
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        assert (await staying).painted and leaving.cancelled()


async def test_when_the_last_one_leaves_the_job_ends(
    open_painter: Open, dot: Persona, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_painter() as painter:
        waiting = joined(painter, monkeypatch)
        with held(gpu):
            only = asyncio.create_task(painter.paint(dot, spec(dot)))
            await waiting.get()
            [work] = painter._works._works.values()
            only.cancel()
            await asyncio.gather(only, work.task, return_exceptions=True)
        assert only.cancelled() and work.task.cancelled() and not painter._works._works
        assert painter.shelved(dot, spec(dot)) is None
        assert (await painter.paint(dot, spec(dot))).painted


async def test_a_newer_face_for_a_channel_replaces_the_older(
    open_painter: Open, dot: Persona, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_painter() as painter:
        waiting = joined(painter, monkeypatch)
        with held(gpu):
            older = asyncio.create_task(painter.paint(dot, spec(dot, "joy"), replaces=("dot", 1)))
            elsewhere = asyncio.create_task(painter.paint(dot, spec(dot, "sadness"), replaces=("dot", 2)))
            await waiting.get()
            await waiting.get()
            newer = asyncio.create_task(painter.paint(dot, spec(dot, "anger"), replaces=("dot", 1)))
            with pytest.raises(Replaced):
                await older
        assert (await newer).expression == "anger" and (await elsewhere).expression == "sadness"
        assert painter.shelved(dot, spec(dot, "joy")) is None and not painter._works._newest


async def test_prewarming_paints_what_is_missing(open_painter: Open, dot: Persona) -> None:
    told = []
    async with open_painter() as painter:
        await painter.paint(dot, spec(dot, "joy"))
        assert await painter.prewarm(dot, lambda *news: told.append(news)) == 3
        assert all(painter.shelved(dot, spec(dot, name)) for name in NAMES)
        assert await painter.prewarm(dot) == 0
    assert told[0] == ("painting Dot", 0, 4) and told[-1] == ("painting Dot", 4, 4)


async def test_prewarming_can_be_cancelled(
    open_painter: Open, dot: Persona, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_painter() as painter:
        queued = submitted(gpu, monkeypatch)
        with held(gpu):
            warming = asyncio.create_task(painter.prewarm(dot))
            while await queued.get() != Priority.PREWARM:
                pass
            warming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await warming
        assert not any(painter.shelved(dot, spec(dot, name)) for name in NAMES)


async def test_a_reply_that_needs_the_face_does_not_wait_at_prewarm_priority(
    open_painter: Open, dot: Persona, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    priorities = []
    submit = gpu.submit
    async with open_painter() as painter:
        waiting = joined(painter, monkeypatch)
        with held(gpu):
            monkeypatch.setattr(
                gpu, "submit", lambda steps, how, **named: priorities.append(how) or submit(steps, how, **named)
            )
            warming = asyncio.create_task(painter.paint(dot, spec(dot), priority=Priority.PREWARM))
            await waiting.get()
            urgent = asyncio.create_task(painter.paint(dot, spec(dot)))
            await waiting.get()
        assert (await warming).sha256 == (await urgent).sha256
        assert sorted(priorities) == [Priority.PORTRAIT, Priority.PREWARM]  # which comes first is the threads' affair


async def test_an_unfit_face_is_tried_with_the_next_seed(open_painter: Open, dot: Persona) -> None:
    judged: list[bytes] = []

    def refuse_two(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
        judged.append(painted.tobytes())
        return Verdict(len(judged) > 2, "blank", broken=len(judged) < 3)

    async with open_painter(judge=refuse_two) as painter:
        face = await painter.paint(dot, spec(dot))
        assert face.painted and face.expression == "joy"
        assert painter.refused.counts == {"blank": 2} and len(set(judged)) == 3


async def test_after_three_broken_faces_the_neutral_one_takes_the_place(open_painter: Open, dot: Persona) -> None:
    def only_neutral(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
        return Verdict(wish.may_repeat, "noise", broken=not wish.may_repeat)

    async with open_painter(judge=only_neutral) as painter:
        face = await painter.paint(dot, spec(dot))
        assert face.expression == "neutral" and face.painted and painter.refused.counts.total() == ATTEMPTS
        again = await painter.paint(dot, spec(dot))
        assert again.path == face.path and painter.refused.counts.total() == ATTEMPTS  # not tried with every message


async def test_of_three_unfit_faces_that_may_be_seen_the_best_is_worn(open_painter: Open, dot: Persona) -> None:
    scores = [0.2, 0.7, 0.4]

    def refuse(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
        return Verdict(False, "another expression", score=scores[painter.refused.counts.total()])

    async with open_painter(judge=refuse) as painter:
        face = await painter.paint(dot, spec(dot, seed=10))
        assert face.expression == "joy" and painter.refused.counts == {"another expression": 3}
        assert painter.shelved(dot, spec(dot, seed=10)) is not None
    async with open_painter() as painter:
        second = await painter.paint(dot, spec(dot, seed=11))
        assert second.sha256 == face.sha256


async def test_every_refused_picture_can_be_looked_at(open_painter: Open, dot: Persona) -> None:
    def refuse(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
        return Verdict(False, "a visible edge", broken=True)

    async with open_painter(judge=refuse) as painter:
        await painter.paint(dot, spec(dot))
        pictures = painter.refused.pictures()
    names = [path.stem.split("-", 1)[1] for path in pictures]
    assert names[:3] == [f"dot-joy-{seed}-a_visible_edge" for seed in range(3)]
    assert len({path.read_bytes() for path in pictures[:3]}) == 3
    assert all(outside_is_untouched(face_picture(96), path, face_mask(96)) for path in pictures)


async def test_an_explained_face_is_painted_afresh_and_changes_nothing(open_painter: Open, dot: Persona) -> None:
    def refuse_one(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None) -> Verdict:
        judged.append(painted)
        return Verdict(len(judged) % 2 == 0, "another expression", score=0.5, figures={"shown": 0.1 * len(judged)})

    judged: list[Floats] = []
    async with open_painter(judge=refuse_one) as painter:
        face = await painter.paint(dot, spec(dot))
        explained = await painter.explain(dot, spec(dot))
        assert [attempt.verdict.fit for attempt, _ in explained] == [False, True]
        assert [attempt.seed for attempt, _ in explained] == [0, 1]
        assert explained[1][1] == face.path.read_bytes() and painter.refused.counts.total() == 1


async def test_the_real_gate_refuses_an_untrained_painters_noise(
    gpu: Gpu, painter_path: Path, prompt_cache: Path, shelf: Shelf, dot: Persona
) -> None:
    async with Painter(gpu, str(painter_path), prompt_cache, shelf) as painter:
        face = await painter.paint(dot, spec(dot))
    assert face.path == dot.base and face.expression == "neutral" and not face.painted
    assert painter.refused.counts.total() == 2 * ATTEMPTS


async def test_the_nearest_face_meanwhile_is_near_in_feeling_or_the_base_picture(
    open_painter: Open, dot: Persona
) -> None:
    async with open_painter() as painter:
        assert painter.nearest(dot, spec(dot, "sadness")).path == dot.base
        anger = await painter.paint(dot, spec(dot, "anger"))
        assert painter.nearest(dot, spec(dot, "joy")).path == dot.base
        assert painter.nearest(dot, spec(dot, "anger")).path == anger.path
        neutral = await painter.paint(dot, spec(dot, "neutral"))
        assert painter.nearest(dot, spec(dot, "joy")).path == neutral.path


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (40, 25), (130, 200)])
async def test_zero_mask_pixels_stay_for_pictures_of_every_kind(
    open_painter: Open, make_persona: Callable[..., Persona], mode: str, size: tuple[int, int]
) -> None:
    random = np.random.default_rng(sum(size))
    noise = Image.fromarray(random.integers(0, 256, (size[1], size[0], 4), np.uint8)).convert("RGBA")
    picture = noise.convert("RGB").convert(mode) if mode in "1PL" else noise.convert(mode)
    mask = Image.fromarray(np.where(random.random((size[1], size[0])) < 0.5, 255, 0).astype(np.uint8))
    mask.putpixel((0, 0), 200)
    persona = make_persona(picture, mask)
    async with open_painter() as painter:
        face = await painter.paint(persona, spec(persona))
    seen = Image.open(persona.base).convert("RGBA" if mode in ("LA", "RGBA") else "RGB")
    assert face.painted and outside_is_untouched(seen, face.path, mask)


async def test_a_persona_without_a_mask_is_painted_where_its_face_seems_to_be(
    open_painter: Open, make_persona: Callable[..., Persona], shelf: Shelf
) -> None:
    persona = make_persona(face_picture(128), None)
    async with open_painter() as painter:
        face = await painter.paint(persona, spec(persona))
    [proposed] = (shelf.folder / "masks").iterdir()
    with Image.open(proposed) as mask:
        assert outside_is_untouched(face_picture(128), face.path, mask)
    assert len(avatar_bytes(face)) < 1_000_000


async def test_a_changed_portrait_or_prompt_is_another_face(
    open_painter: Open, make_persona: Callable[..., Persona], dot: Persona
) -> None:
    async with open_painter() as painter:
        await painter.paint(dot, spec(dot))
        assert painter.shelved(dot, ExpressionSpec("joy", "quite another prompt")) is None
        face_mask(96).point(lambda grey: 255 - grey).save(dot.base.with_name("mask.png"))
        os.utime(dot.base.with_name("mask.png"), ns=(1, 1))
        assert painter.shelved(dot, spec(dot)) is None


async def test_unusable_pictures_and_weights_are_sentences(
    open_painter: Open, dot: Persona, gpu: Gpu, tmp_path: Path
) -> None:
    with pytest.raises(ModelMissing, match="There is no painter"):
        async with Painter(gpu, str(tmp_path / "none"), tmp_path, Shelf(tmp_path)):
            pass
    async with open_painter() as painter:
        dot.base.write_bytes(b"no picture")
        with pytest.raises(PortraitError, match="not a picture"):
            await painter.paint(dot, spec(dot))


async def test_leaving_the_painter_ends_what_is_being_painted(
    open_painter: Open, dot: Persona, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(gpu) as release:
        async with open_painter() as painter:
            waiting = joined(painter, monkeypatch)
            face = asyncio.create_task(painter.paint(dot, spec(dot)))
            face.add_done_callback(lambda _: release.set())  # the painter waits for the device before it is left
            await waiting.get()
        with pytest.raises(Stopped):
            await face


class Watched:
    """Where a painter's UNet is: its forward tells at every call whether its weights are on the card."""

    def __init__(self, card: TinyCard, monkeypatch: pytest.MonkeyPatch) -> None:
        self.painted_on_card: list[bool] = []
        self.out_of_memory = 0  # how many of the next calls the card has no room for
        opening = easel_module.open_parts

        def watched(folder: Path, device: torch.device, recipe: Recipe, cache: Path) -> Parts:
            parts = opening(folder, device, recipe, cache)
            parts.network.module.register_forward_pre_hook(lambda unet, _: self._called(card, unet))
            return parts

        monkeypatch.setattr(easel_module, "open_parts", watched)

    def _called(self, card: TinyCard, unet: torch.nn.Module) -> None:
        self.painted_on_card.append(all(card.holds(weight) for weight in unet.parameters()))
        if self.out_of_memory:
            self.out_of_memory -= 1
            card.allocate(card.total)


@pytest.fixture
async def small_gpu() -> AsyncIterator[tuple[Gpu, TinyCard]]:
    """A device whose card has room for the tiny painter and little more."""
    card = TinyCard(3 << 20)
    async with Gpu("cpu", threads=1, card=card) as gpu:
        yield gpu, card


async def test_the_painter_is_a_guest_on_the_card(
    small_gpu: tuple[Gpu, TinyCard],
    open_painter: Open,
    painter_path: Path,
    prompt_cache: Path,
    tmp_path: Path,
    dot: Persona,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_painter() as painter:
        at_home = await painter.paint(dot, spec(dot))
    gpu, card = small_gpu
    easel = Watched(card, monkeypatch)
    async with Painter(gpu, str(painter_path), prompt_cache, Shelf(tmp_path / "other"), judge=accept) as painter:
        face = await painter.paint(dot, spec(dot))
        assert [one.name for one in gpu.residency.residents if one.here] == ["painter"]
        await gpu.call(gpu.residency.send_out, Priority.REPLY)
        assert card.taken == 0
        await painter.paint(dot, spec(dot, "anger"))
    assert easel.painted_on_card == [True] * 8 and card.taken == 0 and gpu.residency.residents == ()
    assert face.sha256 == at_home.sha256


async def test_a_painting_that_runs_out_of_memory_is_begun_again_smaller(
    small_gpu: tuple[Gpu, TinyCard],
    painter_path: Path,
    prompt_cache: Path,
    shelf: Shelf,
    dot: Persona,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu, card = small_gpu
    easel = Watched(card, monkeypatch)
    async with Painter(gpu, str(painter_path), prompt_cache, shelf, judge=accept) as painter:
        easel.out_of_memory = 1
        assert (await painter.paint(dot, spec(dot))).painted
        assert len(easel.painted_on_card) == 5
        easel.out_of_memory = 2
        with pytest.raises(NoRoom, match="nothing else was affected"):
            await painter.paint(dot, spec(dot, "anger"))
        assert (await painter.paint(dot, spec(dot, "anger"))).painted


async def test_a_reply_that_needs_room_sends_the_painter_out_between_two_steps(
    small_gpu: tuple[Gpu, TinyCard],
    painter_path: Path,
    prompt_cache: Path,
    shelf: Shelf,
    dot: Persona,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu, card = small_gpu
    easel = Watched(card, monkeypatch)
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    called = easel._called
    monkeypatch.setattr(easel, "_called", lambda *what: (loop.call_soon_threadsafe(begun.set), called(*what))[1])

    def reply() -> Steps[None, int]:
        yield None
        return card.allocate(card.total - 4096).nbytes

    async with Painter(gpu, str(painter_path), prompt_cache, shelf, recipe=Recipe(steps=50), judge=accept) as painter:
        painting = asyncio.create_task(painter.paint(dot, spec(dot)))
        await begun.wait()
        assert await gpu.submit(reply(), Priority.REPLY, smaller=reply).result() == card.total - 4096
        assert (await painting).painted
    assert easel.painted_on_card == [True] * 50 and len(card.moves) % 2 == 0
