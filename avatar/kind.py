"""What a painter's folder is, from its JSON files alone: its family, whether it was made for inpainting, its size.

Knows the format (diffusers' model_index.json and the parts' config.json) and opens no weights; imports no torch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.job import ModelMissing

Family = Literal["starter", "sd", "xl", "flux"]
INDEX = "model_index.json"
FLUX_PATCH = 2  # latents side by side that Flux packs into one token


@dataclass(frozen=True, slots=True)
class Kind:
    """What a painter is.

    network: the folder of what denoises; inpaints: whether that network is shown the mask and the rest of the picture;
    size: width and height it was made for, in pixels; encoders: the folders of the text encoders, in order.
    """

    family: Family
    network: str
    inpaints: bool
    size: int
    encoders: tuple[str, ...] = ()

    @property
    def tokenizers(self) -> tuple[str, ...]:
        """The folders of the tokenizers, in the encoders' order."""
        return tuple(name.replace("text_encoder", "tokenizer") for name in self.encoders)


def kind_of(folder: Path) -> Kind:
    """The kind of the painter in `folder`; ModelMissing says in one sentence why it is none that can be used."""
    if not (folder / INDEX).is_file():
        raise ModelMissing(f"The painter in {folder} lacks {INDEX}: copy the whole folder again.")
    index = read_object(folder / INDEX)
    if (folder / "codec.json").is_file() or not {"vae", "text_encoder"} & index.keys():
        return Kind("starter", "unet", True, _codec_size(folder))
    network = "unet" if "unet" in index else "transformer"
    found = class_in(index, network)
    if found == "UNet2DConditionModel":
        return _stable_diffusion(folder, "xl" if class_in(index, "text_encoder_2") else "sd")
    if found == "FluxTransformer2DModel":
        return _flux(folder)
    raise ModelMissing(
        f"The painter in {folder} is a {found or index.get('_class_name', 'model of an unknown kind')}, which cannot "
        "be used: take Stable Diffusion 1.5, 2 or XL, or Flux."
    )


def class_in(index: Mapping[str, Any], part: str) -> str:
    """The class that a model_index.json names for a part; "" where it names none."""
    named = index.get(part)
    return str(named[1] or "") if isinstance(named, list) and len(named) == 2 else ""


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; ModelMissing when it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelMissing(f"The painter lacks {path}: copy the whole folder again.") from error
    except (OSError, ValueError) as error:
        raise ModelMissing(f"{path} cannot be read: get it again.") from error
    if not isinstance(found, dict):
        raise ModelMissing(f"{path} cannot be read: get it again.")
    return found


def vae_scale(folder: Path) -> int:
    """Pixels to one latent, along a side, of the autoencoder in `folder`."""
    config = read_object(folder / "config.json")
    blocks = config.get("encoder_block_out_channels") or config.get("block_out_channels") or [0] * 4
    return int(2 ** (len(blocks) - 1))


def _codec_size(folder: Path) -> int:
    path = folder / "codec.json"
    if not path.is_file():
        return 0  # which file is missing is said in avatar/checkpoint.py
    size = read_object(path).get("size")
    if not isinstance(size, int):
        raise ModelMissing(f'{path} should read like {{"kind": "patch", "patch": 6, "size": 192}}.')
    return size


def _stable_diffusion(folder: Path, family: Literal["sd", "xl"]) -> Kind:
    config = read_object(folder / "unet" / "config.json")
    channels, latents = config.get("in_channels", 4), config.get("out_channels", 4)
    if channels not in (latents, 2 * latents + 1):
        raise ModelMissing(
            f"The UNet in {folder} takes {channels} channels, but only {latents} (text to image) and {2 * latents + 1} "
            "(inpainting) can be used: take such a model."
        )
    encoders = ("text_encoder", "text_encoder_2") if family == "xl" else ("text_encoder",)
    size = _side(config.get("sample_size"), 128 if family == "xl" else 64) * vae_scale(folder / "vae")
    return Kind(family, "unet", channels != latents, size, encoders)


def _flux(folder: Path) -> Kind:
    config = read_object(folder / "transformer" / "config.json")
    scale = vae_scale(folder / "vae")
    channels = config.get("in_channels", 64)
    latents = config.get("out_channels") or (64 if channels == 384 else channels)
    filling = 2 * latents + FLUX_PATCH**2 * scale**2  # noisy, masked picture, every pixel of the mask
    if channels not in (latents, filling):
        raise ModelMissing(
            f"The Flux transformer in {folder} takes {channels} channels, but only {latents} (text to image) and "
            f"{filling} (fill) can be used: take such a model."
        )
    size = _side(config.get("sample_size"), 128) * scale
    return Kind("flux", "transformer", channels != latents, size, ("text_encoder", "text_encoder_2"))


def _side(said: object, otherwise: int) -> int:
    """A config's sample_size, which is a number, a pair, or nothing."""
    first = said[0] if isinstance(said, list) and said else said
    return first if isinstance(first, int) and first > 0 else otherwise
