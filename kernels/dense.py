"""Dense linear layers in bfloat16 on the CPU, their weights in the order of oneDNN's own product.

torch puts a bfloat16 matrix into that order anew for every product, which takes as long as multiplying a few rows by
it. Here it is done once. Measured on one Zen 5 core, one row: (3072, 576) 138 us before and 67 us so, (49152, 576)
6.0 ms and 3.5 ms, with the same bits. A row alone may be summed in another order than beside others (1,536 columns and
no bias are; 576 are not), which a bfloat16 shows in its last bit now and then.
"""

from functools import cache

import torch
from torch import Tensor, nn


def is_fast(weight: Tensor) -> bool:
    """Whether this matrix can be a `Dense`: bfloat16, on a CPU that oneDNN multiplies it on."""
    return weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and _knows_bfloat16()


@cache
def _knows_bfloat16() -> bool:
    return bool(torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Dense(nn.Module):
    """y = x @ W.T + bias, W (N, K) bfloat16 on the CPU: x (..., K) bfloat16 -> (..., N)."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        assert is_fast(weight), "Dense is for bfloat16 matrices on CPUs that oneDNN knows"
        self.out_features, self.in_features = weight.shape
        self._weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), 1)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self.bias, "none", [], "")
        return y

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
