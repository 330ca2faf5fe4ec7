"""In which numbers a network that only reads (an encoder) computes on a device, and what its weights take there.

Whole numbers on a CPU that is fast at them, float16 on a GPU, else as the weights are (docs/why/int8.md has the
figures). Knows linear layers and devices, no network.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kernels.choose import has_fast_integers
from kernels.dense import is_fast
from kernels.integer import Integer

Linear: TypeAlias = Callable[[Tensor, Tensor], nn.Module]
"""From a weight (N, K) and a bias (N,) to the layer that computes x @ W.T + bias."""


class Floating(nn.Module):
    """A linear layer in the precision of its weights."""

    _weight: Tensor
    _bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("_weight", weight)
        self.register_buffer("_bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self._weight, self._bias)


def linear_for(device_type: str) -> Linear:
    """How linear layers whose weights are float32 in their file compute on this kind of device."""
    return Integer if has_fast_integers(device_type) else Floating


def bytes_a_weight(device_type: str) -> int:
    """What a weight of such a layer takes."""
    if device_type == "cuda":
        return 2
    return 1 if has_fast_integers(device_type) else 4


def likes_bfloat16(device_type: str) -> bool:
    """Whether a whole network is best held in bfloat16 on this kind of device."""
    return device_type == "cuda" or is_fast(torch.empty(1, dtype=torch.bfloat16))
