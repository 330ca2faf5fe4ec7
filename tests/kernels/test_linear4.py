"""The packed layers give what their blocks dequantised give, for any number of rows, bias or none."""

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from kernels import plain
from kernels.choose import has_fast_int4
from kernels.layout import Blocks4, Blocks8, join4
from kernels.linear4 import (
    MANY_ROWS,
    MANY_ROWS_DENSE,
    Linear4,
    Linear8,
    Packed4,
    centred,
    held_bytes4,
    held_bytes8,
)

SHAPES = [(576, 576), (192, 576), (1536, 576), (576, 1536), (33, 32), (7, 64)]  # odd heights: no vector fits
ROWS = [1, 2, 3, 17, MANY_ROWS, MANY_ROWS + 1]


def blocks4(shape: tuple[int, int], seed: int = 0) -> Blocks4:
    draw = torch.Generator().manual_seed(seed)
    codes = join4(torch.randint(0, 16, shape, generator=draw))
    scale = torch.rand(shape[0], shape[1] // 32, generator=draw) * 0.02
    return Blocks4(codes, scale.half(), (scale * -7.5).half())


def blocks8(shape: tuple[int, int], seed: int = 0) -> Blocks8:
    draw = torch.Generator().manual_seed(seed)
    codes = torch.randint(-127, 128, shape, generator=draw).to(torch.int8)
    return Blocks8(codes, (torch.rand(shape[0], shape[1] // 32, generator=draw) * 1e-3).half())


def activations(rows: int, width: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(1)).to(dtype)


def relative_error(got: Tensor, want: Tensor) -> float:
    return ((got.float() - want).norm() / want.norm()).item()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", ROWS)
def test_four_bit_layer_agrees_with_its_blocks_in_float32(shape: tuple[int, int], rows: int) -> None:
    blocks, x = blocks4(shape), activations(rows, shape[1])
    layer = Linear4(blocks)
    layer.pack()
    assert relative_error(layer(x), plain.linear4(x.float(), blocks)) < 6e-3  # bfloat16 keeps 2^-8 = 4e-3


@pytest.mark.parametrize("shape", [(576, 64), (49, 96), (1000, 576)])
@pytest.mark.parametrize("rows", [1, 3, 17])
def test_eight_bit_layer_agrees_with_its_blocks_in_float32(shape: tuple[int, int], rows: int) -> None:
    blocks, x = blocks8(shape), activations(rows, shape[1])
    layer = Linear8(blocks)
    layer.pack()
    assert relative_error(layer(x), plain.linear8(x.float(), blocks)) < 6e-3


def test_many_rows_of_an_eight_bit_layer_use_the_dense_matrix_at_hand() -> None:
    blocks = blocks8((64, 96))
    dense = torch.randn(64, 96, dtype=torch.bfloat16)  # another matrix on purpose: it shows which one was used
    layer = Linear8(blocks, dense)
    layer.pack()
    few, many = activations(MANY_ROWS_DENSE, 96), activations(MANY_ROWS_DENSE + 1, 96)
    assert relative_error(layer(few), plain.linear8(few.float(), blocks)) < 6e-3
    assert torch.equal(layer(many), nn.functional.linear(many, dense))


def test_bias_is_added_on_every_path() -> None:
    bias = torch.arange(48, dtype=torch.bfloat16)
    layer = Linear4(blocks4((48, 64)), bias)
    without = Linear4(blocks4((48, 64)))
    for pack in (False, True):
        if pack:
            layer.pack()
            without.pack()
        for x in (activations(2, 64), activations(MANY_ROWS + 5, 64)):
            assert torch.allclose(layer(x), without(x) + bias, atol=0.25)  # bfloat16 near 48 steps by 0.25


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_other_dtypes_are_multiplied_plainly(dtype: torch.dtype) -> None:
    layer, x = Linear4(blocks4((48, 64))), activations(3, 64, dtype)
    layer.pack()
    assert layer(x).dtype == dtype
    assert torch.equal(layer(x), plain.linear4(x, layer.blocks))


def test_leading_dimensions_are_kept() -> None:
    layer = Linear4(blocks4((48, 64)))
    layer.pack()
    x = activations(6, 64)
    assert torch.equal(layer(x.view(2, 3, 64)), layer(x).view(2, 3, 48))


def test_prompt_and_decode_multiply_by_the_same_weights_up_to_one_rounding() -> None:
    blocks = blocks4((192, 576))
    layer = Linear4(blocks)
    layer.pack()
    x = torch.eye(576, dtype=torch.bfloat16)
    by_decode = torch.cat([layer(x[i : i + 8]) for i in range(0, 576, 8)])
    assert relative_error(by_decode, centred(blocks).T.float()) < 4e-3
    assert torch.equal(layer(x), centred(blocks).T)  # many rows: the very numbers


def test_blocks_survive_the_state_dict() -> None:
    layer = Linear4(blocks4((48, 64)))
    other = Linear4(blocks4((48, 64), seed=9))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(plain.dequantize4(other.blocks), plain.dequantize4(layer.blocks))


needs_fast = pytest.mark.skipif(not has_fast_int4("cpu"), reason="this processor has no fast 4-bit product")


@needs_fast
def test_a_matrix_packed_a_few_rows_at_a_time_is_the_matrix_packed_at_once() -> None:
    codes = torch.randint(0, 16, (5000, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    ones = torch.ones(5000, 2)
    at_once = torch.ops.aten._convert_weight_to_int4pack_for_cpu(
        nn.functional.pad(codes, (0, 0, 0, 56)).to(torch.int32), 1
    )
    assert torch.equal(Packed4(lambda some: codes[some], ones, ones).codes, at_once)


@needs_fast
@pytest.mark.parametrize("shape", [*SHAPES, (2049, 64)])
def test_a_packed_layer_keeps_its_codes_and_nothing_twice(shape: tuple[int, int]) -> None:
    for blocks, make, held in ((blocks4(shape), Linear4, held_bytes4), (blocks8(shape), Linear8, held_bytes8)):
        layer = make(blocks)
        assert sum(value.nbytes for value in layer.state_dict().values()) == held(*shape, "other")
        layer.pack()
        assert layer.state_dict() == {}
        parts = layer._packed if isinstance(layer._packed, tuple) else (layer._packed,)
        assert sum(part.codes.nbytes + part.pairs.nbytes for part in parts) == held(*shape, "cpu")
        assert torch.equal(layer.blocks.codes, blocks.codes)
        assert torch.equal(layer.blocks.scale, blocks.scale.bfloat16().float())
        layer.pack()  # a second time changes nothing
        assert torch.equal(layer.blocks.codes, blocks.codes)


@needs_fast
@pytest.mark.parametrize("capability", ["avx2", "avx512"])
def test_the_order_of_every_processor_is_known(capability: str) -> None:
    """The same on the other kind of processor, as far as this one can play it."""
    code = (
        "import torch; from tests.kernels.test_linear4 import *; layer = Linear4(blocks4((200, 64))); layer.pack();"
        "assert torch.equal(layer.blocks.codes, blocks4((200, 64)).codes);"
        "assert torch.equal(layer._packed.dequantized(), centred(blocks4((200, 64))).T);"
        "print(torch.backends.cpu.get_cpu_capability())"
    )
    env = os.environ | {"ATEN_CPU_CAPABILITY": capability}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("rows", [1, 5, MANY_ROWS])
def test_a_joined_product_is_its_parts_beside_one_another_to_the_last_bit(rows: int) -> None:
    layers = [Linear4(blocks4((height, 96), seed)) for seed, height in enumerate((192, 64, 64))]
    for layer in layers:
        layer.pack()
    packs = [layer.packed for layer in layers if layer.packed is not None]
    if not packs:
        pytest.skip("this processor has no fast 4-bit product")
    x = activations(rows, 96)
    expected = torch.cat([layer(x) for layer in layers], 1)
    joined = Packed4.joined(packs)
    assert torch.equal(joined(x), expected)
    assert torch.equal(torch.cat([layer(x) for layer in layers], 1), expected)  # the parts still work, as views
    assert packs[1].codes.untyped_storage().data_ptr() == joined.codes.untyped_storage().data_ptr()


def test_a_row_is_the_same_bits_whatever_rows_are_multiplied_with_it() -> None:
    layer, x = Linear4(blocks4((192, 576))), activations(16, 576)
    layer.pack()
    alone = torch.cat([layer(row[None]) for row in x])
    for count in (2, 3, 4, 7, 16):
        assert torch.equal(layer(x[:count]), alone[:count])
