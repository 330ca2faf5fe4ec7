"""A tiny untrained painter in the real folder format, for tests that need a painter and no faces worth looking at."""

import json
from pathlib import Path

import torch

PATCH, SIZE = 4, 32


def write_painter(folder: Path) -> Path:
    """Some 100,000 random weights, saved by diffusers itself; returns the folder."""
    from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=SIZE // PATCH,
        in_channels=7 * PATCH**2,
        out_channels=3 * PATCH**2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(32, 64),
        layers_per_block=1,
        cross_attention_dim=384,
        attention_head_dim=8,
        norm_num_groups=8,
    )
    unet.half().save_pretrained(folder / "unet")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    (folder / "codec.json").write_text(json.dumps({"kind": "patch", "patch": PATCH, "size": SIZE}))
    parts = {"unet": "UNet2DConditionModel", "scheduler": "FlowMatchEulerDiscreteScheduler"}
    index = {name: ["diffusers", kind] for name, kind in parts.items()}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
