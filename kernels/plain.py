"""Every op of this room in plain torch: slow, short and true. The fast forms are tested against these.

Knows no device and no layout trick: what is written here is the meaning of the op.
"""

import torch
from torch import Tensor

from kernels.layout import BLOCK, Blocks4, Blocks8, codes4


def dequantize4(blocks: Blocks4, dtype: torch.dtype = torch.float32) -> Tensor:
    """The matrix (N, K) that the 4-bit blocks stand for; computed in `dtype`, exact in float32."""
    codes = codes4(blocks.codes).reshape(*blocks.scale.shape, BLOCK).to(dtype)
    return (codes * blocks.scale.to(dtype).unsqueeze(-1) + blocks.floor.to(dtype).unsqueeze(-1)).flatten(1)


def dequantize8(blocks: Blocks8, dtype: torch.dtype = torch.float32) -> Tensor:
    """The matrix (N, K) that the 8-bit blocks stand for; computed in `dtype`, exact in float32."""
    codes = blocks.codes.reshape(*blocks.scale.shape, BLOCK).to(dtype)
    return (codes * blocks.scale.to(dtype).unsqueeze(-1)).flatten(1)


def linear4(x: Tensor, blocks: Blocks4, bias: Tensor | None = None) -> Tensor:
    """x @ W.T + bias with W dequantised in x's dtype: (..., K) -> (..., N)."""
    return torch.nn.functional.linear(x, dequantize4(blocks, x.dtype), bias)


def linear8(x: Tensor, blocks: Blocks8, bias: Tensor | None = None) -> Tensor:
    """x @ W.T + bias with W dequantised in x's dtype: (..., K) -> (..., N)."""
    return torch.nn.functional.linear(x, dequantize8(blocks, x.dtype), bias)


def integer_codes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix (N, K) as int8 codes of -127 … 127 and one float32 scale for each row, (N,)."""
    weight = weight.detach().float()
    scale = (weight.abs().amax(1) / 127).clamp(min=1e-12)
    return (weight / scale.unsqueeze(1)).round().to(torch.int8), scale


def integer_linear(x: Tensor, codes: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """x @ W.T + bias with W = scale·codes and each row of x (T, K) rounded to 255 even steps between its ends."""
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    middle, step = (low + high) / 2, ((high - low) / 254).clamp(min=1e-12)
    near = ((x - middle) / step).round() * step + middle
    return torch.nn.functional.linear(near.double(), codes.double() * scale.unsqueeze(1), bias.double()).float()


def euler_blend(
    sample: Tensor, predicted_x: Tensor, t: float, t_next: float, mask: Tensor, known: Tensor, noise: Tensor
) -> Tensor:
    """One Euler step of a flow-matching sampler that predicts x, then the known picture back outside the mask.

    sample is x_t = (1 - t)·x + t·eps, any shape (B, C, H, W); predicted_x is the network's guess of x, same shape; mask
    is 1 where painting may happen and 0 where the picture is known; known is the clean picture and noise the eps it was
    mixed with; mask, known and noise are broadcastable to sample.

        velocity = (x_t - predicted_x) / t
        stepped  = x_t + (t_next - t)·velocity
        kept     = (1 - t_next)·known + t_next·noise
        result   = mask·stepped + (1 - mask)·kept

    0 ≤ t_next < t ≤ 1. Computed in float32, returned in sample's dtype. At t_next = 0 the result is predicted_x inside
    the mask and exactly `known` where the mask is exactly 0.

    Sources: Lipman et al., *Flow Matching for Generative Modeling* (2023); Lugmayr et al., *RePaint* (2022).
    """
    x, guess, keep, known, noise = (v.to(torch.float32) for v in (sample, predicted_x, mask, known, noise))
    stepped = x + (t_next - t) / t * (x - guess)
    kept = (1 - t_next) * known + t_next * noise
    return (keep * stepped + (1 - keep) * kept).to(sample.dtype)
