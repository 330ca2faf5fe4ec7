"""What a network asks of a linear layer: alone, with a GELU after it, or added to something; and the plain one.

Layers with a product that does more at once (`kernels/dense.py`) say so by overriding; the others do one after the
other. It does not know whose layers they are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Layer(nn.Module):
    """y = x @ W.T + bias: x (T, K) -> (T, N), both of `dtype`."""

    @property
    def dtype(self) -> torch.dtype:
        """The numbers it takes and gives."""
        return torch.float32

    def gelu(self, x: Tensor) -> Tensor:
        """The layer with GELU after it, the exact one (Hendrycks & Gimpel, 2016)."""
        return F.gelu(self(x))

    def plus(self, x: Tensor, rest: Tensor) -> Tensor:
        """The layer added to `rest` (T, N), which stays as it is."""
        y: Tensor = self(x).add_(rest)
        return y


class Floating(Layer):
    """A linear layer in the precision of its weights, W (N, K) and bias (N,)."""

    _weight: Tensor
    _bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("_weight", weight)
        self.register_buffer("_bias", bias)

    @property
    def dtype(self) -> torch.dtype:
        return self._weight.dtype

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self._weight, self._bias)
