"""How noise becomes a picture, step by step: where the steps are, and what each makes of what the network said.

`Straight` is the starter's: flow matching with a network that says the picture itself. `Scheduled` is any of diffusers'
schedulers. A course is made for one painting, because schedulers remember what they did. Knows no network.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from avatar.times import Times
from kernels.choose import euler_blend


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is painted on: codes of the known pictures (B, C, h, w); 1 where a code may change, broadcasting to them;
    noise like them; and one generator a picture, for schedulers that add noise on their way."""

    known: Tensor
    may_change: Tensor
    noise: Tensor
    generators: list[torch.Generator]


class Course(Protocol):
    """One painting's way from noise to picture."""

    @property
    def timesteps(self) -> Sequence[Tensor]:
        """What the network is told of the time, a scalar for each step."""
        ...

    def begin(self, scene: Scene) -> Tensor:
        """The sample before the first step, (B, C, h, w) float32."""
        ...

    def scale(self, sample: Tensor, place: int) -> Tensor:
        """The sample as the network wants to see it at step `place`."""
        ...

    def step(self, said: Tensor, place: int, sample: Tensor, scene: Scene) -> Tensor:
        """The sample after step `place`, at which the network said `said` (B, C, h, w)."""
        ...


class Straight:
    """Flow matching (Lipman et al., arXiv 2210.02747) along straight lines: x_t = (1 - t) x + t noise, t from 1 to 0.

    The network predicts x itself ("x-prediction"), or by how much x differs from the known picture; from x the velocity
    (x_t - x) / t follows, and one step is an Euler step along it. Outside the mask the known picture is put back after
    every step, at the noise level of that step.
    """

    def __init__(self, times: Times, *, difference: bool) -> None:
        self.times = times.noise
        self.timesteps = times.told
        self._difference = difference

    def begin(self, scene: Scene) -> Tensor:
        """See Course."""
        return scene.noise * self.times[0] + scene.known * (1 - self.times[0])

    def scale(self, sample: Tensor, place: int) -> Tensor:
        """See Course: as it is."""
        return sample

    def step(self, said: Tensor, place: int, sample: Tensor, scene: Scene) -> Tensor:
        """See Course."""
        predicted = scene.known + said if self._difference else said
        now, then = self.times[place], self.times[place + 1]
        return euler_blend(sample, predicted, now, then, scene.may_change, scene.known, scene.noise)


class Scheduled:
    """Along diffusers' scheduler, as its inpainting pipelines go.

    blended: put the known picture back outside the mask after every step, at the noise level of that step (a network
    that was not made for inpainting would paint anything there); else only after the last one. strength: share of the
    noise to begin with. mu: for schedulers whose times depend on the size of the picture (Flux).
    """

    def __init__(
        self,
        scheduler: Any,
        num_steps: int,
        device: torch.device,
        *,
        blended: bool,
        strength: float = 1.0,
        mu: float | None = None,
    ) -> None:
        self._scheduler, self._blended, self._whole = scheduler, blended, strength >= 1
        self._flows = hasattr(scheduler, "scale_noise")  # flow matching; all others add noise
        if self._flows:
            even = np.linspace(1.0, 1 / num_steps, num_steps)
            scheduler.set_timesteps(sigmas=even.tolist(), mu=mu, device=device)
        else:
            scheduler.set_timesteps(num_steps, device=device)
        skipped = max(num_steps - max(1, int(num_steps * strength)), 0) * scheduler.order
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(skipped)
        self.timesteps: Sequence[Tensor] = list(scheduler.timesteps[skipped:])
        self._draws = "generator" in inspect.signature(scheduler.step).parameters

    def begin(self, scene: Scene) -> Tensor:
        """See Course."""
        if self._whole and not self._flows:
            return scene.noise * float(self._scheduler.init_noise_sigma)
        return self._noised(scene, 0)

    def scale(self, sample: Tensor, place: int) -> Tensor:
        """See Course."""
        if self._flows:
            return sample
        scaled: Tensor = self._scheduler.scale_model_input(sample, self.timesteps[place])
        return scaled

    def step(self, said: Tensor, place: int, sample: Tensor, scene: Scene) -> Tensor:
        """See Course."""
        drawing = {"generator": scene.generators} if self._draws else {}
        stepped: Tensor = self._scheduler.step(said, self.timesteps[place], sample, return_dict=False, **drawing)[0]
        last = place + 1 == len(self.timesteps)
        if not (self._blended or last):
            return stepped
        known = scene.known if last else self._noised(scene, place + 1)
        return torch.lerp(known, stepped, scene.may_change.expand_as(stepped))

    def _noised(self, scene: Scene, place: int) -> Tensor:
        """The known picture at the noise level of step `place`."""
        at = self.timesteps[place].reshape(1)
        noised: Tensor
        if self._flows:
            noised = self._scheduler.scale_noise(scene.known, at, scene.noise)
        else:
            noised = self._scheduler.add_noise(scene.known, scene.noise, at)
        return noised
