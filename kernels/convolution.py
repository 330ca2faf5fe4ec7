"""Convolutions of small networks: on a CPU with the weights in the order of oneDNN's own product.

torch puts a convolution's weights into that order anew with every call. With one small picture at a time that takes as
long as convolving it. Here it is done with the first call for a shape, since the order suits so many pictures of that
size and no others (two pictures in the order for one took 149 ms instead of 56); and what follows a convolution (GELU,
a product, a sum) is done while its numbers are still in the registers. Elsewhere, and where oneDNN cannot, it is
torch's own convolution.

Pictures are (B, C, H, W) in channels_last. A 1 x 1 convolution is a linear layer over each place.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kernels.choose import has_native_bfloat16

_alone = torch.ops.mkldnn._convolution_pointwise.default
_joined = torch.ops.mkldnn._convolution_pointwise.binary

Joining = Literal["add", "mul"]
SHAPES = 2  # that weights are kept for: the one for a face that is wanted now, and the one for a batch


class Convolution(nn.Module):
    """Convolves (B, C, H, W) to (B, N, H / stride, W / stride), its borders padded with zeros.

    weight: (N, C, k, k), k odd; or (N, C), a linear layer; bias: (N,) or none.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, stride: int = 1) -> None:
        super().__init__()
        kernel = weight if weight.ndim == 4 else weight[..., None, None]
        self.weight = nn.Parameter(kernel, requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self._stride, self._padding = [stride] * 2, [kernel.shape[-1] // 2] * 2
        self._packed: dict[torch.Size, Tensor] = {}

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """bias: another one than its own."""
        bias = self.bias if bias is None else bias
        if (weight := self._packed_for(x)) is None:
            return F.conv2d(x, self.weight, bias, self._stride, self._padding)
        y: Tensor = _alone(x, weight, bias, self._padding, self._stride, [1, 1], 1, "none", [], "")
        return y

    def gelu(self, x: Tensor) -> Tensor:
        """With GELU after it, the exact one (Hendrycks & Gimpel, 2016)."""
        if (weight := self._packed_for(x)) is None:
            return F.gelu(self.forward(x))
        y: Tensor = _alone(x, weight, self.bias, self._padding, self._stride, [1, 1], 1, "gelu", [], "none")
        return y

    def joined(self, x: Tensor, rest: Tensor, how: Joining = "add") -> Tensor:
        """Added to `rest`, which is shaped like what comes out, or multiplied by it."""
        if (weight := self._packed_for(x)) is None:
            said = self.forward(x)
            return said + rest if how == "add" else said * rest
        around = (self._padding, self._stride, [1, 1], 1)
        y: Tensor = _joined(x, rest, weight, self.bias, *around, how, None, None, [], None)
        return y

    def _packed_for(self, x: Tensor) -> Tensor | None:
        """The weights in oneDNN's order for pictures of x's shape; None where it does not compute this one."""
        if x.device.type != "cpu" or not is_fast(x.dtype):
            return None
        if (known := self._packed.pop(x.shape, None)) is None:
            places = (self._padding, self._stride, [1, 1], 1, list(x.shape))
            known = torch.ops.mkldnn._reorder_convolution_weight(self.weight.detach(), *places)
            if len(self._packed) == SHAPES:
                del self._packed[next(iter(self._packed))]  # the one that was not used for longest
        self._packed[x.shape] = known
        return known


def is_fast(dtype: torch.dtype) -> bool:
    """Whether oneDNN convolves numbers of this type here as fast as it can: float32, bfloat16 on CPUs that know it."""
    if not torch._C._has_mkldnn:
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and has_native_bfloat16("cpu"))
