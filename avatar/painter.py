"""`await painter.paint(persona, spec)`: a face that is given, or from the shelf if it was ever painted, else painted.

1. the portrait, and the face's key                                 avatar/mask.py
2. on the shelf? then no model is touched                           avatar/shelf.py
3. whoever else wants the same face waits with us: one job a face   avatar/waiting.py
4. the job, step by step on the device                              avatar/easel.py, inpaint.py
5. judged: an unfit face is painted again with the next seed,
   at last the best there is, or the neutral face, is taken         avatar/attempts.py, critic.py, gate.py
6. laid over the portrait and put on the shelf                      avatar/composite.py
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from avatar import morph
from avatar.animation import encode
from avatar.attempts import ATTEMPTS, Attempt, Made, Refused, chosen
from avatar.batch import Pace, painted_together
from avatar.checkpoint import painter_folder, revision_of
from avatar.composite import Cutting, cut
from avatar.critic import open_critic
from avatar.easel import Easel
from avatar.expression import ExpressionSpec, spec_for
from avatar.gate import Seen, Verdict, Wish, judge, wish_for
from avatar.mask import Floats
from avatar.own_loras import require_wearable
from avatar.picture import PortraitError
from avatar.proposer import Proposer
from avatar.recipe import Recipe
from avatar.shelf import Face as Face
from avatar.shelf import Shelf, ShelfFull, key_of
from avatar.waiting import Works
from avatar.wardrobe import SEEDS, Order, Wardrobe, face_of
from inference.gpu import Gpu
from inference.job import Busy, Job, Priority, Steps, Stopped
from inference.progress import Progress, silent
from persona.card import Persona

log = logging.getLogger(__name__)
Judge = Callable[[Cutting, Floats, Wish, Seen | None], Verdict]


class Painter:
    """Paints the faces of personas, as an async context manager.

    model: "starter" or a folder in diffusers' format; what is wrong with it is said on entering (ModelMissing), its
    weights are loaded with the first face that is not on the shelf. cache: where prompt embeddings are remembered.
    recipe: what the admin wishes of the painting.
    critic: who looks at the paintings for the gate, see avatar/critic.py. `refused` counts what the gate refused.
    mask_model: who proposes a mask for a portrait without one, see avatar/proposer.py.
    """

    def __init__(
        self,
        gpu: Gpu,
        model: str,
        cache: Path,
        shelf: Shelf,
        *,
        recipe: Recipe | None = None,
        critic: str = "starter",
        mask_model: str = "starter",
        judge: Judge = judge,
    ) -> None:
        self._gpu = gpu
        self._model = model
        self._cache = cache
        self._shelf = shelf
        self._recipe = recipe or Recipe()
        self._critic = open_critic(critic)
        self._mask_model = mask_model
        self._judge = judge
        self._works: Works[Face | None] = Works()
        self._unfit: set[str] = set()
        self._moving = asyncio.Lock()
        self._pace = Pace()
        self._batch: Job[Any, list[Made]] | None = None
        self._together = asyncio.Lock()  # one batch at a time
        self._begun: dict[str, Attempt] = {}  # first attempts that a batch made and the gate refused, by key
        self.refused = Refused(shelf.folder / "refused")

    async def __aenter__(self) -> Self:
        folder = painter_folder(self._model, self._recipe)
        revision = await asyncio.to_thread(revision_of, folder, self._recipe)
        self._easel = await asyncio.to_thread(Easel, self._gpu, folder, self._recipe, self._cache, self._critic)
        masks = self._shelf.folder / "masks"
        self.proposer = await asyncio.to_thread(Proposer, self._gpu, self._mask_model, masks)
        self.wardrobe = Wardrobe(self._shelf, revision, self._easel.manner.steps, self.proposer.proposals)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._batch is not None:
            self._batch.fail(Stopped("Mien is shutting down, so these faces were not finished."))
        await self._works.close()
        with suppress(Busy, Stopped):
            await self._gpu.call(self._easel.close, Priority.FEELING)

    # --- what others ask ------------------------------------------------------------------------------------------

    async def paint(
        self,
        persona: Persona,
        spec: ExpressionSpec,
        *,
        priority: Priority = Priority.PORTRAIT,
        replaces: Hashable | None = None,
    ) -> Face:
        """The face of an expression; the neutral one (see `Face.expression`) if the gate refused it.

        The base picture where no disk and no memory takes a face.

        replaces: an unfinished older request of the same key ends with Replaced. Raises PortraitError for unusable
        pictures, ModelMissing for unusable weights, and what jobs raise: Busy, NoRoom, Stopped.
        """
        if (given := await asyncio.to_thread(self.wardrobe.given, persona, spec)) is not None:
            return given
        order = await self._order(persona, spec, priority)
        if (found := self._shelf.get(order.key)) is not None:
            return face_of(order, found, painted=False)
        if order.key not in self._unfit:
            try:
                face = await self._works.one(order.key, priority, partial(self._paint, order, priority), replaces)
            except ShelfFull as error:
                log.warning("%s", error)
                return self.wardrobe.base(persona)
            if face is not None:
                return face
        return await self._neutral(persona, spec, priority)

    async def explain(self, persona: Persona, spec: ExpressionSpec) -> list[tuple[Attempt, bytes]]:
        """Paint a face as if it were not on the shelf: each attempt, with its picture as PNG; nothing is put there.

        Raises what `paint` raises.
        """
        order = await self._order(persona, spec)
        cutting = await self._prepare(order)
        attempts = [one async for one in self._attempts(order, cutting, Priority.PORTRAIT, afresh=True) if one]
        return [(one, await asyncio.to_thread(one.picture, order, cutting)) for one in attempts]

    async def morph(
        self,
        persona: Persona,
        start: ExpressionSpec,
        end: ExpressionSpec,
        *,
        priority: Priority = Priority.PREWARM,
        progress: Progress = silent,
    ) -> Face:
        """A face that moves from one expression to another and back: `path` is an animated PNG, kept on the shelf.

        Raises PortraitError, also if one of the two cannot be painted, and what `paint` raises.
        """
        for spec in (start, end):
            if (given := await asyncio.to_thread(self.wardrobe.given, persona, spec)) is not None:
                raise PortraitError(f"{given.path.name} is worn as it is: only between painted faces one can move.")
        orders = [await self._order(persona, spec, priority) for spec in (start, end)]
        key = key_of(start=orders[0].key, end=orders[1].key, morph=morph.RECIPE)
        async with self._moving:  # one after the other: whoever asks for the same finds it on the shelf
            if (found := self._shelf.get(key)) is not None:
                return face_of(orders[0], found, painted=False)
            cutting = await self._prepare(orders[0])
            way = morph.Way(orders[0], orders[1], cutting, priority, progress)
            moving = await morph.moving(self._easel, self.attempt, self._gpu, way)
            content = await asyncio.to_thread(encode, moving, ".png")
            return face_of(orders[0], await asyncio.to_thread(self._shelf.put, key, content), painted=True)

    def shelved(self, persona: Persona, spec: ExpressionSpec) -> Face | None:
        """The face if it is on the shelf; touches no model. Raises PortraitError."""
        return self.wardrobe.shelved(persona, spec)

    def nearest(self, persona: Persona, spec: ExpressionSpec) -> Face:
        """The shelved face nearest in feeling; the base picture where neutral is nearest. Raises PortraitError."""
        return self.wardrobe.nearest(persona, spec)

    async def prewarm(self, persona: Persona, progress: Progress = silent) -> int:
        """Paint every expression that is not on the shelf, when the device has nothing else to do.

        Returns how many were painted. Cancelling it frees the device at the next step; what is finished stays.
        """
        specs = [spec_for(persona.card, name) for name in persona.card.expressions]
        return sum(face.painted for face in await self.paint_several(persona, specs, progress))

    async def paint_several(
        self, persona: Persona, specs: Sequence[ExpressionSpec], progress: Progress = silent
    ) -> list[Face]:
        """The faces of several expressions, some at a time, when the device has nothing else to do; see `paint`.

        Whoever wants one of them at once calls `paint`, and does not wait for the others.
        """
        what, painted = f"painting {persona.card.name}", set[Path]()
        progress(what, 0, len(specs))
        await self.proposer.prepare(persona, Priority.PREWARM)
        orders = await asyncio.to_thread(self._to_paint, persona, specs)
        async with self._together:
            waiting = orders
            while waiting := [order for order in waiting if self._is_missing(order)]:
                alike = [order for order in waiting if order.spec.seed == waiting[0].spec.seed][: self._pace.size]
                painted |= await self._paint_together(alike)
                waiting = [order for order in waiting if order not in alike]
                progress(what, len(specs) - len(waiting), len(specs))
        faces = [await self.paint(persona, spec, priority=Priority.PREWARM) for spec in specs]
        progress(what, len(specs), len(specs))
        return [replace(face, painted=face.painted or face.path in painted) for face in faces]

    # --- several faces --------------------------------------------------------------------------------------------

    def _is_missing(self, order: Order) -> bool:
        return order.key not in self._unfit and self._shelf.get(order.key) is None

    def _to_paint(self, persona: Persona, specs: Sequence[ExpressionSpec]) -> list[Order]:
        """What has no picture in the persona's folder."""
        orders = [self.wardrobe.order(persona, spec) for spec in specs if self.wardrobe.given(persona, spec) is None]
        for order in orders:
            require_wearable(persona, order.own, self._easel.kind)
        return orders

    async def _paint_together(self, orders: list[Order]) -> set[Path]:
        """One batch; the faces that came to the shelf. `paint` tries the others again with the next seed."""
        cutting = await self._prepare(orders[0])
        steps = partial(painted_together, self._easel, orders, cutting, orders[0].spec.seed % SEEDS, self._pace)
        self._batch = self._gpu.submit(steps(), Priority.PREWARM, smaller=partial(steps, at_once=1))
        try:
            made = await self._batch.result()
        finally:
            self._batch = None
        painted = set()
        for order, one in zip(orders, made, strict=True):
            await self._gpu.call(_nothing, Priority.PREWARM)  # whoever speaks has the processor's cores, too
            attempt = await self._judged(order, cutting, one)
            if not attempt.verdict.fit:
                self._begun[order.key] = attempt
                await asyncio.to_thread(self.refused.add, order, cutting, attempt)
            elif self._is_missing(order):  # nobody wanted it so urgently that it was painted meanwhile
                png = await asyncio.to_thread(attempt.picture, order, cutting)
                painted.add((await asyncio.to_thread(self._shelf.put, order.key, png)).path)
        return painted

    # --- one face -------------------------------------------------------------------------------------------------

    async def _order(self, persona: Persona, spec: ExpressionSpec, priority: Priority = Priority.PORTRAIT) -> Order:
        await self.proposer.prepare(persona, priority)
        order = await asyncio.to_thread(self.wardrobe.order, persona, spec)
        require_wearable(persona, order.own, self._easel.kind)
        return order

    async def _paint(self, order: Order, priority: Priority) -> Face | None:
        cutting = await self._prepare(order)
        begun = self._begun.pop(order.key, None)
        tried = [] if begun is None else [begun]
        async for attempt in self._attempts(order, cutting, priority, first=len(tried)):
            if attempt is None:  # a more urgent request painted the same face meanwhile
                if (found := self._shelf.get(order.key)) is not None:
                    return face_of(order, found, painted=False)
                continue
            tried.append(attempt)
            if not attempt.verdict.fit:
                await asyncio.to_thread(self.refused.add, order, cutting, attempt)
        best = chosen(tried)
        if best is None:
            self._unfit.add(order.key)
            return None
        png = await asyncio.to_thread(best.picture, order, cutting)
        return face_of(order, self._shelf.put(order.key, png), painted=True)

    async def _prepare(self, order: Order) -> Cutting:
        """What the painter sees of the portrait; the easel is ready."""
        await asyncio.to_thread(self._easel.ready, order.own)
        return await asyncio.to_thread(cut, order.portrait, self._easel.manner.size)

    async def _attempts(
        self, order: Order, cutting: Cutting, priority: Priority, *, first: int = 0, afresh: bool = False
    ) -> AsyncIterator[Attempt | None]:
        """Paintings, each with the next seed, until one is fit; None if the face has come to the shelf since."""
        for number in range(first, ATTEMPTS):
            attempt = await self.attempt(order, cutting, number, priority, afresh)
            yield attempt
            if attempt is not None and attempt.verdict.fit:
                return

    async def attempt(
        self, order: Order, cutting: Cutting, number: int, priority: Priority, afresh: bool
    ) -> Attempt | None:
        """A painting with the so-many-th seed from the order's; None if the face is on the shelf, unless afresh."""
        steps = partial(self._steps, order, cutting, number, afresh)
        made = await self._gpu.submit(steps(), priority, smaller=partial(steps, at_once=1)).result()
        return None if made is None else await self._judged(order, cutting, made)

    async def _judged(self, order: Order, cutting: Cutting, made: Made) -> Attempt:
        wish = wish_for(order.persona.card, order.spec)
        verdict = await asyncio.to_thread(self._judge, cutting, made.painted, wish, made.seen)
        return Attempt(made.seed, made.painted, verdict)

    def _steps(
        self, order: Order, cutting: Cutting, attempt: int, afresh: bool, at_once: int | None = None
    ) -> Steps[None, Made | None]:
        """The job: a painting, or None if the face has come to the shelf since. at_once: see inpaint."""
        if not afresh and self._shelf.get(order.key) is not None:
            return None
        easel, seed = self._easel, (order.spec.seed + attempt) % SEEDS
        yield from easel.opened()
        told = yield from easel.told(order)
        [face] = yield from easel.painted(cutting, [told], seed, at_once, order.own)
        return (yield from easel.looked_at(order, cutting, face, seed))

    async def _neutral(self, persona: Persona, refused: ExpressionSpec, priority: Priority) -> Face:
        neutral = persona.card.neutral
        if refused.name == neutral:
            return self.wardrobe.base(persona)
        return await self.paint(persona, spec_for(persona.card, neutral, refused.seed), priority=priority)


def _nothing() -> None:
    """What is done at one's turn when only the turn is wanted."""
