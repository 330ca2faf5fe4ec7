"""A painter's parts: UNet, scheduler and codec, opened from a folder in diffusers' format (avatar/checkpoint.py).

The weights are read into host memory; whoever computes with them moves them to the device (inference/residency.py).
The text encoder is not a part: prompts come as embeddings
(avatar/prompts.py).
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from avatar.checkpoint import WEIGHTS
from avatar.codec import Codec, load_codec
from inference.formats.checkpoint import read_header
from inference.job import ModelMissing


class Scheduler(Protocol):
    """What the denoising loop asks of diffusers' scheduler: its spacing of the times, not its step."""

    sigmas: Tensor  # (steps + 1,) falling, the last 0
    timesteps: Tensor  # (steps,)

    def set_timesteps(self, *, sigmas: list[float], device: torch.device) -> None:
        """Space the steps anew: `sigmas` as its configuration shapes them."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the denoising loop needs. `unet` and `scheduler` are diffusers' own objects; the UNet is in host memory.

    device, dtype: where and in what it computes.
    """

    unet: torch.nn.Module
    scheduler: Scheduler
    codec: Codec
    predicts: str  # what the UNet says: "x", the picture; "difference", by how much it differs from the base picture
    device: torch.device
    dtype: torch.dtype

    @property
    def bytes(self) -> int:
        """What the weights take on the device."""
        return sum(weight.numel() * weight.element_size() for weight in self.unet.parameters())


def painter_bytes(folder: Path, device: str) -> int:
    """What the UNet's weights take on a device of that type, from the header of their file."""
    weights = sum(math.prod(stored.shape) for stored in read_header(folder / WEIGHTS))
    return weights * fitting_dtype(torch.device(device)).itemsize


def open_parts(folder: Path, device: torch.device) -> Parts:
    """Load a painter that will compute on `device`; ModelMissing says in one sentence what is wrong with its folder."""
    codec = load_codec(folder / "codec.json")
    predicts = _predicts(folder / "codec.json")
    _check_classes(folder / "model_index.json")
    dtype = fitting_dtype(device)
    from diffusers import FlowMatchEulerDiscreteScheduler

    try:
        unet = _open_unet(folder, dtype)
        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise ModelMissing(f"The painter in {folder} cannot be read ({_first_line(error)}).") from error
    return Parts(unet, scheduler, codec, predicts, device, dtype)


def _open_unet(folder: Path, dtype: torch.dtype) -> torch.nn.Module:
    """diffusers' model with the folder's weights. Not by from_pretrained: when that fails, it leaves torch's default
    dtype changed for the whole process (diffusers 0.42)."""
    from diffusers import UNet2DConditionModel

    config = json.loads((folder / "unet" / "config.json").read_text())
    weights = {name: weight.to(dtype) for name, weight in load_file(folder / WEIGHTS).items()}
    with torch.device("meta"):  # no time for random weights that are replaced at once
        unet = UNet2DConditionModel.from_config({**config})
    unet.load_state_dict(weights, assign=True)
    laid_out: torch.nn.Module = unet.to(memory_format=torch.channels_last)
    return laid_out.eval().requires_grad_(False)


def import_diffusers() -> None:
    """Import what opening needs. It takes seconds, so not on the device's thread, where replies would wait for it; and
    late, because a face from the shelf needs none of it."""
    from diffusers import FlowMatchEulerDiscreteScheduler as FlowMatchEulerDiscreteScheduler
    from diffusers import UNet2DConditionModel as UNet2DConditionModel


def fitting_dtype(device: torch.device) -> torch.dtype:
    """What to compute in: half precision where the device multiplies in it, else float32.

    On a Zen 5 core a face of four steps took 0.17 s in bfloat16 and 0.22 s in float32, and no pixel differed by more
    than 2 of 255; a CPU without bfloat16 instructions imitates them at several times the cost.
    """
    if device.type == "cuda":
        return torch.float16
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def _predicts(path: Path) -> str:
    predicts = json.loads(path.read_text()).get("predicts", "x")
    if predicts not in ("x", "difference"):
        raise ModelMissing(f"{path}: this painter predicts '{predicts}', but only 'x' and 'difference' are known.")
    return str(predicts)


def _check_classes(index: Path) -> None:
    """The model classes that the loop is written for, and no other."""
    try:
        named = json.loads(index.read_text())
        found = {part: named[part][1] for part in ("unet", "scheduler")}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelMissing(f"{index} does not name a unet and a scheduler as diffusers does.") from error
    for part, wanted in (("unet", "UNet2DConditionModel"), ("scheduler", "FlowMatchEulerDiscreteScheduler")):
        if found[part] != wanted:
            raise ModelMissing(f"{index}: this painter's {part} is a {found[part]}, but only {wanted} can be used.")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
