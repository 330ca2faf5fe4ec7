"""Running a painter of any family here and now, as the device would."""

from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from avatar.inpaint import Canvas, inpaint
from avatar.parts import Parts, open_parts, prompts_of
from avatar.recipe import Recipe
from inference.card import HostCard
from inference.residency import Residency
from tests.tiny_families import SIZE

CPU = torch.device("cpu")
PROMPT, NEGATIVE = "a big smile", "blurry"
R = TypeVar("R")


def run(steps: Generator[Any, None, R]) -> tuple[R, int]:
    """What steps return, and how often they yielded, as the device would run them."""
    yields = 0
    with torch.inference_mode():
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value, yields
            yields += 1


def picture() -> tuple[Tensor, Tensor]:
    """Pixels (3, S, S) in -1..1 and a mask (1, S, S) along whole latents."""
    generator = torch.Generator().manual_seed(99)
    pixels = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8, generator=generator) * 2 - 1, size=SIZE)[0]
    mask = torch.zeros(1, SIZE, SIZE)
    mask[:, 16:48, 8:56] = 1
    return pixels, mask


def canvas(folder: Path, recipe: Recipe, cache: Path, seed: int = 7) -> Canvas:
    """The picture with its prompt read by the painter's own encoders."""
    prompts = prompts_of(folder, recipe, cache, CPU)
    told, _ = run(prompts.embed(PROMPT, [], Residency(HostCard())))
    return Canvas(*picture(), told, seed)


def painted(folder: Path, recipe: Recipe, cache: Path, steps: int = 4, **how: Any) -> Tensor:
    """Pixels of one face (3, S, S)."""
    parts = open_parts(folder, CPU, recipe)
    return run(inpaint(parts, [canvas(folder, recipe, cache)], steps, **how))[0][0]


def painted_codes(parts: Parts, canvases: list[Canvas], steps: int) -> Tensor:
    """The codes that the loop hands to the autoencoder in the end, (B, C, h, w)."""
    seen: list[Tensor] = []
    decode = parts.codec.module.decode  # type: ignore[union-attr]

    def watched(codes: Tensor, *args: Any, **named: Any) -> Any:
        seen.append(codes)
        return decode(codes, *args, **named)

    parts.codec.module.decode = watched  # type: ignore[union-attr, assignment]
    run(inpaint(parts, canvases, steps))
    config = parts.codec.module.config  # type: ignore[union-attr]
    return (torch.cat(seen) - (getattr(config, "shift_factor", None) or 0)) * config.scaling_factor
