"""The denoising loop, unrolled and numbered, over diffusers' networks and schedulers.

What differs between families of painters is in three objects: the codec (pixels to codes and back), the network (what
it is shown and told), the course (what a step is). It is a generator: one `next` is one step on the device. It knows
neither personas nor files.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from avatar.codec import Look
from avatar.conditioning import Conditioning
from avatar.course import Scene
from avatar.families.network import Told
from avatar.parts import PartName, Parts
from inference.job import Steps


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


Hosting: TypeAlias = Callable[[PartName], AbstractContextManager[None]]
"""What is entered around all that a part computes: its weights are on the device inside (avatar/parts.py, Hosted)."""


def anywhere(part: PartName) -> AbstractContextManager[None]:
    """The hosting of parts that are where they are."""
    return nullcontext()


def inpaint(
    parts: Parts,
    canvases: list[Canvas],
    num_inference_steps: int = 4,
    *,
    at_once: int | None = None,
    hosting: Hosting = anywhere,
) -> Steps[None, Tensor]:
    """Paint several faces at once; returns their pixels (B, 3, size, size) float32 on the CPU, about -1..1.

    The same seed gives the same picture. Outside the masks the codes of the picture are put back, so pixels there come
    back as they were given, up to what the codec loses.
    at_once: how many the network and the codec see at a time, for want of memory; None = all. One yield follows
    whatever the network computed at a time, and what an autoencoder did.
    """
    # 1. Check inputs
    check_inputs(parts, canvases, num_inference_steps)
    size = at_once or len(canvases)

    # 2. The known pictures and their masks, as the network and the blend see them
    look = yield from _look(parts, canvases, size, hosting, sparing=at_once is not None)

    # 3. Noise, drawn on the CPU so that every device paints the same face
    generators = [torch.Generator("cpu").manual_seed(canvas.seed) for canvas in canvases]
    noise = torch.stack([torch.randn(look.known.shape[1:], generator=generator) for generator in generators])
    scene = Scene(look.known, look.may_change, noise.to(parts.device), generators)  # noise: (B, C, h, w)

    # 4. The schedule: where the steps begin and end, from the scheduler's own configuration
    course = parts.course(num_inference_steps)
    told = Told.of([canvas.conditioning for canvas in canvases], parts.device, parts.dtype)

    # 5. Denoise
    sample = course.begin(scene)
    for place, timestep in enumerate(course.timesteps):
        said, seen = [], course.scale(sample, place)  # (B, C, h, w)
        for begin in range(0, len(canvases), size):
            part = slice(begin, begin + size)
            with hosting("painter"):
                shown = None if look.shown is None else look.shown[part]
                said.append(parts.network.ask(seen[part], shown, timestep, told.part(begin, begin + size)))
            if begin + size < len(canvases):
                yield None
        sample = course.step(torch.cat(said), place, sample, scene)
        yield None

    # 6. Back to pixels
    return (yield from _decode(parts, sample, size, hosting, sparing=at_once is not None))


def _look(parts: Parts, canvases: list[Canvas], size: int, hosting: Hosting, *, sparing: bool) -> Steps[None, Look]:
    """What the codec makes of the canvases, `size` at a time; of those that share picture and mask, once."""
    distinct = {(id(canvas.pixels), id(canvas.mask)): canvas for canvas in canvases}
    looks, ones = [], list(distinct.values())
    for begin in range(0, len(ones), size):
        some = ones[begin : begin + size]
        pixels = torch.stack([canvas.pixels for canvas in some]).to(parts.device, torch.float32)  # (b, 3, S, S)
        mask = torch.stack([canvas.mask for canvas in some]).to(parts.device, torch.float32)  # (b, 1, S, S)
        known = parts.codec.knows(pixels, mask)
        with nullcontext() if known else hosting("autoencoder"):
            looks.append(parts.codec.look(pixels, mask, sparing=sparing))
        if not known:
            yield None
    whose = [list(distinct).index((id(canvas.pixels), id(canvas.mask))) for canvas in canvases]
    shown = [look.shown for look in looks if look.shown is not None]
    may_change = torch.cat([look.may_change for look in looks])
    return Look(
        torch.cat([look.known for look in looks])[whose], may_change[whose], torch.cat(shown)[whose] if shown else None
    )


def _decode(parts: Parts, sample: Tensor, size: int, hosting: Hosting, *, sparing: bool) -> Steps[None, Tensor]:
    """Codes (B, C, h, w) to pixels on the CPU, `size` at a time."""
    pixels = []
    for codes in torch.split(sample, size):
        with hosting("autoencoder"):
            pixels.append(parts.codec.decode(codes, sparing=sparing).float().cpu())
        if parts.codec.module is not None:
            yield None
    return torch.cat(pixels)


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
        if parts.network.guided and canvas.conditioning.unwanted is None:
            raise ValueError("a guided painter must be told what is unwanted")
