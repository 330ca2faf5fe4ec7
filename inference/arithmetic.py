"""In which numbers a network that only reads (an encoder) computes on a device, and what its weights take there.

On a CPU bfloat16 where the processor multiplies it, else whole numbers where it is fast at them; float16 on a GPU; as
the weights are anywhere else (docs/why/arithmetic.md has the figures). Knows linear layers and devices, no network.
"""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

from kernels.choose import has_fast_integers, has_native_bfloat16
from kernels.dense import Dense
from kernels.integer import Integer
from kernels.layer import Floating, Layer

__all__ = ["Floating", "Linear", "bfloat16", "bytes_a_weight", "likes_bfloat16", "linear_for"]

Linear: TypeAlias = Callable[[Tensor, Tensor], Layer]
"""From a weight (N, K) and a bias (N,) to the layer that computes x @ W.T + bias."""

ROWS = 32  # tokens of a message, for which weights are laid out


def linear_for(device_type: str) -> Linear:
    """How linear layers whose weights are float32 in their file compute on this kind of device."""
    if has_native_bfloat16(device_type):
        return bfloat16
    return Integer if has_fast_integers(device_type) else Floating


def bfloat16(weight: Tensor, bias: Tensor) -> Dense:
    """A layer that rounds weights, what it takes and what it gives to bfloat16."""
    return Dense(weight.bfloat16(), bias.bfloat16(), ROWS)


def bytes_a_weight(device_type: str) -> int:
    """What a weight of such a layer takes."""
    if device_type == "cuda" or has_native_bfloat16(device_type):
        return 2
    return 1 if has_fast_integers(device_type) else 4


def likes_bfloat16(device_type: str) -> bool:
    """Whether a whole network is best held in bfloat16 on this kind of device."""
    return device_type == "cuda" or has_native_bfloat16(device_type)
