"""Opening one part of a painter: a model of diffusers with the folder's weights, or the scheduler.

Weights are read into host memory in the type they are computed in; whoever computes with them moves them to the device
(inference/residency.py). Not by diffusers' from_pretrained: when that fails, it leaves torch's default dtype changed
for the whole process (diffusers 0.42), and it makes up weights that a file lacks.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from avatar.kind import FLUX_PATCH, INDEX, Kind, class_in, read_object, vae_scale
from avatar.recipe import Recipe, SchedulerName
from avatar.vae import Show, VaeCodec
from avatar.weightfiles import part_files
from inference.job import ModelMissing
from kernels.choose import has_native_bfloat16

FEW_STEP_SCHEDULERS = {
    "lcm": "LCMScheduler",
    "euler": "EulerDiscreteScheduler",
    "ddim": "DDIMScheduler",
    "tcd": "TCDScheduler",
}


def fitting_dtype(device: torch.device) -> torch.dtype:
    """What to compute in: half precision where the device multiplies in it, else float32.

    On a Zen 5 core a face of four steps took 0.17 s in bfloat16 and 0.22 s in float32, and no pixel differed by more
    than 2 of 255; a CPU without bfloat16 instructions imitates them at several times the cost.
    """
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if has_native_bfloat16(device.type) else torch.float32


def computed_in(kind: Kind, device: torch.device) -> torch.dtype:
    """What a painter of that kind computes in on `device`: Flux and T5 overflow in float16."""
    dtype = fitting_dtype(device)
    return torch.bfloat16 if kind.family == "flux" and dtype == torch.float16 else dtype


def open_module(folder: Path, kind: Any, dtype: torch.dtype) -> torch.nn.Module:
    """diffusers' model class `kind` with the config and the weights of the part in `folder`. Raises ModelMissing."""
    with readable(folder):
        config, weights = read_part(folder, dtype)
        with torch.device("meta"):  # no time for random weights that are replaced at once
            module: Any = kind.from_config({**config})
        module._fix_state_dict_keys_on_load(weights)  # autoencoders of 2022 have other names
        module.load_state_dict(weights, assign=True)
    laid_out: torch.nn.Module = module.to(memory_format=torch.channels_last)
    return laid_out.eval().requires_grad_(False)


def read_part(folder: Path, dtype: torch.dtype) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """A part's config, and its weights by diffusers' names; to be called inside `readable`."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tensors = {name: weight.to(dtype) for file in part_files(folder) for name, weight in load_file(file).items()}
    return config, tensors


def open_vae(folder: Path, kind: Kind, recipe: Recipe, dtype: torch.dtype, *, latents: int, show: Show) -> VaeCodec:
    """The painter's own autoencoder, or the tiny one of the recipe. latents: channels that the network paints in; show:
    used where the network was made for inpainting. Raises ModelMissing."""
    import diffusers

    part = recipe.tiny_vae or folder / "vae"
    config = read_object(part / "config.json")
    name = str(config.get("_class_name") or class_in(read_object(folder / INDEX), "vae"))
    if name not in ("AutoencoderKL", "AutoencoderTiny"):
        raise ModelMissing(
            f"The autoencoder in {part} is a {name}: only AutoencoderKL and AutoencoderTiny can be used."
        )
    if config.get("latent_channels", 4) != latents:
        raise ModelMissing(
            f"The autoencoder in {part} has {config.get('latent_channels', 4)} channels, but the painter paints in "
            f"{latents}: take the one that was made for it."
        )
    scale, size = vae_scale(part), recipe.manner(kind).size
    whole = scale * FLUX_PATCH if kind.family == "flux" else 8 * scale
    if size % whole:
        raise ModelMissing(f"[face] size = {size} does not fit the painter in {folder}: take a multiple of {whole}.")
    if kind.family == "xl" and config.get("force_upcast", True) and dtype == torch.float16:
        dtype = torch.float32  # it overflows in half precision
    module = open_module(part, getattr(diffusers, name), dtype)
    return VaeCodec(module, size, scale, dtype, show if kind.inpaints else None)


def open_scheduler(folder: Path, name: SchedulerName) -> Any:
    """The scheduler that the painter's folder names, or another one made from its configuration. Raises ModelMissing.

    auto means folder here: what a recipe makes of it was decided before.
    """
    import diffusers

    config = read_object(folder / "scheduler" / "scheduler_config.json")
    own = class_in(read_object(folder / INDEX), "scheduler")
    wanted = FEW_STEP_SCHEDULERS.get(name, own or str(config.get("_class_name", "")))
    kind = getattr(diffusers, wanted, None) if wanted.endswith("Scheduler") else None
    if kind is None or not hasattr(kind, "set_timesteps"):
        raise ModelMissing(
            f"The painter in {folder} wants a scheduler named '{wanted}', which diffusers does not have."
        )
    if name in ("euler", "ddim"):
        config = {**config, "timestep_spacing": "trailing"}
    with readable(folder / "scheduler"):
        return kind.from_config(config)


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """What goes wrong while a part is read becomes one sentence."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError, SafetensorError) as error:
        raise ModelMissing(f"The painter's part {folder} cannot be read ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
