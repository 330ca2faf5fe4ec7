"""Linear layers over GGUF blocks as they are: 4-bit, and 8-bit as the exact sum of two 4-bit ones.

A layer holds its blocks in the file's order until `pack()` is called on a CPU with fast code for it; from then on it
holds the same codes in the order of torch's 4-bit matrix product, and nothing twice. Few rows (decoding) go through
that product; many rows (a prompt) are cheaper dequantised once and multiplied densely; every other device does the
latter. Knows nothing of models: which layers of one are replaced is the loader's choice.
"""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from kernels import plain
from kernels.choose import has_fast_int4
from kernels.layout import BLOCK, Blocks4, Blocks8, codes4, halves8, join4, joined8

# Above this many rows dequantising and a dense product beat the 4-bit product. Measured on one Zen 5 core for a
# (1536, 576) layer: 96 rows 0.94 ms against 0.97 ms, 128 rows 1.26 against 1.08, 256 rows 2.5 against 1.5.
MANY_ROWS = 96
# The same for an 8-bit (49152, 576) head with its dense form at hand: 4 rows 2.7 ms against 3.4, 8 rows 5.3 and 3.9.
MANY_ROWS_DENSE = 5

TILE_ROWS = {"AVX2": 32, "AVX512": 64}  # rows that torch's 4-bit product keeps together, by the processor
PRODUCT_ROWS = 64  # packed matrices have a multiple of this many rows: whole tiles, whatever the processor
AT_ONCE = 2048  # rows packed at a time; they stay in the processor's cache

_in_product_order = torch.ops.aten._convert_weight_to_int4pack_for_cpu  # (N, K) int32 -> (N, K/2) uint8


class Linear4(nn.Module):
    """y = x @ W.T + bias, W (N, K) in 4-bit blocks: x (..., K) -> (..., N), in x's dtype. K is a multiple of 32."""

    def __init__(self, blocks: Blocks4, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("codes", blocks.codes)  # (N, K/2) uint8, None once packed
        self.register_buffer("scale", blocks.scale)  # (N, K/32) float16, None once packed
        self.register_buffer("floor", blocks.floor)  # (N, K/32) float16, None once packed
        self.register_buffer("bias", bias)  # (N) or None
        self.out_features, self.in_features = blocks.codes.shape[0], blocks.codes.shape[1] * 2
        self._packed: Packed4 | None = None

    @property
    def blocks(self) -> Blocks4:
        """The weights as they are multiplied: once packed, the file's codes with scales that bfloat16 has rounded."""
        if self._packed is not None:
            return self._packed.blocks
        return Blocks4(self.get_buffer("codes"), self.get_buffer("scale"), self.get_buffer("floor"))

    @property
    def packed(self) -> "Packed4 | None":
        """The fast form, once there is one."""
        return self._packed

    def pack(self) -> None:
        """Take on the fast form; without one on this device nothing happens and the layer stays plain."""
        if self._packed is None and has_fast_int4(self.get_buffer("codes").device.type):
            blocks = self.blocks
            self._packed = Packed4(lambda some: codes4(blocks.codes[some]), blocks.scale.float(), centre(blocks))
            self.codes = self.scale = self.floor = None

    def forward(self, x: Tensor) -> Tensor:
        bias: Tensor | None = self.bias  # type: ignore[assignment]  # a buffer that may be None
        if x.dtype != torch.bfloat16:
            return plain.linear4(x, self.blocks, bias)
        if self._packed is None:
            return nn.functional.linear(x, centred(self.blocks), bias)
        y = self._packed(x) if rows(x) <= MANY_ROWS else x @ self._packed.dequantized()
        return y if bias is None else y + bias

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, packed={self._packed is not None}"


class Linear8(nn.Module):
    """y = x @ W.T + bias, W (V, K) in 8-bit blocks: x (..., K) -> (..., V), in x's dtype. K is a multiple of 32.

    `dense`, if given, is the same matrix in bfloat16 that somebody keeps anyway (a tied embedding); many rows use it.
    """

    def __init__(self, blocks: Blocks8, dense: Tensor | None = None, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("codes", blocks.codes)  # (V, K) int8, None once packed
        self.register_buffer("scale", blocks.scale)  # (V, K/32) float16, None once packed
        self.register_buffer("dense", dense, persistent=False)  # (V, K) bfloat16 or None
        self.register_buffer("bias", bias)  # (V) or None
        self.out_features, self.in_features = blocks.codes.shape
        self._packed: tuple[Packed4, Packed4] | None = None

    @property
    def blocks(self) -> Blocks8:
        """The weights as they are multiplied: once packed, the file's codes with scales that bfloat16 has rounded."""
        if self._packed is not None:
            high, low = (half.blocks for half in self._packed)
            return Blocks8(joined8(codes4(high.codes), codes4(low.codes)), low.scale)
        return Blocks8(self.get_buffer("codes"), self.get_buffer("scale"))

    def pack(self) -> None:
        """Take on the fast form; without one on this device nothing happens and the layer stays plain."""
        if self._packed is None and has_fast_int4(self.get_buffer("codes").device.type):
            codes, scale = self.blocks.codes, self.blocks.scale.float()
            high = Packed4(lambda some: halves8(codes[some])[0], 16 * scale, 0 * scale)
            self._packed = high, Packed4(lambda some: halves8(codes[some])[1], scale, 8 * scale)
            self.codes = self.scale = None

    def forward(self, x: Tensor) -> Tensor:
        bias: Tensor | None = self.bias  # type: ignore[assignment]  # a buffer that may be None
        y = self._product(x)
        return y if bias is None else y + bias

    def _product(self, x: Tensor) -> Tensor:
        dense: Tensor | None = self.dense  # type: ignore[assignment]  # a buffer that may be None
        few = rows(x) <= (MANY_ROWS if dense is None else MANY_ROWS_DENSE)
        if self._packed is not None and x.dtype == torch.bfloat16 and few:
            high, low = self._packed
            return high(x) + low(x)
        if dense is not None and x.dtype == dense.dtype:
            return nn.functional.linear(x, dense)
        return plain.linear8(x, self.blocks)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, packed={self._packed is not None}"


class Packed4:
    """Codes and (scale, centre) pairs in the order of torch's CPU product: weight = (q - 8)·scale + centre, bfloat16.

    The order of the codes depends on the processor, so this form is made at load and never stored: tiles of 64 rows
    (AVX-512) or 32 (AVX2), column by column; a byte holds row i of its tile low and row i + half a tile high.
    Source: `weight_to_int4pack_kernel` in torch's aten/src/ATen/native/cpu/int4mm_kernel.cpp.
    """

    def __init__(self, codes: Callable[[slice], Tensor], scale: Tensor, centre: Tensor) -> None:
        """codes: for some rows of (N, K), uint8 of 0..15; scale and centre, the weight of code 8, (N, K/32) float32."""
        self.out_features = len(scale)
        missing = -self.out_features % PRODUCT_ROWS
        width = scale.shape[1] * BLOCK
        self.codes = torch.empty(self.out_features + missing, width // 2, dtype=torch.uint8)
        for start in range(0, self.out_features, AT_ONCE):  # torch wants every code as an int32: some rows at a time
            some = codes(slice(start, start + AT_ONCE))
            some = nn.functional.pad(some, (0, 0, 0, -len(some) % PRODUCT_ROWS))
            self.codes[start : start + len(some)] = _in_product_order(some.to(torch.int32), 1)
        pairs = torch.empty(width // BLOCK, self.out_features + missing, 2, dtype=torch.bfloat16)
        pairs[:, : self.out_features, 0], pairs[:, : self.out_features, 1] = scale.T, centre.T
        pairs[:, self.out_features :] = 0
        self.pairs = pairs  # (K/32, N, 2)

    @property
    def is_whole(self) -> bool:
        """Whether the matrix is made of whole tiles, nothing padded."""
        return self.out_features == len(self.codes)

    @classmethod
    def joined(cls, parts: "Sequence[Packed4]") -> Self:
        """One product that gives the outputs of several beside one another; all of them whole tiles wide.

        Codes and pairs move into one tensor each, of which the parts keep views: nothing is held twice.
        """
        assert all(part.is_whole for part in parts), "padded matrices cannot be joined"
        joined, sizes = cls.__new__(cls), [part.out_features for part in parts]
        joined.out_features = sum(sizes)
        joined.codes = torch.cat([part.codes for part in parts])
        joined.pairs = torch.cat([part.pairs for part in parts], 1)
        views = zip(torch.split(joined.codes, sizes), torch.split(joined.pairs, sizes, 1), strict=True)
        for part, (codes, pairs) in zip(parts, views, strict=True):
            part.codes, part.pairs = codes, pairs
        return joined

    def __call__(self, x: Tensor) -> Tensor:
        """x (..., K) bfloat16 -> (..., N) bfloat16."""
        if x.ndim != 2:
            return self(x.reshape(-1, x.shape[-1])).view(*x.shape[:-1], self.out_features)
        pairs = self.pairs.contiguous()  # copied in parts of a joined product, which nobody multiplies by in earnest
        y: Tensor = torch._weight_int4pack_mm_for_cpu(x, self.codes, BLOCK, pairs)
        return y if y.shape[1] == self.out_features else y[:, : self.out_features]

    def dequantized(self) -> Tensor:
        """The matrix transposed, (K, N) bfloat16, rounded as the product rounds it."""
        tile = TILE_ROWS[torch.backends.cpu.get_cpu_capability()]
        bytes_ = self.codes.view(-1, 2 * self.codes.shape[1], tile // 2).transpose(0, 1).contiguous()
        weights = torch.empty(len(bytes_), bytes_.shape[1], 2, tile // 2, dtype=torch.bfloat16)  # (K, tiles, 2, rows/2)
        weights[:, :, 0], weights[:, :, 1] = bytes_ & 15, bytes_ >> 4
        blocks = weights.view(-1, BLOCK, len(self.codes))  # (K/32, 32, N)
        scale, middle = self.pairs.permute(2, 0, 1).contiguous().unsqueeze(2)  # (K/32, 1, N) each
        blocks.sub_(8).mul_(scale).add_(middle)
        return blocks.flatten(0, 1)[:, : self.out_features]

    @property
    def blocks(self) -> Blocks4:
        """The same weights in the file's order; scale and floor are float32, so that nothing is rounded again."""
        tile = TILE_ROWS[torch.backends.cpu.get_cpu_capability()]
        tiles = self.codes.view(-1, 2 * self.codes.shape[1], tile // 2)  # (tiles, K, rows / 2)
        codes = torch.cat([tiles & 15, tiles >> 4], 2).transpose(1, 2).flatten(0, 1)  # (N, K)
        scale, middle = self.pairs[:, : self.out_features].float().permute(2, 1, 0)
        return Blocks4(join4(codes[: self.out_features]), scale, middle - 8 * scale)


def held_bytes4(rows: int, columns: int, device_type: str) -> int:
    """Bytes that a Linear4 of (rows, columns) keeps, its bias left out."""
    if has_fast_int4(device_type):
        rows += -rows % PRODUCT_ROWS
    return rows * columns // 2 + rows * columns // BLOCK * 4


def held_bytes8(rows: int, columns: int, device_type: str) -> int:
    """Bytes that a Linear8 of (rows, columns) keeps, what it shares with an embedding left out."""
    if has_fast_int4(device_type):
        return 2 * held_bytes4(rows, columns, device_type)
    return rows * columns + rows * columns // BLOCK * 2


def centre(blocks: Blocks4) -> Tensor:
    """The weight of code 8, in float32: (N, K/32). Near zero, so rounding it to bfloat16 costs least."""
    return blocks.floor.float() + 8 * blocks.scale.float()


def centred(blocks: Blocks4) -> Tensor:
    """The matrix (N, K) in bfloat16, rounded as the packed product rounds it, so that a prompt and a decode agree."""
    codes = codes4(blocks.codes).reshape(*blocks.scale.shape, BLOCK).to(torch.bfloat16)
    scale, middle = blocks.scale.to(torch.bfloat16), centre(blocks).to(torch.bfloat16)
    return codes.sub_(8).mul_(scale.unsqueeze(-1)).add_(middle.unsqueeze(-1)).flatten(1)


def rows(x: Tensor) -> int:
    """How many vectors x (..., K) holds."""
    return x.numel() // x.shape[-1]
