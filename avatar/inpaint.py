"""The denoising loop, unrolled and numbered, over diffusers' UNet and scheduler.

Flow matching (Lipman et al., arXiv 2210.02747) along straight lines: x_t = (1 - t) x + t noise, t from 1 to 0. The UNet
predicts x itself ("x-prediction"), or by how much x differs from the known picture; from x the velocity (x_t - x) / t
follows, and one step is an Euler step along it.
Outside the mask the known picture is put back after every step, at the noise level of that step. It is a generator: one
`next` is one step on the device. It knows neither personas nor files.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from avatar.conditioning import Conditioning
from avatar.parts import Parts
from inference.job import Steps
from kernels.choose import euler_blend


@dataclass(frozen=True, slots=True)
class Canvas:
    """One face to paint.

    pixels: the crop of the base picture, (3, size, size) in -1..1; mask: (1, size, size), 1 = may change, else 0;
    conditioning: what to paint; seed: decides the noise, and with it everything.
    """

    pixels: Tensor
    mask: Tensor
    conditioning: Conditioning
    seed: int


Hosting: TypeAlias = Callable[[], AbstractContextManager[None]]
"""What is entered around all that the UNet computes: its weights are on the device inside (inference/residency.py)."""


def inpaint(
    parts: Parts,
    canvases: list[Canvas],
    num_inference_steps: int = 4,
    *,
    at_once: int | None = None,
    hosting: Hosting = nullcontext,
) -> Steps[None, Tensor]:
    """Paint several faces at once; returns their pixels (B, 3, size, size) float32 on the CPU, about -1..1.

    Pixels outside the masks come back as they were given, up to rounding. The same seed gives the same picture.
    at_once: how many the UNet and the codec see at a time, for want of memory; None = all. One yield follows whatever
    the UNet computed at a time.
    """
    # 1. Check inputs
    check_inputs(parts, canvases, num_inference_steps)

    # 2. The known pictures and their masks, as the UNet and the blend see them
    pixels = torch.stack([canvas.pixels for canvas in canvases]).to(parts.device, torch.float32)  # (B, 3, S, S)
    mask = torch.stack([canvas.mask for canvas in canvases]).to(parts.device, torch.float32)  # (B, 1, S, S)
    tokens = torch.stack([canvas.conditioning.tokens for canvas in canvases])  # (B, tokens, width)
    prompts = tokens.to(parts.device, parts.dtype)
    known = parts.codec.encode(pixels)  # (B, C, h, w)
    may_change = parts.codec.blend_mask(mask).to(known.dtype)  # broadcasts to (B, C, h, w)
    shown = torch.cat((parts.codec.encode_mask(mask), known), dim=1)  # (B, Cm + C, h, w)

    # 3. Noise, drawn on the CPU so that every device paints the same face
    noise = torch.stack([_noise(canvas.seed, known.shape[1:]) for canvas in canvases]).to(parts.device)  # (B, C, h, w)

    # 4. The schedule: where the steps begin and end, from the scheduler's own configuration
    times, timesteps = schedule(parts, num_inference_steps)

    # 5. Denoise
    sample = noise * times[0] + known * (1 - times[0])
    size = at_once or len(canvases)
    for (t, t_next), timestep in zip(pairwise(times), timesteps, strict=True):
        said = []
        inputs = torch.cat((sample, shown), dim=1)  # (B, C + Cm + C, h, w)
        for seen, prompt in zip(torch.split(inputs, size), torch.split(prompts, size), strict=True):
            with hosting():
                said.append(_ask(parts, seen, timestep, prompt))
            if len(said) * size < len(canvases):
                yield None
        predicted = torch.cat(said)
        if parts.predicts == "difference":
            predicted = known + predicted
        sample = euler_blend(sample, predicted, t, t_next, may_change, known, noise)
        yield None

    # 6. Back to pixels
    return torch.cat([parts.codec.decode(codes).float().cpu() for codes in torch.split(sample, size)])


def _ask(parts: Parts, seen: Tensor, timestep: Tensor, prompts: Tensor) -> Tensor:
    """What the UNet says to its inputs (b, C + Cm + C, h, w) and prompts (b, tokens, width): (b, C, h, w) float32."""
    # class_labels: read by UNets that add the prompt to the timestep's embedding, ignored by all others
    seen = seen.to(parts.dtype, memory_format=torch.channels_last)
    said: Tensor = parts.unet(seen, timestep, encoder_hidden_states=prompts, class_labels=prompts[:, 0]).sample
    return said.float()


def schedule(parts: Parts, num_inference_steps: int) -> tuple[list[float], Tensor]:
    """The times t of every step and the final 0, (steps + 1) falling numbers; and the UNet's timesteps, (steps,).

    Evenly spaced from 1, then shaped (shift, Karras, exponential …) as the scheduler's configuration says. The
    scheduler's default spacing would spend the last step on t = 0.001, where nothing is left to remove.
    """
    even = np.linspace(1.0, 1 / num_inference_steps, num_inference_steps)
    parts.scheduler.set_timesteps(sigmas=even.tolist(), device=parts.device)
    return parts.scheduler.sigmas.tolist(), parts.scheduler.timesteps


def check_inputs(parts: Parts, canvases: list[Canvas], num_inference_steps: int) -> None:
    """ValueError unless everything has the shape and range that the loop needs."""
    size = parts.codec.size
    if not canvases:
        raise ValueError("there must be at least one canvas")
    if num_inference_steps < 1:
        raise ValueError(f"num_inference_steps must be at least 1, got {num_inference_steps}")
    for canvas in canvases:
        if canvas.pixels.shape != (3, size, size) or canvas.mask.shape != (1, size, size):
            raise ValueError(
                f"pixels and mask must be (3, {size}, {size}) and (1, {size}, {size}), "
                f"got {tuple(canvas.pixels.shape)} and {tuple(canvas.mask.shape)}"
            )
        if not torch.isin(canvas.mask, torch.tensor([0.0, 1.0])).all():
            raise ValueError("mask must hold only 0 and 1")
        shapes = canvas.conditioning.shapes
        if shapes != canvases[0].conditioning.shapes or len(shapes[0]) != 2:
            raise ValueError(f"conditionings must have tokens of (tokens, width) and be alike, got {shapes}")


def _noise(seed: int, shape: torch.Size) -> Tensor:
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(shape, generator=generator)
