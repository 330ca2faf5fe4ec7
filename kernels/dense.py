"""Dense linear layers in bfloat16 on the CPU, their weights in the order of oneDNN's own product.

torch puts a bfloat16 matrix into that order anew for every product, which takes as long as multiplying a few rows by
it. Here it is done once. Measured on one Zen 5 core, one row: (3072, 576) 138 us before and 67 us so, (49152, 576)
6.0 ms and 3.5 ms, with the same bits. A row alone may be summed in another order than beside others (1,536 columns and
no bias are; 576 are not), which a bfloat16 shows in its last bit now and then.
"""

from functools import cache

import torch
from torch import Tensor

from kernels.layer import Layer

_product = torch.ops.mkldnn._linear_pointwise.default
_sum = torch.ops.mkldnn._linear_pointwise.binary


def is_fast(weight: Tensor) -> bool:
    """Whether this matrix can be a `Dense`: bfloat16, on a CPU that oneDNN multiplies it on."""
    return weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and _knows_bfloat16()


@cache
def _knows_bfloat16() -> bool:
    return bool(torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Dense(Layer):
    """y = x @ W.T + bias, W (N, K) bfloat16 on the CPU: x (..., K) bfloat16 -> (..., N). rows: how many x often has."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None, rows: int = 1) -> None:
        super().__init__()
        assert is_fast(weight), "Dense is for bfloat16 matrices on CPUs that oneDNN knows"
        self.out_features, self.in_features = weight.shape
        self._weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)
        self.register_buffer("bias", bias)

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _product(x, self._weight, self.bias, "none", [], "")
        return y

    def gelu(self, x: Tensor) -> Tensor:
        y: Tensor = _product(x, self._weight, self.bias, "gelu", [], "none")  # "none": not the tanh approximation
        return y

    def plus(self, x: Tensor, rest: Tensor) -> Tensor:
        y: Tensor = _sum(x, rest, self._weight, self.bias, "add")
        return y

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
