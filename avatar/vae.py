"""Autoencoders of diffusers as codecs: AutoencoderKL, the model's own, and AutoencoderTiny (TAESD), a quick stand-in.

A picture's code is the middle of what the encoder says, not drawn around it, so that it is the same every time.
Sources: Rombach et al., arXiv 2112.10752 (latent diffusion); Ollin Boer Bohan, github.com/madebyollin/taesd.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from avatar.codec import Look
from avatar.latents import Latents

Show: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""What a network that was made for inpainting is shown: from a mask (B, 1, size, size) and the codes of the picture
without what is masked (B, C, h, w), to (B, D, h, w)."""
TILED_FROM = 512  # pixels; a larger picture is taken in tiles where memory is short


@dataclass(frozen=True, slots=True, eq=False)
class VaeCodec:
    """An autoencoder for pictures `size` pixels wide. scale: pixels to one code; dtype: what it computes in; kept: what
    it encoded before, None = nothing is remembered."""

    module: Any  # AutoencoderKL or AutoencoderTiny
    size: int
    scale: int
    dtype: torch.dtype
    show: Show | None = None
    kept: Latents | None = None

    def look(self, pixels: Tensor, mask: Tensor, *, sparing: bool = False) -> Look:
        """See Codec. A code may change if the mask touches any pixel of its square."""
        known = self._codes(pixels, sparing)
        may_change = max_pool2d(mask, self.scale)
        if self.show is None:
            return Look(known, may_change, None)
        return Look(known, may_change, self.show(mask, self._codes(pixels * (1 - mask), sparing)))

    def knows(self, pixels: Tensor, mask: Tensor) -> bool:
        """See Codec."""
        shown = [pixels] if self.show is None else [pixels, pixels * (1 - mask)]
        return self.kept is not None and all(self.kept.file(one).is_file() for some in shown for one in some)

    def _codes(self, pixels: Tensor, sparing: bool) -> Tensor:
        """Like encode, but of what was encoded before nothing is computed."""
        if self.kept is None:
            return self.encode(pixels, sparing)
        files = [self.kept.file(one) for one in pixels]
        codes = {file: self.kept.get(file) for file in files}
        new = [place for place, file in enumerate(files) if codes[file] is None]
        if new:
            for place, made in zip(new, self.encode(pixels[new], sparing), strict=True):
                self.kept.keep(files[place], made)
                codes[files[place]] = made
        return torch.stack([found.to(pixels.device) for file in files if (found := codes[file]) is not None])

    def encode(self, pixels: Tensor, sparing: bool = False) -> Tensor:
        """Pixels (B, 3, size, size) in -1..1 -> codes (B, C, h, w) float32, scaled to be about 1 wide."""
        self._spare(sparing)
        said = self.module.encode(pixels.to(self.dtype))
        codes: Tensor = said.latents if hasattr(said, "latents") else said.latent_dist.mode()
        return (codes.float() - self._shift) * self._factor

    def decode(self, codes: Tensor, *, sparing: bool = False) -> Tensor:
        """See Codec."""
        self._spare(sparing)
        pixels: Tensor = self.module.decode((codes / self._factor + self._shift).to(self.dtype)).sample
        return pixels.float()

    def _spare(self, sparing: bool) -> None:
        """A picture at a time and, where it pays, a tile at a time. (A tiny autoencoder takes hardly any memory.)"""
        self.module.use_slicing = sparing
        self.module.use_tiling = sparing and self.size > TILED_FROM and hasattr(self.module, "quant_conv")

    @property
    def _factor(self) -> float:
        return float(self.module.config.scaling_factor)

    @property
    def _shift(self) -> float:
        return float(getattr(self.module.config, "shift_factor", None) or 0.0)
