"""The starter painter's shape, and how it is written: a diffusers folder with fp16 weights."""

import json
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel
from torch import Tensor

PATCH, CROP = 4, 128
SHIFT = 3.0
CODE = 3 * PATCH**2  # channels of one picture's code: 48

BLOCKS: dict[str, object] = {
    "sample_size": CROP // PATCH,
    "in_channels": CODE + PATCH**2 + CODE,  # noisy, mask, base
    "out_channels": CODE,
    "block_out_channels": (96, 128, 192),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": 384,
    "attention_head_dim": 4,
}


def shifted(times: Tensor) -> Tensor:
    """Evenly spaced times in 0..1, moved towards 1 (noise) as the exported scheduler moves them."""
    return SHIFT * times / (1 + (SHIFT - 1) * times)


def export(unet: UNet2DConditionModel, folder: Path) -> None:
    """Write unet, scheduler, codec.json and model_index.json; a README beside them is left alone."""
    (folder / "unet").mkdir(parents=True, exist_ok=True)
    (folder / "scheduler").mkdir(exist_ok=True)
    half = UNet2DConditionModel.from_config(unet.config)
    half.load_state_dict(unet.state_dict())
    half.to(torch.float16).save_pretrained(folder / "unet", safe_serialization=True)
    FlowMatchEulerDiscreteScheduler(shift=SHIFT).save_pretrained(folder / "scheduler")
    codec = {"kind": "patch", "patch": PATCH, "size": CROP}
    (folder / "codec.json").write_text(json.dumps(codec) + "\n")
    index = {
        "_class_name": "StarterPainter",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
