"""Attention where every sequence brings one token: the shape of writing replies.

The queries that share a head of keys lie side by side as if they were so many tokens: torch's CPU attention is 3 to 7
times faster so than asked head by head, and the bits are the same (measured on a Zen 5 core, bfloat16, 9 heads over 3
of 64: 40 keys 42 us and 14 us, 300 keys 289 us and 46 us, 700 keys 653 us and 100 us). A lone query is doubled for the
same reason. What several sequences see of one past (the trunk of drafts) is looked at once for all of them, and then
joined with what each sees of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from inference.cache import Past

# The kernel that scaled_dot_product_attention is on the CPU; it also gives the logarithm of each softmax's sum.
_attention_with_sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


@dataclass(slots=True)
class Piece:
    """Keys and values that sequences beside one another, first..end of them, see alike.

    past: whose they are; tokens low..high of it, counted from the sequence's beginning. level: how many pieces of
    their sequences come before. keys, values: (1, H', n, D) and (1, H', n, D') of every layer.
    """

    past: Past
    low: int
    high: int
    level: int
    first: int
    end: int
    keys: Sequence[Tensor] = ()
    values: Sequence[Tensor] = ()

    def look(self) -> None:
        """Make the views of keys and values, of all layers at once."""
        keys, values = self.past.stacked()
        tokens = slice(self.low - self.past.start, self.high - self.past.start)
        self.keys, self.values = keys[:, None, :, tokens].unbind(), values[:, None, :, tokens].unbind()


class Singles:
    """The attention of one forward pass over B sequences that bring one token each.

    pasts: what they continue; all layers of their form are alike. heads: of the queries. window: how many tokens a
    token sees, itself included; None for all.
    """

    def __init__(self, pasts: Sequence[Past], heads: int, window: int | None) -> None:
        kept = pasts[0].form.layers[0].heads
        self._shape = (kept, heads // kept)  # heads of keys, queries for each
        self._places = [_place(past) for past in pasts]
        pieces = _pieces(pasts, window)
        self._levels = [
            [piece for piece in pieces if piece.level == level] for level in range(1 + max(p.level for p in pieces))
        ]
        self._shared = len(pieces) > len(pasts) or any(piece.end > piece.first + 1 for piece in pieces)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Ragged.attend`: query (B, H, D), key (B, H', D), value (B, H', D') -> (B, H, D')."""
        for number, (keys, values) in enumerate(self._places):
            keys[layer].copy_(key[number])
            values[layer].copy_(value[number])
        batch, heads, width = query.shape
        grouped = query.reshape(batch, *self._shape, width)  # (B, H', G, D)
        if self._shared:
            out = self._joined(layer, grouped, scaling)
        elif batch == 1:
            out = _alone(self._levels[0][0], layer, grouped, scaling)
        else:
            rows = zip(self._levels[0], torch.split(grouped, 1), strict=True)
            out = torch.cat([_alone(piece, layer, row, scaling) for piece, row in rows])
        return out.reshape(batch, heads, -1)

    def _joined(self, layer: int, query: Tensor, scaling: float) -> Tensor:
        """What the sequences see of several pieces each, (B, H', G, D'), each by its share of the softmax's sum."""
        out = sums = torch.empty(0)
        for level, pieces in enumerate(self._levels):
            parts = [_together(piece, layer, query, scaling) for piece in pieces]
            outs, their_sums = (torch.cat(part) for part in zip(*parts, strict=True))
            if level == 0:
                out, sums = outs.float(), their_sums
                continue
            rows = [row for piece in pieces for row in range(piece.first, piece.end)]
            share = torch.sigmoid(their_sums - sums[rows])
            out[rows] = torch.lerp(out[rows], outs.float(), share[..., None])
            sums[rows] = torch.logaddexp(sums[rows], their_sums)
        return out.to(query.dtype)


def _alone(piece: Piece, layer: int, query: Tensor, scaling: float) -> Tensor:
    """One sequence, query (1, H', G, D), whose whole past is one piece: (1, H', G, D')."""
    keys, values = piece.keys[layer], piece.values[layer]
    if query.shape[2] == 1:
        return scaled_dot_product_attention(query.expand(-1, -1, 2, -1), keys, values, scale=scaling)[:, :, :1]
    return scaled_dot_product_attention(query, keys, values, scale=scaling)


def _together(piece: Piece, layer: int, query: Tensor, scaling: float) -> tuple[Tensor, Tensor]:
    """All n sequences that see a piece: (n, H', G, D'), and the logarithms of their softmax's sums (n, H', G)."""
    some = query[piece.first : piece.end]
    count, heads, group, _ = some.shape
    some = some.transpose(0, 1).reshape(1, heads, count * group, -1)
    out, sums = _attention_with_sums(some, piece.keys[layer], piece.values[layer], scale=scaling)
    sums = sums.reshape(heads, count, group)
    return out.view(heads, count, group, -1).transpose(0, 1), sums.transpose(0, 1)


def _place(past: Past) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Where the next token's key and value belong, in every layer: (H', D) and (H', D')."""
    keys, values = past.stacked()
    return keys[:, :, past.own].unbind(), values[:, :, past.own].unbind()


def _pieces(pasts: Sequence[Past], window: int | None) -> list[Piece]:
    """The pieces of all sequences; what sequences beside one another see alike is one piece."""
    pieces: list[Piece] = []
    for row, past in enumerate(pasts):
        nearest = 0 if window is None else max(0, past.length + 1 - window)
        seen = [(part, max(part.start, nearest), part.start + count) for part, count in past.chain(1)]
        for level, (part, low, high) in enumerate(piece for piece in seen if piece[1] < piece[2]):
            before = (piece for piece in pieces if piece.end == row and (piece.low, piece.high) == (low, high))
            shared = next((piece for piece in before if piece.past is part), None)
            if shared is None:
                pieces.append(Piece(part, low, high, level, row, row + 1))
            else:
                shared.end = row + 1
    for piece in pieces:
        piece.look()
    return pieces
