"""Several expressions of one persona painted at once, while nobody waits for a face.

A network that paints four faces in one step works less than four times as long as for one. But nobody else gets the
device during a step, so how many are painted at once is measured, not set: a reply that arrives meanwhile must not wait
long. It knows no shelf and no gate.
"""

import statistics
from collections.abc import Sequence
from time import perf_counter
from typing import Any, TypeVar

import torch

from avatar.attempts import Made
from avatar.composite import Cutting
from avatar.easel import Easel
from avatar.wardrobe import Order
from inference.job import Steps

R = TypeVar("R")

STEP_SECONDS = 0.2  # how long a step of a batch may keep the device
LARGEST = 28  # faces at once: a persona's whole sheet


class Pace:
    """How many faces to paint at once, so that a step takes about STEP_SECONDS: `size`, at first one.

    It is measured with every batch, because what else the machine does counts too; it at most doubles.
    """

    def __init__(self) -> None:
        self.size = 1

    def took(self, faces: int, seconds: float) -> None:
        """A step over so many faces took so long."""
        fitting = int(faces * STEP_SECONDS / max(seconds, 1e-6))
        self.size = max(1, min(fitting, 2 * faces, LARGEST))


def painted_together(
    easel: Easel, orders: Sequence[Order], cutting: Cutting, seed: int, pace: Pace, at_once: int | None = None
) -> Steps[Any, list[Made]]:
    """The job: a painting for each order, all of one portrait and from the same noise. at_once: see inpaint."""
    told = []
    for order in orders:
        told.append((yield from easel.told(order)))
    seconds: list[float] = []
    faces = yield from _timed(easel.painted(cutting, told, seed, at_once, orders[0].own), seconds)
    pace.took(at_once or len(orders), statistics.median(seconds))
    made = []
    for order, face in zip(orders, faces, strict=True):
        made.append((yield from easel.looked_at(order, cutting, face, seed)))
    return made


def _timed(steps: Steps[None, R], seconds: list[float]) -> Steps[None, R]:
    """The same steps; adds how long each kept the device."""
    while True:
        start = perf_counter()
        try:
            next(steps)
        except StopIteration as end:
            returned: R = end.value
            return returned
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # the device's thread does so anyway when the step ends
        seconds.append(perf_counter() - start)
        yield None
