"""Weights in the processor's own order give the bits that plain ones give."""

import pytest
import torch
from torch import nn

from kernels.dense import Dense, is_fast

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


def test_only_bfloat16_matrices_are_put_in_order() -> None:
    assert not is_fast(torch.empty(2, 2))
    with pytest.raises(AssertionError, match="bfloat16"):
        Dense(torch.empty(2, 2))
