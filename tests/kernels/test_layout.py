"""Blocks come apart and together without a changed bit, and mean what the package gguf says they mean."""

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, quants
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kernels.layout import (
    Blocks4,
    codes4,
    halves8,
    join4,
    pack_q4_1,
    pack_q8_0,
    quantize8,
    unpack_q4_0,
    unpack_q4_1,
    unpack_q4_k,
    unpack_q8_0,
)
from kernels.plain import dequantize4, dequantize8

SHAPES = [(1, 32), (3, 64), (17, 96), (64, 576), (576, 1536)]


def quantized(shape: tuple[int, int], kind: GGMLQuantizationType, seed: int = 0) -> Tensor:
    """Random weights quantized by the package gguf: raw rows, (N, bytes of a row) uint8."""
    weights = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(quants.quantize(weights, kind))


@pytest.mark.parametrize("shape", SHAPES)
def test_q4_1_means_what_gguf_says_and_packs_back(shape: tuple[int, int]) -> None:
    raw = quantized(shape, GGMLQuantizationType.Q4_1)
    blocks = unpack_q4_1(raw)
    assert np.array_equal(dequantize4(blocks).numpy(), quants.dequantize(raw.numpy(), GGMLQuantizationType.Q4_1))
    assert torch.equal(pack_q4_1(blocks), raw)


@pytest.mark.parametrize("shape", SHAPES)
def test_q4_0_means_what_gguf_says(shape: tuple[int, int]) -> None:
    raw = quantized(shape, GGMLQuantizationType.Q4_0)
    assert np.array_equal(
        dequantize4(unpack_q4_0(raw)).numpy(), quants.dequantize(raw.numpy(), GGMLQuantizationType.Q4_0)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_q8_0_means_what_gguf_says_and_packs_back(shape: tuple[int, int]) -> None:
    raw = quantized(shape, GGMLQuantizationType.Q8_0)
    blocks = unpack_q8_0(raw)
    assert np.array_equal(dequantize8(blocks).numpy(), quants.dequantize(raw.numpy(), GGMLQuantizationType.Q8_0))
    assert torch.equal(pack_q8_0(blocks), raw)


def test_every_eight_bit_code_is_the_sum_of_its_two_halves() -> None:
    codes = torch.arange(-128, 128).to(torch.int8).reshape(8, 32)
    high, low = (half.to(torch.int16) for half in halves8(codes))
    assert torch.equal(16 * (high - 8) + low, codes.to(torch.int16))
    assert int(high.min()) == int(low.min()) == 0
    assert int(high.max()) == int(low.max()) == 15


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 15), min_size=64, max_size=64))
def test_codes_joined_two_to_a_byte_come_back_in_order(codes: list[int]) -> None:
    matrix = torch.tensor(codes).reshape(2, 32)
    assert codes4(join4(matrix)).tolist() == matrix.tolist()


def test_the_first_half_of_a_block_lies_in_the_low_halves_of_its_bytes() -> None:
    raw = torch.zeros(1, 20, dtype=torch.uint8)
    raw[0, 0:2] = torch.tensor([1.0], dtype=torch.float16).view(torch.uint8)
    raw[0, 4] = 0xA3
    weights = dequantize4(unpack_q4_1(raw))[0]
    assert weights[0] == 3
    assert weights[16] == 10
    assert weights.sum() == 13


@pytest.mark.parametrize("raw", [torch.zeros(2, 19, dtype=torch.uint8), torch.zeros(2, 20), torch.zeros(20)])
def test_rows_that_are_no_whole_blocks_are_refused(raw: Tensor) -> None:
    with pytest.raises(ValueError, match="20-byte blocks"):
        unpack_q4_1(raw)


def test_taking_apart_keeps_the_file_order_of_codes() -> None:
    raw = quantized((4, 64), GGMLQuantizationType.Q4_1)
    blocks = unpack_q4_1(raw)
    assert isinstance(blocks, Blocks4)
    assert torch.equal(blocks.codes[:, :16], raw[:, 4:20])


def test_a_q4_k_matrix_is_the_package_s_own_up_to_the_rounding_of_two_factors() -> None:
    """Every weight is off by at most 2^-11 of its two parts, which is where float16 rounds; measured: 2.4e-4 in all."""
    raw = torch.randint(0, 256, (64, 3, 144), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for place, step in ((0, 0.011), (2, 0.37)):
        raw[..., place : place + 2] = torch.tensor([step], dtype=torch.float16).view(torch.uint8)
    raw = raw.flatten(1)
    truth = torch.from_numpy(quants.dequantize(raw.numpy(), GGMLQuantizationType.Q4_K))
    blocks = unpack_q4_k(raw)
    found = dequantize4(blocks)
    parts = dequantize4(blocks._replace(floor=-blocks.floor))  # |scale·q| + |floor|
    assert ((found - truth).abs() <= parts * 2**-11).all()
    assert (found - truth).norm() / truth.norm() < 3e-4


def test_weights_rounded_to_eight_bits_are_off_by_half_a_step() -> None:
    weights = torch.randn(33, 96, generator=torch.Generator().manual_seed(0))
    weights[3, 32:64] = 0
    blocks = quantize8(weights)
    step = weights.abs().reshape(33, 3, 32).amax(-1).repeat_interleave(32, 1) / 127
    assert ((dequantize8(blocks) - weights).abs() <= step * 0.57).all()  # the step itself is rounded to float16
    assert torch.equal(dequantize8(blocks)[3, 32:64], torch.zeros(32))
