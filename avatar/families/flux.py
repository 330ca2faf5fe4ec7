"""Flux: a transformer over packed latents, told T5's states and what CLIP pooled; made for filling, or not.

Latents keep their two dimensions in the loop and are packed where the transformer is asked: 2 x 2 of them make a token.
Sources: Black Forest Labs, github.com/black-forest-labs/flux; Esser et al., arXiv 2403.03206 (the shift of the times).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from avatar.checkpoint import encoders_revision
from avatar.conditioning import Conditioning
from avatar.course import Scheduled
from avatar.encoders import Encoders, Read
from avatar.families.network import Told
from avatar.kind import FLUX_PATCH, Kind
from avatar.lora import add_loras
from avatar.opening import open_module, open_scheduler, open_vae
from avatar.parts import Parts
from avatar.readings import ClipReading, T5Reading
from avatar.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class FluxTransformer:
    """diffusers' FluxTransformer2DModel. It is told the guidance, if it was made so, and asked once."""

    module: Any
    dtype: torch.dtype
    guidance: float
    guided = False

    def ask(self, sample: Tensor, shown: Tensor | None, timestep: Tensor, told: Told) -> Tensor:
        """See Network."""
        count, _, height, width = sample.shape
        seen = sample if shown is None else torch.cat((sample, shown), dim=1)
        at = timestep.expand(count).to(self.dtype)
        said: Tensor = self.module(
            hidden_states=pack(seen).to(self.dtype),
            timestep=at / 1000,
            guidance=torch.full((count,), self.guidance, device=sample.device) if self._told_guidance else None,
            pooled_projections=told.pooled,
            encoder_hidden_states=told.tokens,
            txt_ids=torch.zeros(told.tokens.shape[1], 3, device=sample.device, dtype=self.dtype),
            img_ids=places(height // FLUX_PATCH, width // FLUX_PATCH).to(sample.device, self.dtype),
        ).sample
        return unpack(said.float(), height, width)

    @property
    def _told_guidance(self) -> bool:
        return bool(self.module.config.guidance_embeds)


def pack(latents: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, h / 2 * w / 2, 4 C): each square of 2 x 2 latents a token, channel by channel."""
    return pixel_unshuffle(latents, FLUX_PATCH).flatten(2).transpose(1, 2)


def unpack(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse of pack, for latents of that height and width."""
    rows, columns = height // FLUX_PATCH, width // FLUX_PATCH
    folded = tokens.transpose(1, 2).reshape(len(tokens), -1, rows, columns)
    return pixel_shuffle(folded, FLUX_PATCH)


def places(rows: int, columns: int) -> Tensor:
    """Where each token is: (rows * columns, 3) of 0, row, column."""
    down, right = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack((torch.zeros_like(down), down, right), dim=-1).reshape(-1, 3).float()


def open_flux(folder: Path, kind: Kind, recipe: Recipe, device: torch.device, dtype: torch.dtype) -> Parts:
    """Flux. Raises ModelMissing."""
    from diffusers import FluxTransformer2DModel

    manner = recipe.manner(kind)
    module: Any = open_module(folder / "transformer", FluxTransformer2DModel, dtype)
    add_loras(module, "transformer", recipe)
    latents = int(module.out_channels) // FLUX_PATCH**2
    codec = open_vae(folder, kind, recipe, dtype, latents=latents, show=show)
    scheduler = open_scheduler(folder, manner.scheduler)
    mu = shift_for((manner.size // codec.scale // FLUX_PATCH) ** 2, scheduler.config)

    def course(num_steps: int) -> Scheduled:
        own = type(scheduler).from_config(scheduler.config)
        return Scheduled(own, num_steps, device, blended=not kind.inpaints, strength=manner.strength, mu=mu)

    return Parts(FluxTransformer(module, dtype, manner.guidance), codec, course, device, dtype)


def show(mask: Tensor, hidden: Tensor) -> Tensor:
    """See avatar.vae.Show: the masked picture's codes, then every pixel of the mask as a channel."""
    return torch.cat((hidden, pixel_unshuffle(mask, mask.shape[-1] // hidden.shape[-1])), dim=1)


def shift_for(tokens: int, config: Any) -> float:
    """How far the times are shifted towards noise for a picture of so many tokens: along a line."""
    few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    return float(low + (high - low) * (tokens - few) / (many - few))


def flux_encoders(folder: Path, kind: Kind, recipe: Recipe, dtype: torch.dtype) -> Encoders:
    """What CLIP pooled, and T5's states."""
    pooled, states = kind.encoders
    return Encoders(
        encoders_revision(folder, kind, recipe),
        (partial(ClipReading, folder, pooled, recipe, dtype, "last"), partial(T5Reading, folder, states, dtype)),
        join,
    )


def join(reads: list[Read]) -> Conditioning:
    """T5's states, CLIP's pooled state."""
    clip, t5 = reads
    return Conditioning(t5.states, clip.pooled)
