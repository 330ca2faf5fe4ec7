"""Linear layers in whole numbers: int8 weights times activations rounded to int8 as they come, on the CPU.

Each row of x gets a middle and a step of its own, so that what a row gives does not depend on its company, and one
token with a few huge numbers does not make all others coarse (one scale for all tokens of a message moved emotion
probabilities by up to 0.25, one a token by 0.07). Products and sums are exact; rounding is the only error.

The product is oneDNN's, by the op that torch's own compiler emits. It takes unsigned activations: with signed ones the
same op falls back to a scalar loop on processors without AMX, four thousand times slower. `kernels/choose.py` says
where it is fast; `kernels/plain.py` has its truth.
"""

import torch
from torch import Tensor

from kernels.layer import Layer
from kernels.plain import integer_codes

_MIDDLE = 128  # an int8 code q is stored as the unsigned q + 128


class Integer(Layer):
    """y = x @ W.T + bias, W (N, K) rounded to int8 by rows: x (T, K) float32 on the CPU -> (T, N) float32."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        codes, scale = integer_codes(weight)
        self._weight: Tensor = torch.ops.onednn.qlinear_prepack(codes, None)
        self._scale, self._zeros = scale, torch.zeros(len(scale), dtype=torch.int64)
        self._bias = bias.detach().clone()
        self._sums = codes.sum(1) * scale  # (N,): what a row of ones would give

    @property
    def nbytes(self) -> int:
        """Bytes of the weights as they are kept."""
        return self.in_features * self.out_features + sum(t.nbytes for t in (self._scale, self._bias, self._sums))

    def forward(self, x: Tensor) -> Tensor:
        codes, step, middle = rounded(x)
        product = torch.ops.onednn.qlinear_pointwise(
            *(codes, 1.0, _MIDDLE),
            *(self._weight, self._scale, self._zeros),
            *(None, 1.0, 0, torch.float32),
            *("none", [], ""),
        )  # (T, N): codes @ W.T
        return torch.addcmul(torch.addcmul(self._bias, middle, self._sums), product, step)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def rounded(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x (T, K) as uint8 codes (T, K), steps (T, 1) and middles (T, 1): x is about step · (code - 128) + middle."""
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    middle = (low + high).mul_(0.5)
    step = (high - low).mul_(1 / 254).clamp_(min=1e-12)
    codes = (x - middle).div_(step).round_().to(torch.int8)  # to uint8 at once takes six times as long
    return codes.view(torch.uint8).bitwise_xor_(_MIDDLE), step, middle
