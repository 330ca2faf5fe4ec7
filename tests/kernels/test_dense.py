"""Weights in the processor's own order give the bits that plain ones give."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kernels.choose import has_native_bfloat16
from kernels.dense import Dense, is_fast
from kernels.layer import Floating

pytestmark = pytest.mark.skipif(not is_fast(torch.empty(1, dtype=torch.bfloat16)), reason="no bfloat16 in oneDNN here")


@pytest.mark.parametrize(("height", "width"), [(192, 576), (576, 1536), (33, 48)])
@pytest.mark.parametrize("rows", [1, 2, 7, 64, 130])
@pytest.mark.parametrize("biased", [False, True])
def test_a_dense_layer_is_torchs_own_to_the_last_bit(height: int, width: int, rows: int, biased: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Linear(width, height, bias=biased, dtype=torch.bfloat16)
    x = torch.randn(rows, width, dtype=torch.bfloat16)
    with torch.inference_mode():
        layer = Dense(plain.weight, plain.bias)
        assert torch.equal(layer(x), plain(x))
        assert torch.equal(layer(x[None]), plain(x[None]))


def test_native_is_what_the_processor_multiplies_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for able in (False, True):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"avx2": True, "avx512_bf16": able})
        assert has_native_bfloat16.__wrapped__("cpu") is able  # the answer is remembered otherwise
    assert not has_native_bfloat16("cuda")


def test_only_bfloat16_matrices_are_put_in_order() -> None:
    assert not is_fast(torch.empty(2, 2))
    with pytest.raises(AssertionError, match="bfloat16"):
        Dense(torch.empty(2, 2))


@pytest.mark.parametrize("rows", [1, 34, 130])
@torch.inference_mode()
def test_what_comes_after_the_product_is_part_of_it(rows: int) -> None:
    """In one pass nothing is rounded between the product and what follows: the float32 truth, rounded once."""
    torch.manual_seed(0)
    plain = nn.Linear(384, 256, dtype=torch.bfloat16)
    x, rest = torch.randn(rows, 384, dtype=torch.bfloat16), torch.randn(rows, 256, dtype=torch.bfloat16)
    layer, exact = Dense(plain.weight, plain.bias, 32), F.linear(x.float(), plain.weight.float(), plain.bias.float())
    torch.testing.assert_close(layer.gelu(x).float(), F.gelu(exact), atol=4e-3, rtol=8e-3)
    torch.testing.assert_close(layer.plus(x, rest).float(), exact + rest.float(), atol=4e-3, rtol=8e-3)


@torch.inference_mode()
def test_a_layer_without_such_a_product_does_one_after_the_other() -> None:
    torch.manual_seed(0)
    plain, x, rest = nn.Linear(24, 16), torch.randn(5, 24), torch.randn(5, 16)
    layer, before = Floating(plain.weight, plain.bias), rest.clone()
    assert torch.equal(layer.gelu(x), F.gelu(plain(x)))
    assert torch.equal(layer.plus(x, rest), plain(x) + rest) and torch.equal(rest, before)
