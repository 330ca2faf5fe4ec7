"""A face that moves from one expression to another and back: an animation in which nothing else moves.

1. both ends are painted with the same noise and judged like any face; if one is unfit, both with the next seed
2. the faces between: the same noise again, and what lies between the two prompts, where the face moves most
3. all are laid over the portrait, and shown at an even pace

It knows no shelf; whoever paints is handed in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from avatar.animation import MOST_SIDE, Animation
from avatar.attempts import ATTEMPTS, Attempt
from avatar.composite import Cutting, lay_over
from avatar.conditioning import between
from avatar.easel import Easel
from avatar.mask import Floats
from avatar.pacing import between_widest, milliseconds, there_and_back
from avatar.picture import PortraitError
from avatar.wardrobe import Order
from inference.gpu import Gpu
from inference.job import Priority, Steps
from inference.progress import Progress

RECIPE = 1  # raised whenever the same faces would move in another way than before
QUARTERS = (0.25, 0.5, 0.75)  # of the way, painted first
MORE = (4, 4)  # faces painted then, where those before are furthest apart
FRAMES = 2 + len(QUARTERS) + sum(MORE)  # of the way there, both ends included
AT_ONCE = 2  # faces in one step: a reply that comes meanwhile hardly waits longer than for one

Faces = dict[float, Floats]
"""Painted crops (S, S, 3), about 0..1, by their share of the way."""


Attempting = Callable[[Order, Cutting, int, Priority, bool], Awaitable[Attempt | None]]
"""Paints with the so-many-th seed from the order's, afresh or not: avatar/painter.py's `attempt`."""


@dataclass(frozen=True, slots=True)
class Way:
    """From one order to another of the same persona; both are painted with the seed of the first."""

    start: Order
    end: Order
    cutting: Cutting
    priority: Priority
    progress: Progress

    @property
    def what(self) -> str:
        """What is being done, for a progress bar."""
        return f"painting {self.start.persona.card.name} from {self.start.spec.words} to {self.end.spec.words}"


async def moving(easel: Easel, attempt: Attempting, gpu: Gpu, way: Way) -> Animation:
    """The loop there and back. PortraitError if one of the ends cannot be painted; what jobs raise.

    Cancelling it frees the device at the next step.
    """
    way.progress(way.what, 0, FRAMES)
    first, last = await _ends(attempt, way)
    steps = partial(_faces, easel, way, first, last)
    job = gpu.submit(steps(), way.priority, smaller=partial(steps, at_once=1))
    try:
        async for done in job:
            way.progress(way.what, done, FRAMES)
        faces = await job.result()
    finally:
        job.cancel()
    return await asyncio.to_thread(_animate, way, faces)


async def _ends(attempt: Attempting, way: Way) -> tuple[Attempt, Attempt]:
    """Both ends with the first seed that is fit for both; else the best of those that may be seen."""
    end = replace(way.end, spec=replace(way.end.spec, seed=way.start.spec.seed))
    best: tuple[Attempt, Attempt] | None = None
    for number in range(ATTEMPTS):
        first = await attempt(way.start, way.cutting, number, way.priority, True)
        last = await attempt(end, way.cutting, number, way.priority, True)
        assert first is not None and last is not None, "painted afresh, whatever is on the shelf"
        if first.verdict.fit and last.verdict.fit:
            return first, last
        seemly = not (first.verdict.broken or last.verdict.broken)
        if seemly and (best is None or _worth(first, last) > _worth(*best)):
            best = first, last
    if best is None:
        ends = f"“{way.start.spec.words}” and “{way.end.spec.words}”"
        raise PortraitError(f"No paintings of {ends} were fit to be seen, so there is nothing to move between.")
    return best


def _worth(first: Attempt, last: Attempt) -> float:
    return min(first.verdict.score, last.verdict.score)


def _faces(easel: Easel, way: Way, first: Attempt, last: Attempt, at_once: int | None = AT_ONCE) -> Steps[int, Faces]:
    """The job: all faces of the way. Yields how many there are."""
    here = yield from easel.told(way.start)
    there = yield from easel.told(way.end)
    faces: Faces = {0.0: first.painted, 1.0: last.painted}
    shares = list(QUARTERS)
    for more in (*MORE, 0):
        yield len(faces)
        told = [between(here, there, share) for share in shares]
        painted = yield from easel.painted(way.cutting, told, first.seed, at_once, way.start.own)
        faces |= zip(shares, painted, strict=True)
        shares = between_widest(sorted(faces), _distances(faces, way.cutting), more)
    yield len(faces)
    return faces


def _distances(faces: Faces, cutting: Cutting) -> list[float]:
    """How far each face of the way is from the next: the mean colour difference inside the mask."""
    inside = cutting.mask > 0
    painted = [faces[share][inside] for share in sorted(faces)]
    return [float(np.abs(one - other).mean()) for one, other in pairwise(painted)]


def _animate(way: Way, faces: Faces) -> Animation:
    portrait = way.start.portrait
    shown = [lay_over(portrait, way.cutting, faces[share]) for share in sorted(faces)]
    loop = [shown[place] for place in there_and_back(len(shown))]
    return Animation(loop, milliseconds(_distances(faces, way.cutting))).within(MOST_SIDE)
