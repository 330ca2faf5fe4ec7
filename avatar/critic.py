"""Critics look at a painting and say what they see; the gate decides (avatar/gate.py).

The starter's is trained on drawn faces (avatar/recogniser.py). Where it does not know a portrait's style, which shows
in that it takes the base picture itself for a broken face, it only says so and refuses nothing.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from avatar.composite import Cutting
from avatar.gate import Seen
from avatar.mask import Floats
from avatar.recogniser import CLASSES, Recogniser
from avatar.wardrobe import Order
from inference.job import Steps
from inference.residency import Residency


class Critic(Protocol):
    """Who looks at paintings."""

    def look(self, order: Order, cutting: Cutting, painted: Floats, residency: Residency) -> Steps[Any, Seen]:
        """Steps that say what a painted crop (S, S, 3), about 0..1, shows."""
        ...

    def dismiss(self, residency: Residency) -> None:
        """Let go of what it has on the device, on the device's thread."""
        ...


def open_critic(name: str) -> Critic | None:
    """ "starter", "none", or a folder with a CLIP model; ModelMissing for an unusable one."""
    if name == "none":
        return None
    drawn = DrawnFaces(Recogniser())
    if name == "starter":
        return drawn
    from avatar.clip import ClipFaces

    return ClipFaces(name, drawn)


class DrawnFaces:
    """The starter's critic."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser

    def look(self, order: Order, cutting: Cutting, painted: Floats, residency: Residency) -> Steps[None, Seen]:
        """See Critic. One step, a few milliseconds of a CPU core."""
        yield None
        base = _tensor(cutting.pixels)
        mask = torch.from_numpy(cutting.mask)[None, None]
        both = torch.cat((_tensor(painted), base)).nan_to_num()
        found = self._recogniser.recognise(both, base.repeat(2, 1, 1, 1), mask.repeat(2, 1, 1, 1))
        made, known = found.probabilities.tolist()
        distance, bounds = found.distances[0].item(), self._recogniser.bounds
        shows = dict(zip(CLASSES[:-1], made, strict=False))
        if known[-1] > bounds.broken:
            return Seen(shows, made[-1], distance)
        return Seen(shows, made[-1], distance, bounds.shown, bounds.broken, bounds.distance)

    def dismiss(self, residency: Residency) -> None:
        """See Critic: it has nothing there."""


def _tensor(pixels: Floats) -> Tensor:
    """(S, S, 3) -> (1, 3, S, S)."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]
