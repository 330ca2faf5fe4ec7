"""The easel: a painter's models on the device, and the steps that use them.

Everything here but `ready` runs on the device's thread, as steps of a job (inference/job.py): what a face is to show
(`told`), the painting (`painted`), what a critic sees in it (`looked_at`). Nothing is loaded before a step needs it. It
knows no shelf, judges nothing, and waits for nobody; avatar/painter.py does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avatar.attempts import Made
from avatar.composite import Cutting
from avatar.conditioning import Conditioning, between
from avatar.critic import Critic
from avatar.inpaint import Canvas, inpaint
from avatar.kind import kind_of
from avatar.mask import Floats
from avatar.own_loras import NONE, OwnLoras
from avatar.parts import Hosted, import_libraries, open_parts, prompts_of
from avatar.prompts import Prompts
from avatar.recipe import Recipe
from avatar.wardrobe import Order
from inference.gpu import Gpu
from inference.job import Steps


class Easel:
    """The models of the painter in `folder`, which is complete.

    kind: what that painter is; manner: how it paints; critic: who looks at paintings, None = nobody.
    Raises ModelMissing.
    """

    def __init__(self, gpu: Gpu, folder: Path, recipe: Recipe, cache: Path, critic: Critic | None) -> None:
        self.kind = kind_of(folder)
        self.manner = recipe.manner(self.kind)
        self._gpu = gpu
        self._folder = folder
        self._recipe = recipe
        self._cache = cache
        self._critic = critic
        self._hosted: Hosted | None = None
        self._prompts: dict[OwnLoras, Prompts] = {}
        self._prompts_with(NONE)

    def ready(self, own: OwnLoras) -> None:
        """Import what painting needs and read what knows the prompts; takes long, so not on the device's thread.

        Raises ModelMissing.
        """
        import_libraries(self._folder)
        self._prompts_with(own)

    def _prompts_with(self, own: OwnLoras) -> None:
        if own not in self._prompts:
            self._prompts[own] = prompts_of(self._folder, self._recipe, self._cache, self._gpu.device, own.loras)

    def told(self, order: Order) -> Steps[Any, Conditioning]:
        """Steps that give what the painter is told: the expression's prompt, or what lies between two."""
        spec, residency, prompts = order.spec, self._gpu.residency, self._prompts[order.own]
        siblings = [expression.prompt for expression in order.persona.card.expressions.values()]
        told = yield from prompts.embed(spec.prompt, siblings, residency)
        yield None
        if spec.blend is None:
            return told
        towards = yield from prompts.embed(spec.blend.prompt, siblings, residency)
        return between(told, towards, spec.blend.quarters / 4)

    def painted(
        self,
        cutting: Cutting,
        told: Sequence[Conditioning],
        seed: int,
        at_once: int | None = None,
        own: OwnLoras = NONE,
    ) -> Steps[None, list[Floats]]:
        """Steps that paint a face for each conditioning, all from the same noise: each (S, S, 3), about 0..1.

        at_once: see inpaint; own: LoRAs that are worn for it.
        """
        hosted = yield from self.opened()
        pixels = torch.from_numpy(cutting.pixels).permute(2, 0, 1) * 2 - 1  # (3, S, S)
        mask = torch.from_numpy(cutting.mask)[None]  # (1, S, S)
        canvases = [Canvas(pixels, mask, conditioning, seed) for conditioning in told]
        yield from hosted.bring()
        hosting, steps = (yield from hosted.wear(own, self.kind.network)), self.manner.steps
        faces = yield from inpaint(hosted.parts, canvases, steps, at_once=at_once, hosting=hosting)
        return [np.ascontiguousarray((face.permute(1, 2, 0) / 2 + 0.5).numpy()) for face in faces]

    def looked_at(self, order: Order, cutting: Cutting, painted: Floats, seed: int) -> Steps[Any, Made]:
        """Steps that have the critic look at a painted crop (S, S, 3)."""
        looking = None if self._critic is None else self._critic.look(order, cutting, painted, self._gpu.residency)
        seen = None if looking is None else (yield from looking)
        return Made(seed, painted, seen)

    def opened(self) -> Steps[None, Hosted]:
        """Steps that load the weights into host memory, the first time."""
        if self._hosted is None:
            parts = open_parts(self._folder, self._gpu.device, self._recipe, self._cache)
            self._hosted = parts.host(self._gpu.residency)
            yield None
        return self._hosted

    def close(self) -> None:
        """Let go of everything."""
        if self._hosted is not None:
            self._hosted.dismiss()
            self._hosted = None
        if self._critic is not None:
            self._critic.dismiss(self._gpu.residency)
