"""oneDNN's packed convolution against torch's own."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kernels.convolution import Convolution, is_fast


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    ("batch", "inputs", "outputs", "kernel", "stride", "side"),
    [(1, 16, 32, 3, 1, 8), (3, 7, 5, 3, 2, 9), (2, 33, 48, 1, 1, 7), (1, 24, 24, 5, 1, 6)],
)
@torch.inference_mode()
def test_it_convolves_as_torch_does(
    dtype: torch.dtype, batch: int, inputs: int, outputs: int, kernel: int, stride: int, side: int
) -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(outputs, inputs, kernel, kernel) / inputs**0.5 / kernel, torch.randn(outputs)
    weight, bias = weight.to(dtype), bias.to(dtype)
    layer = Convolution(weight, bias, stride)
    for rows in (batch, batch + 1, batch, batch + 2, batch + 1):  # packed for each, the oldest forgotten
        x = torch.randn(rows, inputs, side, side).to(dtype).contiguous(memory_format=torch.channels_last)
        expected = F.conv2d(x.double(), weight.double(), bias.double(), stride, kernel // 2)
        rest, other = torch.randn_like(expected).to(dtype), torch.randn(outputs).to(dtype)

        def near(found: Tensor, wanted: Tensor) -> bool:
            return torch.allclose(found.double(), wanted, atol=0.06 if dtype == torch.bfloat16 else 1e-5, rtol=0.02)

        assert near(layer(x), expected)
        assert near(layer(x, other), expected - (bias - other).double()[:, None, None])
        assert near(layer.gelu(x), F.gelu(expected))
        assert near(layer.joined(x, rest), expected + rest.double())
        assert near(layer.joined(x, rest, "mul"), expected * rest.double())
        assert layer(x).is_contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def test_a_matrix_is_a_linear_layer_at_each_place() -> None:
    weight, x = torch.randn(6, 4), torch.randn(2, 4, 3, 3).contiguous(memory_format=torch.channels_last)
    found = Convolution(weight)(x).permute(0, 2, 3, 1)
    assert torch.allclose(found, F.linear(x.permute(0, 2, 3, 1), weight), atol=1e-5)


def test_numbers_that_onednn_does_not_know_are_torchs() -> None:
    assert not is_fast(torch.float64) and is_fast(torch.float32) == bool(torch._C._has_mkldnn)
