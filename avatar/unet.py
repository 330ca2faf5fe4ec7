"""The starter's UNet: a forward pass over the weights of diffusers' UNet2DConditionModel, for one token of prompt.

Only what painters of the starter's shape need, and nothing of diffusers, whose import alone takes seconds: levels of
residual blocks, some with one transformer layer each (avatar/blocks.py). `is_plain` says whether a config asks for
nothing else; avatar/families/starter.py opens any other with diffusers. It knows no schedule and no pictures.

Source: Rombach et al., *High-Resolution Image Synthesis with Latent Diffusion Models* (arXiv 2112.10752), as in
diffusers' UNet2DConditionModel, which the tests hold it to.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar.blocks import Block, Norm, Shape, Weights, exactly
from kernels.convolution import Convolution

ATTENDING = "CrossAttn"  # in the names of blocks that have attention
SIZES = ("in_channels", "out_channels", "layers_per_block", "attention_head_dim", "cross_attention_dim")
READ = {
    *SIZES,
    *("block_out_channels", "down_block_types", "up_block_types", "norm_num_groups", "norm_eps"),
    *("flip_sin_to_cos", "freq_shift"),
}
UNREAD = {"sample_size", "dropout"}  # any square will do, and nothing is dropped when painting
FIXED: dict[str, object] = {  # whatever is named nowhere here must be off
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "mid_block_scale_factor": 1,
    "downsample_padding": 1,
    "act_fn": "silu",
    "resnet_time_scale_shift": "default",
    "resnet_out_scale_factor": 1,
    "transformer_layers_per_block": 1,
    "attention_type": "default",
    "time_embedding_type": "positional",
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "addition_embed_type_num_heads": 64,
}


def is_plain(config: Mapping[str, Any]) -> bool:
    """Whether a UNet2DConditionModel of this config is what this file computes: sizes may be any, the rest is fixed."""
    if not config.keys() >= READ or not all(isinstance(config[name], int) for name in SIZES):
        return False
    kinds = {f"{attending}{way}Block2D" for attending in ("", ATTENDING) for way in ("Down", "Up")}
    others = {name: config[name] for name in config.keys() - READ - UNREAD if not name.startswith("_")}
    fixed = all(value == FIXED[name] if name in FIXED else not value for name, value in others.items())
    return fixed and {*config["down_block_types"], *config["up_block_types"]} <= kinds


class Level(nn.Module):
    """The blocks of one resolution, and the convolution that leads to the next one, if there is one."""

    def __init__(self, blocks: list[Block], leaving: Convolution | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.leaving = leaving


class Down(Level):
    """A level on the way down: whatever comes out of it is kept for the way up."""

    def forward(self, x: Tensor, at: Tensor, told: Tensor, kept: list[Tensor]) -> Tensor:
        """(B, C, h, w) -> (B, N, h / 2, w / 2), or as large as it was."""
        for block in self.blocks:
            x = block(x, at, told)
            kept.append(x)
        if self.leaving is not None:
            x = self.leaving(x)
            kept.append(x)
        return x


class Up(Level):
    """A level on the way up: each block sees what was kept on the way down beside what comes from below."""

    def forward(self, x: Tensor, at: Tensor, told: Tensor, kept: list[Tensor]) -> Tensor:
        """(B, C, h, w) -> (B, N, 2 * h, 2 * w), or as large as it was."""
        for block in self.blocks:
            x = block(torch.cat((x, kept.pop()), 1), at, told)
        if self.leaving is not None:
            x = self.leaving(F.interpolate(x, kept[-1].shape[2:], mode="nearest"))
        return x


class UNet(nn.Module):
    """The network of a config that is plain. Raises ValueError for tensors that are not this config's."""

    def __init__(self, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        widths = [int(width) for width in config["block_out_channels"]]
        weights, count = Weights(tensors), int(config["layers_per_block"])
        shape = Shape(
            *(4 * widths[0], int(config["cross_attention_dim"]), int(config["attention_head_dim"])),
            *(int(config["norm_num_groups"]), float(config["norm_eps"])),
        )
        self._waves = widths[0], bool(config["flip_sin_to_cos"]), float(config["freq_shift"])
        self.first = Convolution(*weights.layer("conv_in", widths[0], int(config["in_channels"]), 3, 3))
        self.early = exactly(*weights.layer("time_embedding.linear_1", shape.time, widths[0]))
        self.late = exactly(*weights.layer("time_embedding.linear_2", shape.time, shape.time))

        self.down = nn.ModuleList()
        kept, width = [widths[0]], widths[0]  # the widths of what is kept for the way up
        for i, (kind, out) in enumerate(zip(config["down_block_types"], widths, strict=True)):
            name, blocks = f"down_blocks.{i}", []
            for j in range(count):
                blocks.append(Block(weights, name, j, width, out, shape, attends=ATTENDING in kind))
                width = out
            leads = i + 1 < len(widths)
            kept += [out] * (count + leads)
            layer = weights.layer(f"{name}.downsamplers.0.conv", out, out, 3, 3) if leads else None
            self.down.append(Down(blocks, Convolution(*layer, stride=2) if layer else None))

        self.middle = Block(weights, "mid_block", 0, width, width, shape, attends=True)
        self.after = Block(weights, "mid_block", 1, width, width, shape, attends=False)

        self.up = nn.ModuleList()
        for i, (kind, out) in enumerate(zip(config["up_block_types"], reversed(widths), strict=True)):
            name, blocks = f"up_blocks.{i}", []
            for j in range(count + 1):
                blocks.append(Block(weights, name, j, width + kept.pop(), out, shape, attends=ATTENDING in kind))
                width = out
            leads = i + 1 < len(widths)
            layer = weights.layer(f"{name}.upsamplers.0.conv", out, out, 3, 3) if leads else None
            self.up.append(Up(blocks, Convolution(*layer) if layer else None))

        self.norm = Norm(weights, "conv_norm_out", width, shape.groups, shape.epsilon)
        self.last = Convolution(*weights.layer("conv_out", int(config["out_channels"]), width, 3, 3))
        weights.end()

    def forward(self, seen: Tensor, timestep: Tensor, prompts: Tensor) -> Tensor:
        """seen (B, C, h, w) in channels_last, a scalar timestep, prompts (B, 1, width) -> (B, N, h, w)."""
        at, told = self._time(timestep).to(seen.device), prompts[:, 0].float()  # (1, width), (B, prompt)
        at = F.silu(self.late(F.silu(self.early(at))))  # (1, 4 * width)
        x = self.first(seen)
        kept = [x]
        for level in self.down:
            x = level(x, at, told, kept)
        x = self.after(self.middle(x, at, told), at, told)
        for level in self.up:
            x = level(x, at, told, kept)
        y: Tensor = self.last(self.norm.silu(x))
        return y

    def _time(self, timestep: Tensor) -> Tensor:
        """Sines and cosines of the time, (1, width) (Vaswani et al., arXiv 1706.03762, section 3.5)."""
        width, flipped, shift = self._waves
        falling = torch.arange(width // 2, dtype=torch.float32) / (width // 2 - shift)
        angles = timestep.cpu().float() * torch.exp(-math.log(10000) * falling)
        return torch.cat((angles.cos(), angles.sin()) if flipped else (angles.sin(), angles.cos()))[None]
