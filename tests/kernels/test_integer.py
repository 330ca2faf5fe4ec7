"""Products in whole numbers mean what plain torch says they mean."""

import pytest
import torch

from kernels import plain
from kernels.choose import has_fast_integers
from kernels.integer import Integer, rounded

pytestmark = pytest.mark.skipif(not has_fast_integers("cpu"), reason="this processor has no VNNI")

ROWS = [1, 2, 7, 33, 130]


def _x(rows: int, width: int) -> torch.Tensor:
    """Rows of very different sizes, one of them far from zero, with an outlier each: like activations."""
    generator = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, width, generator=generator) * torch.logspace(-3, 2, rows)[:, None]
    x[rows // 2] += 50
    x[:, 3] *= 20
    return x


@pytest.mark.parametrize(("height", "width"), [(1152, 384), (384, 1536), (33, 48), (5, 7)])
@pytest.mark.parametrize("rows", ROWS)
def test_a_layer_is_its_truth(height: int, width: int, rows: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(height, width, generator=generator), torch.randn(height, generator=generator)
    x = _x(rows, width)
    with torch.inference_mode():
        got = Integer(weight, bias)(x)
    wanted = plain.integer_linear(x, *plain.integer_codes(weight), bias)
    # A code that lies between two steps may be rounded to either, by the last bit of a division.
    step = (x.amax(-1) - x.amin(-1)) / 254
    assert ((got - wanted).abs() <= 1e-4 * wanted.abs() + 1.01 * step[:, None] * weight.abs().max() + 1e-5).all()
    assert (got - wanted).abs().mean() <= 1e-4 * wanted.abs().mean()


def test_a_rows_bits_do_not_depend_on_its_company() -> None:
    layer = Integer(torch.randn(96, 384), torch.randn(96))
    x = _x(17, 384)
    with torch.inference_mode():
        together = layer(x)
        for i in (0, 8, 16):
            assert torch.equal(layer(x[i : i + 1])[0], together[i])


def test_no_sum_overflows() -> None:
    layer = Integer(torch.full((4, 1536), 3.0), torch.zeros(4))
    x = torch.full((2, 1536), 7.0)
    x[:, 0] = -7.0
    with torch.inference_mode():
        assert layer(x).flatten().tolist() == pytest.approx([3 * 7.0 * 1534] * 8, rel=1e-3)


def test_rows_without_any_spread_and_zeros_stay_what_they_are() -> None:
    x = torch.tensor([[0.0] * 8, [5.0] * 8, [-1e-20] * 8])
    codes, step, middle = rounded(x)
    back = (codes.float() - 128) * step + middle
    torch.testing.assert_close(back, x, atol=1e-9, rtol=1e-6)
    layer = Integer(torch.zeros(3, 8), torch.tensor([1.0, 2.0, 3.0]))
    with torch.inference_mode():
        assert layer(x).tolist() == [[1.0, 2.0, 3.0]] * 3


def test_weights_take_a_byte_each() -> None:
    assert Integer(torch.randn(384, 384), torch.zeros(384)).nbytes < 384 * 384 + 3 * 4 * 384 + 1
