"""How GGUF files lay out 4- and 8-bit weights, and how to take the blocks apart and put them together again.

A matrix of shape (N, K), K a multiple of 32, is N rows of K/32 blocks; a block holds 32 neighbours of one row. A file
stores the row as bytes, so a raw matrix is uint8 of shape (N, K/32 · block bytes). Numbers are little-endian.

    Q4_1  20 bytes   d: float16 · m: float16 · 16 bytes of codes          weight = d·q + m           q in 0..15
    Q4_0  18 bytes   d: float16 · 16 bytes of codes                       weight = d·(q - 8)         q in 0..15
    Q8_0  34 bytes   d: float16 · 32 signed bytes                         weight = d·q               q in -128..127

In these 4-bit formats byte i of a block holds code i in its low half and code i + 16 in its high half.

A super-block of Q4_K holds eight blocks of 32, so K is a multiple of 256; scale s and floor f are 6-bit integers:

    Q4_K 144 bytes   d: float16 · m: float16 · 12 bytes of s and f · 128 bytes of codes     weight = d·s·q - m·f

Taken apart, a 4-bit matrix is `Blocks4`: codes as in the file, (N, K/2) uint8, and per block `scale` and `floor`, both
(N, K/32) float16, so that weight = scale·q + floor for either format. An 8-bit matrix is `Blocks8`.

Source: the ggml block structs `block_q4_0`, `block_q4_1`, `block_q8_0`, `block_q4_K` (ggml-common.h) and
`get_scale_min_k4` (ggml-quants.c), as read by the package gguf.
"""

from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 32  # weights in a block
Q4_0_BYTES, Q4_1_BYTES, Q8_0_BYTES, Q4_K_BYTES = 18, 20, 34, 144


class Blocks4(NamedTuple):
    """A 4-bit matrix (N, K) taken apart: weight = scale·q + floor."""

    codes: Tensor  # (N, K/2) uint8, two codes a byte, in file order
    scale: Tensor  # (N, K/32) float16
    floor: Tensor  # (N, K/32) float16


class Blocks8(NamedTuple):
    """An 8-bit matrix (N, K) taken apart: weight = scale·q."""

    codes: Tensor  # (N, K) int8
    scale: Tensor  # (N, K/32) float16


def unpack_q4_1(raw: Tensor) -> Blocks4:
    """Raw (N, K/32·20) uint8 -> Blocks4; nothing is rounded."""
    blocks = _blocks(raw, Q4_1_BYTES)
    return Blocks4(blocks[..., 4:].flatten(1), _half(blocks[..., 0:2]), _half(blocks[..., 2:4]))


def pack_q4_1(blocks: Blocks4) -> Tensor:
    """Blocks4 -> raw (N, K/32·20) uint8: the inverse of `unpack_q4_1`."""
    codes = blocks.codes.reshape(len(blocks.codes), -1, BLOCK // 2)
    return torch.cat([_bytes(blocks.scale), _bytes(blocks.floor), codes], dim=-1).flatten(1)


def unpack_q4_0(raw: Tensor) -> Blocks4:
    """Raw (N, K/32·18) uint8 -> Blocks4. floor = -8·scale, exact in float16 unless |scale| > 8188."""
    blocks = _blocks(raw, Q4_0_BYTES)
    scale = _half(blocks[..., 0:2])
    return Blocks4(blocks[..., 2:].flatten(1), scale, scale * -8)


def unpack_q4_k(raw: Tensor) -> Blocks4:
    """Raw (N, K/256·144) uint8 -> Blocks4. d·s and m·f are rounded to float16, by 2^-11 of themselves at most."""
    blocks = _blocks(raw, Q4_K_BYTES)  # (N, K/256, 144)
    scale, floor = _half(blocks[..., 0:2]).float(), _half(blocks[..., 2:4]).float()
    low, high, top = blocks[..., 4:8], blocks[..., 8:12], blocks[..., 12:16]  # four bytes each
    steps = torch.cat([low & 63, (top & 15) | (low >> 6 << 4)], -1)  # (N, K/256, 8)
    floors = torch.cat([high & 63, (top >> 4) | (high >> 6 << 4)], -1)
    pairs = blocks[..., 16:].reshape(
        *blocks.shape[:2], 4, 1, BLOCK
    )  # 32 bytes hold the codes of two blocks, low and high
    codes = torch.cat([pairs & 15, pairs >> 4], -2).flatten(1)  # (N, K)
    return Blocks4(
        join4(codes),
        (scale.unsqueeze(-1) * steps).half().flatten(1),
        (-floor.unsqueeze(-1) * floors).half().flatten(1),
    )


def quantize8(weights: Tensor) -> Blocks8:
    """(N, K) -> the nearest Blocks8: every block's largest weight becomes 127; errors are about half a step at most."""
    blocks = weights.float().reshape(len(weights), -1, BLOCK)
    scale = (blocks.abs().amax(-1) / 127).half()
    steps = torch.where(scale > 0, 1 / scale.float(), 0)
    codes = (blocks * steps.unsqueeze(-1)).round_().clamp_(-127, 127)
    return Blocks8(codes.to(torch.int8).flatten(1), scale)


def unpack_q8_0(raw: Tensor) -> Blocks8:
    """Raw (N, K/32·34) uint8 -> Blocks8; nothing is rounded."""
    blocks = _blocks(raw, Q8_0_BYTES)
    return Blocks8(blocks[..., 2:].contiguous().view(torch.int8).flatten(1), _half(blocks[..., 0:2]))


def pack_q8_0(blocks: Blocks8) -> Tensor:
    """Blocks8 -> raw (N, K/32·34) uint8: the inverse of `unpack_q8_0`."""
    codes = blocks.codes.contiguous().view(torch.uint8).reshape(len(blocks.codes), -1, BLOCK)
    return torch.cat([_bytes(blocks.scale), codes], dim=-1).flatten(1)


def codes4(codes: Tensor) -> Tensor:
    """The codes of a 4-bit matrix one by one, in column order: (N, K/2) uint8 -> (N, K) uint8 of 0..15."""
    halves = codes.reshape(len(codes), -1, 1, BLOCK // 2)  # (N, K/32, 1, 16)
    return torch.cat([halves & 15, halves >> 4], dim=2).flatten(1)


def join4(codes: Tensor) -> Tensor:
    """The inverse of `codes4`: (N, K) of 0..15 -> (N, K/2) uint8."""
    low, high = codes.to(torch.uint8).reshape(len(codes), -1, 2, BLOCK // 2).unbind(2)
    return (low | high << 4).flatten(1)


def halves8(codes: Tensor) -> tuple[Tensor, Tensor]:
    """8-bit codes (V, K) int8 as two 4-bit ones (high, low), each (V, K) uint8 of 0..15: q = 16·(high - 8) + low.

    This is how 8-bit weights run on 4-bit arithmetic without being rounded a second time.
    """
    shifted = codes.view(torch.uint8) ^ 128  # q + 128, without a wider type
    return shifted >> 4, shifted & 15


def joined8(high: Tensor, low: Tensor) -> Tensor:
    """The inverse of `halves8`: two (V, K) uint8 of 0..15 -> (V, K) int8."""
    return ((high << 4 | low) ^ 128).view(torch.int8)


def _blocks(raw: Tensor, size: int) -> Tensor:
    """(N, blocks·size) uint8 -> (N, blocks, size); a row that is no whole number of blocks is a ValueError."""
    if raw.dtype != torch.uint8 or raw.dim() != 2 or raw.shape[1] % size:
        raise ValueError(f"expected rows of {size}-byte blocks as uint8, got {tuple(raw.shape)} {raw.dtype}")
    return raw.reshape(len(raw), -1, size)


def _half(two_bytes: Tensor) -> Tensor:
    """(N, blocks, 2) uint8 -> (N, blocks) float16."""
    return two_bytes.contiguous().view(torch.float16).squeeze(-1)


def _bytes(numbers: Tensor) -> Tensor:
    """(N, blocks) float16 -> (N, blocks, 2) uint8."""
    return numbers.to(torch.float16).contiguous().unsqueeze(-1).view(torch.uint8)
