"""Stable Diffusion 1.5 and 2: a UNet over the latents of an autoencoder, told the states of one CLIP text encoder.

With 9 channels it was made for inpainting and sees mask and masked picture; with 4 it knows nothing of masks, and the
known picture is put back around it at every step. Whether it says noise or velocity (SD 2) is the scheduler's business.
Sources: Rombach et al., arXiv 2112.10752; Ho and Salimans, *Classifier-free guidance*, arXiv 2207.12598; Luo et al.,
*Latent consistency models*, arXiv 2310.04378 (the embedding of the guidance).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from avatar.checkpoint import encoders_revision
from avatar.course import Scheduled
from avatar.encoders import Encoders, only
from avatar.families.network import Told
from avatar.kind import Kind
from avatar.lora import add_loras
from avatar.opening import open_module, open_scheduler, open_vae
from avatar.parts import Parts
from avatar.readings import ClipReading
from avatar.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class UNet:
    """diffusers' UNet2DConditionModel. guidance: how hard the prompt is followed; 1 = not harder than it is said."""

    module: Any
    dtype: torch.dtype
    guidance: float

    @property
    def guided(self) -> bool:
        """See Network. A consistency model is told the guidance instead, and asked once."""
        return self.guidance > 1 and not self._told_guidance

    def ask(self, sample: Tensor, shown: Tensor | None, timestep: Tensor, told: Told) -> Tensor:
        """See Network."""
        seen = sample if shown is None else torch.cat((sample, shown), dim=1)
        if self.guided:
            told, seen = told.twice(), torch.cat((seen, seen))
        said: Tensor = self.module(
            seen.to(self.dtype, memory_format=torch.channels_last),
            timestep,
            encoder_hidden_states=told.tokens,
            timestep_cond=self._embedding(len(seen)) if self._told_guidance else None,
            added_cond_kwargs=self.added(told),
        ).sample.float()
        if not self.guided:
            return said
        unwanted, wanted = said.chunk(2)
        return unwanted + self.guidance * (wanted - unwanted)

    def added(self, told: Told) -> dict[str, Tensor] | None:
        """What else the network is told: nothing, in this family."""
        return None

    @property
    def _told_guidance(self) -> bool:
        return self.module.config.time_cond_proj_dim is not None

    def _embedding(self, count: int) -> Tensor:
        """The guidance as the network takes it, (count, width)."""
        from diffusers.models.embeddings import get_timestep_embedding

        scale = torch.full((count,), 1000 * (self.guidance - 1), device=self.module.device)
        width = self.module.config.time_cond_proj_dim
        embedding: Tensor = get_timestep_embedding(scale, width, downscale_freq_shift=1)
        return embedding.to(self.dtype)


def open_stable_diffusion(folder: Path, kind: Kind, recipe: Recipe, device: torch.device, dtype: torch.dtype) -> Parts:
    """Stable Diffusion 1.5 or 2. Raises ModelMissing."""
    module = open_unet(folder, recipe, dtype)
    return unet_parts(UNet(module, dtype, recipe.manner(kind).guidance), folder, kind, recipe, device)


def open_unet(folder: Path, recipe: Recipe, dtype: torch.dtype) -> torch.nn.Module:
    """The UNet in a painter's folder, with the recipe's LoRAs in it."""
    from diffusers import UNet2DConditionModel

    module = open_module(folder / "unet", UNet2DConditionModel, dtype)
    add_loras(module, "unet", recipe)
    return module


def unet_parts(network: UNet, folder: Path, kind: Kind, recipe: Recipe, device: torch.device) -> Parts:
    """Everything around a UNet."""
    manner = recipe.manner(kind)
    latents = int(network.module.config.out_channels)
    codec = open_vae(folder, kind, recipe, network.dtype, latents=latents, show=show)
    scheduler = open_scheduler(folder, manner.scheduler)

    def course(num_steps: int) -> Scheduled:
        own = type(scheduler).from_config(scheduler.config)
        return Scheduled(own, num_steps, device, blended=not kind.inpaints, strength=manner.strength)

    return Parts(network, codec, course, device, network.dtype)


def show(mask: Tensor, hidden: Tensor) -> Tensor:
    """See avatar.vae.Show: one channel of mask, then the masked picture's codes."""
    return torch.cat((max_pool2d(mask, mask.shape[-1] // hidden.shape[-1]), hidden), dim=1)


def stable_diffusion_encoders(folder: Path, kind: Kind, recipe: Recipe, dtype: torch.dtype) -> Encoders:
    """CLIP's last states."""
    stage = partial(ClipReading, folder, "text_encoder", recipe, dtype, "last")
    return Encoders(encoders_revision(folder, kind, recipe), (stage,), only)
