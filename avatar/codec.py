"""Codecs: what turns the pixels of a crop into what the network sees, and back.

The starter's has no weights: it folds each patch of pixels into channels (Shi et al., *Real-Time Single Image and Video
Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network*, arXiv 1609.05158) and loses nothing. Those
with weights are in avatar/vae.py.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from inference.job import ModelMissing


class Look(NamedTuple):
    """Pictures and masks as the loop needs them, float32 on the device."""

    known: Tensor  # (B, C, h, w) codes of the pictures
    may_change: Tensor  # 1 where a code may change; broadcasts to `known`
    shown: Tensor | None  # (B, D, h, w) what the network is shown beside the sample; None = nothing


class Codec(Protocol):
    """What the denoising loop asks of a codec. Pictures come in batches of B; codes are (B, C, h, w)."""

    @property
    def size(self) -> int:
        """Width and height of the pictures, in pixels."""
        ...

    @property
    def module(self) -> torch.nn.Module | None:
        """Its weights, which are on the device while it encodes or decodes; None = it has none, and takes no time."""
        ...

    def look(self, pixels: Tensor, mask: Tensor, *, sparing: bool = False) -> Look:
        """Pixels (B, 3, size, size) in -1..1 and masks (B, 1, size, size) of 0 and 1. sparing: with little memory."""
        ...

    def knows(self, pixels: Tensor, mask: Tensor) -> bool:
        """Whether `look` at the same would need no weights."""
        ...

    def decode(self, codes: Tensor, *, sparing: bool = False) -> Tensor:
        """Codes (B, C, h, w) -> pixels (B, 3, size, size), about -1..1."""
        ...


@dataclass(frozen=True, slots=True)
class PatchCodec:
    """Each `patch` x `patch` square of pixels becomes 3 * patch**2 channels of one code."""

    patch: int
    size: int
    module = None

    def look(self, pixels: Tensor, mask: Tensor, *, sparing: bool = False) -> Look:
        """See Codec: shown are the mask, one channel per pixel of a patch, and the codes of the picture."""
        known = self.encode(pixels)
        return Look(known, self.blend_mask(mask), torch.cat((self.encode_mask(mask), known), dim=1))

    def knows(self, pixels: Tensor, mask: Tensor) -> bool:
        """See Codec."""
        return True

    def encode(self, pixels: Tensor) -> Tensor:
        """(B, 3, size, size) -> (B, 3 * patch**2, size / patch, size / patch), the same numbers."""
        return pixel_unshuffle(pixels, self.patch)

    def decode(self, codes: Tensor, *, sparing: bool = False) -> Tensor:
        """See Codec: the exact inverse of encode."""
        return pixel_shuffle(codes, self.patch)

    def encode_mask(self, mask: Tensor) -> Tensor:
        """(B, 1, size, size) -> (B, patch**2, size / patch, size / patch), one channel per pixel of a patch."""
        return pixel_unshuffle(mask, self.patch)

    def blend_mask(self, mask: Tensor) -> Tensor:
        """Exact to the pixel, the same for the three colours; (B, 3 * patch**2, h, w)."""
        return pixel_unshuffle(mask.expand(-1, 3, -1, -1), self.patch)


def load_codec(path: Path) -> PatchCodec:
    """The codec a painter's codec.json describes; ModelMissing says what is wrong with the file."""
    try:
        said = json.loads(path.read_text())
        kind, patch, size = said["kind"], int(said["patch"]), int(said["size"])
    except FileNotFoundError as error:
        raise ModelMissing(f"{path} is missing: the painter's folder is incomplete.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelMissing(f'{path} should read like {{"kind": "patch", "patch": 6, "size": 192}}.') from error
    if kind != "patch":
        raise ModelMissing(f"{path} asks for a codec of the kind '{kind}', but only 'patch' is known.")
    if patch < 1 or size < patch or size % patch:
        raise ModelMissing(f"{path}: size ({size}) should be a multiple of patch ({patch}), both at least 1.")
    return PatchCodec(patch, size)
