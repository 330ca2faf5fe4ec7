"""Stable Diffusion XL: the UNet of stable_diffusion.py, told the states of two text encoders side by side, the pooled
state of the second, and for which picture size and crop it paints. Source: Podell et al., arXiv 2307.01952.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from avatar.checkpoint import encoders_revision
from avatar.conditioning import Conditioning
from avatar.encoders import Encoders, Read
from avatar.families.network import Told
from avatar.families.stable_diffusion import UNet, open_unet, unet_parts
from avatar.kind import INDEX, Kind, read_object
from avatar.parts import Parts
from avatar.readings import ClipReading
from avatar.recipe import Recipe
from inference.job import ModelMissing


@dataclass(frozen=True, slots=True, eq=False)
class XlUNet(UNet):
    """The UNet of SDXL. sizes: the picture's own height and width, its crop's corner, the height and width painted."""

    sizes: tuple[float, ...]

    def added(self, told: Told) -> dict[str, Tensor] | None:
        """See UNet."""
        assert told.pooled is not None, "SDXL's text encoders pool"
        sizes = torch.tensor(self.sizes, device=told.pooled.device, dtype=told.pooled.dtype)
        return {"text_embeds": told.pooled, "time_ids": sizes.expand(len(told.pooled), -1)}


def open_xl(folder: Path, kind: Kind, recipe: Recipe, device: torch.device, dtype: torch.dtype) -> Parts:
    """SDXL. A crop smaller than the model's own size is announced as cut from a picture of that size: told a small
    picture, SDXL paints a blurred one (arXiv 2307.01952, section 2.2). Raises ModelMissing."""
    if read_object(folder / INDEX).get("requires_aesthetics_score"):
        raise ModelMissing(f"The painter in {folder} is SDXL's refiner, which paints no pictures: take the base model.")
    manner = recipe.manner(kind)
    own = float(max(kind.size, manner.size))
    sizes = (own, own, 0.0, 0.0, float(manner.size), float(manner.size))
    module = open_unet(folder, recipe, dtype)
    return unet_parts(XlUNet(module, dtype, manner.guidance, sizes), folder, kind, recipe, device)


def xl_encoders(folder: Path, kind: Kind, recipe: Recipe, dtype: torch.dtype) -> Encoders:
    """Both CLIPs' last states but one."""
    stages = [partial(ClipReading, folder, name, recipe, dtype, "last but one") for name in kind.encoders]
    silent = bool(read_object(folder / INDEX).get("force_zeros_for_empty_prompt", True))
    return Encoders(encoders_revision(folder, kind, recipe), stages, join, silent)


def join(reads: list[Read]) -> Conditioning:
    """States side by side, and what the second encoder pooled."""
    return Conditioning(torch.cat([read.states for read in reads], dim=-1), reads[-1].pooled)
