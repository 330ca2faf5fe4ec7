"""Attention on the CPU where every sequence brings one token: the shape of writing replies.

Two batched matrix products in float32 over the keys and values where they lie, and what torch's own attention does in
between, for all sequences at once. Tokens that several sequences share (the trunk of drafts) are multiplied once.

torch's attention in a narrow type looks at FLASH keys at a time, takes each probability relative to the largest score
so far, rounds it to that type and only then weighs the values. This file rounds at the same place, so that a reply is
what transformers would have written: 98 to 99.8 % of the outputs are the same to the last bit, the others differ by
their last bit, for torch's exponential there is itself only good to 20 bits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from inference.cache import Past

FLASH = 512  # keys that torch's CPU attention looks at together
_NOTHING = torch.empty(1)  # what a product is added to, times zero


class Piece(NamedTuple):
    """Keys and values that a run of sequences sees in the same columns of the scores, and where its results belong.

    keys: of every layer, (H', D, n). values: (H', n, D'). query, scores, shares, out: views of the working memory.
    first: whether these sequences see nothing before it.
    """

    keys: Sequence[Tensor]
    values: Sequence[Tensor]
    query: Tensor
    scores: Tensor
    shares: Tensor
    out: Tensor
    first: bool


class Singles:
    """The attention of one forward pass over B sequences that bring one token each.

    pasts: what they continue; all layers of their form are alike. heads: of the queries. dtype: of the queries.
    window: how many tokens a token sees, itself included; None for all.
    """

    def __init__(self, pasts: Sequence[Past], heads: int, dtype: torch.dtype, window: int | None) -> None:
        shape = pasts[0].form.layers[0]
        self._shape, self._group, self._dtype = shape, heads // shape.heads, dtype
        self._pasts, rows = pasts, len(pasts) * self._group
        lows = [0 if window is None else max(0, past.length + 1 - window) for past in pasts]
        width = max(past.length + 1 - low for past, low in zip(pasts, lows, strict=True))
        self._width = width if width <= FLASH else -(-width // FLASH) * FLASH
        self._query = torch.empty(shape.heads, rows, shape.key)
        self._scores = torch.full((shape.heads, rows, self._width), -torch.inf)
        self._shares = torch.empty_like(self._scores)
        self._narrow = torch.empty_like(self._scores, dtype=dtype)
        self._out = torch.empty(shape.heads, rows, shape.value)
        self._places = [self._place(past) for past in pasts]
        self._pieces = list(self._pieces_of(lows))

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """See `Ragged.attend`: query (B, H, D), key (B, H', D), value (B, H', D') -> (B, H, D')."""
        for (keys, values), one_key, one_value in zip(self._places, key, value, strict=True):
            keys[layer].copy_(one_key)
            values[layer].copy_(one_value)
        batch, heads = len(query), self._shape.heads
        self._query.view(heads, batch, self._group, -1).copy_(query.view(batch, heads, self._group, -1).transpose(0, 1))
        for piece in self._pieces:
            torch.baddbmm(_NOTHING, piece.query, piece.keys[layer], beta=0, alpha=scaling, out=piece.scores)
        total = self._weigh()
        for piece in self._pieces:
            torch.baddbmm(piece.out, piece.shares, piece.values[layer], beta=0 if piece.first else 1, out=piece.out)
        out = self._out.div_(total).view(heads, batch, self._group, -1).transpose(0, 1)
        return out.to(self._dtype).reshape(query.shape[0], query.shape[1], -1)

    def _weigh(self) -> Tensor:
        """Scores become shares, (H', B·G, W), as yet not divided by their total, which is returned: (H', B·G, 1)."""
        scores, shares = self._scores, self._shares
        if self._width <= FLASH:
            torch.sub(scores, scores.amax(2, keepdim=True), out=shares).exp_()
            total = shares.sum(2, keepdim=True)
            self._round()
            return total
        blocks = scores.view(*scores.shape[:2], -1, FLASH)
        tops = blocks.amax(3, keepdim=True).cummax(2).values  # (H', B·G, W/FLASH, 1): the largest so far
        torch.sub(blocks, tops, out=shares.view(blocks.shape)).exp_()
        weights = (tops - tops[:, :, -1:]).exp_()
        total = (shares.view(blocks.shape).sum(3, keepdim=True) * weights).sum(2)
        self._round()
        shares.view(blocks.shape).mul_(weights)
        return total

    def _round(self) -> None:
        if self._dtype != torch.float32:
            self._shares.copy_(self._narrow.copy_(self._shares))

    def _place(self, past: Past) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Where the new token's key and value belong, for every layer: (H', D) and (H', D')."""
        past.check(1)
        keys, values = past.stacked()
        return keys[:, :, past.own].unbind(), values[:, :, past.own].unbind()

    def _pieces_of(self, lows: Sequence[int]) -> Iterator[Piece]:
        """The pieces of all sequences; tokens that sequences beside one another share from the first on are one.

        lows: the first token that each sequence sees.
        """
        runs: list[Run] = []
        for row, (past, low) in enumerate(zip(self._pasts, lows, strict=True)):
            for part, count in past.chain(1):
                first, end = max(part.start, low), part.start + count
                before = next((run for run in runs if run.continues(row, part, first, end, low)), None)
                if before is not None:
                    before.rows += 1
                elif first < end:
                    runs.append(Run(part, row, 1, first, end, low))
        return map(self._piece, runs)

    def _piece(self, run: "Run") -> Piece:
        keys, values = run.past.stacked()
        tokens = slice(run.first - run.past.start, run.end - run.past.start)
        rows = slice(run.row * self._group, (run.row + run.rows) * self._group)
        columns = slice(run.first - run.low, run.end - run.low)
        return Piece(
            keys[:, :, tokens].transpose(2, 3).unbind(),
            values[:, :, tokens].unbind(),
            self._query[:, rows],
            self._scores[:, rows, columns],
            self._shares[:, rows, columns],
            self._out[:, rows],
            run.first == run.low,
        )


@dataclass(slots=True)
class Run:
    """Sequences beside one another, `rows` of them from `row` on, that see tokens first..end of a past, and whose
    first column of scores is token `low`."""

    past: Past
    row: int
    rows: int
    first: int
    end: int
    low: int

    def continues(self, row: int, past: Past, first: int, end: int, low: int) -> bool:
        """Whether the next sequence, `row`, sees just these tokens in these columns too."""
        return (past is self.past and row == self.row + self.rows) and (first, end, low) == (
            self.first,
            self.end,
            self.low,
        )
