"""What a painter's parts will take on a device, from the headers of their files; nothing is opened."""

from collections.abc import Iterator
from pathlib import Path

import torch

from avatar.kind import Kind, kind_of
from avatar.opening import fitting_dtype
from avatar.recipe import Recipe
from avatar.weightfiles import part_bytes
from emotion.minilm import minilm_bytes

CODE_BYTES = {"starter": 0, "sd": 3000, "xl": 3000, "flux": 3000}
"""Of what an autoencoder computes at full width, for each pixel of the crop, in half precision: the last block of
AutoencoderKL holds a few maps of 256 and 128 channels. Fused LoRAs take nothing beside the weights they change."""


def painter_needs(folder: Path, device: str, recipe: Recipe | None = None) -> Iterator[tuple[str, int]]:
    """Name and bytes of everything that comes and goes while faces are painted. Raises ModelMissing."""
    recipe, kind = recipe or Recipe(), kind_of(folder)
    item = fitting_dtype(torch.device(device)).itemsize
    yield "the painter", part_bytes(folder / kind.network, item)
    if kind.family == "starter":
        yield "its text encoder", minilm_bytes().total
        return
    yield "its autoencoder", part_bytes(recipe.tiny_vae or folder / "vae", item)
    for place, name in enumerate(kind.encoders):
        yield ("its second text encoder" if place else "its text encoder"), part_bytes(folder / name, item)


def step_bytes(folder: Path, recipe: Recipe | None = None) -> int:
    """What the largest step of a painting takes beside the weights: an estimate."""
    kind: Kind = kind_of(folder)
    size = (recipe or Recipe()).manner(kind).size
    return CODE_BYTES[kind.family] * size**2
