"""Attention over ragged batches: every segment's tokens see their own past, and one another causally.

Many tokens go through torch's attention as transformers asks it, so that a prompt is read to the last bit as
transformers reads it; rows of single tokens through `inference/single.py`.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from inference.cache import Past
from inference.single import Singles


class Span(NamedTuple):
    """The place of one segment's tokens in a ragged row: start..end, and the past they continue."""

    past: Past
    start: int
    end: int


class Ragged:
    """The attention of one forward pass: made for its spans, then asked layer by layer.

    Spans beside one another that share a trunk are looked at together, so that the trunk is read once.
    """

    def __init__(self, spans: Sequence[Span]) -> None:
        self._pasts = [span.past for span in spans]
        groups = groupby(spans, key=lambda span: (id(span.past.trunk or span.past), span.past.start))
        self._groups = [list(group) for _, group in groups]
        self._spans = spans
        form = self._pasts[0].form
        self._single = form.alike and all(end - start == 1 for _, start, end in spans)
        if form.device.type != "cpu":  # elsewhere no attention gives the sums that joining a trunk takes
            self._single = self._single and not any(past.trunk for past in self._pasts)
        self._singles: dict[int | None, Singles] = {}
        self._masks: dict[tuple[int, int | None], Tensor | None] = {}

    def attend(
        self,
        layer: int,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scaling: float | None = None,
        window: int | None = None,
        softcap: float | None = None,
    ) -> Tensor:
        """Write keys and values into their pasts, and let each token see all of its past up to itself.

        query (T, H, D), key (T, H', D), value (T, H', D'), T the tokens of all spans; returns (T, H, D') in query's
        type. scaling: of the scores, 1/√D if None. window: how many tokens a token sees, itself included; None for
        all. softcap: scores become softcap·tanh(score/softcap), as in Gemma 2.
        """
        scaling = query.shape[2] ** -0.5 if scaling is None else scaling
        if self._single and softcap is None:
            singles = self._singles.get(window)
            if singles is None:
                singles = self._singles[window] = Singles(self._pasts, query.shape[1], window)
            return singles.attend(layer, query, key, value, scaling)
        for past, start, end in self._spans:
            past.write(layer, key[start:end].transpose(0, 1), value[start:end].transpose(0, 1))
        parts = [self._together(number, layer, query, scaling, window, softcap) for number in range(len(self._groups))]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _together(
        self, number: int, layer: int, query: Tensor, scaling: float, window: int | None, softcap: float | None
    ) -> Tensor:
        """The tokens of one group of spans, (T', H, D')."""
        group = self._groups[number]
        some = query[group[0].start : group[-1].end].transpose(0, 1)  # (H, T', D)
        first = group[0].past.chain(group[0].end - group[0].start)
        pieces = first + [(past, past.own + end - start) for past, start, end in group[1:]]
        keys = _joined([past.keys[layer][:, :count] for past, count in pieces])
        values = _joined([past.values[layer][:, :count] for past, count in pieces])
        if (number, window) not in self._masks:
            self._masks[number, window] = _mask(group, window)
        mask = self._masks[number, window]
        see = _plain if softcap is None else _softcapped
        return see(some, keys, values, mask, scaling, softcap or 0.0).transpose(0, 1)


def _joined(pieces: list[Tensor]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, 1)


def _mask(group: Sequence[Span], window: int | None) -> Tensor | None:
    """(T, S) bool: which keys each token of a group sees: its trunk's, and its own past's; None for plain causal."""
    past, start, end = group[0]
    device = past.form.device
    if len(group) == 1 and past.length == 0 and (window is None or end - start <= window):
        return None
    mask = torch.zeros(
        group[-1].end - start,
        past.start + sum(span.past.own + span.end - span.start for span in group),
        dtype=torch.bool,
        device=device,
    )
    column = past.start
    for past, first, end in group:
        rows, own = slice(first - start, end - start), past.own + end - first
        query = torch.arange(past.length, past.length + end - first, device=device)[:, None]  # positions
        for columns, positions in (
            (slice(0, past.start), torch.arange(past.start, device=device)),
            (slice(column, column + own), torch.arange(past.start, past.start + own, device=device)),
        ):
            sees = positions <= query
            mask[rows, columns] = sees if window is None else sees & (positions > query - window)
        column += own
    return mask


def _plain(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scaling: float, _: float) -> Tensor:
    """query (H, T, D), keys (H', S, D), values (H', S, D') -> (H, T, D'), asked as transformers asks torch."""
    return scaled_dot_product_attention(
        query[None],
        keys[None],
        values[None],
        mask,
        is_causal=mask is None and query.shape[1] > 1,
        scale=scaling,
        enable_gqa=len(query) != len(keys),
    )[0]


def _softcapped(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scaling: float, cap: float) -> Tensor:
    """Attention whose scores are bounded by ±cap, written out: torch's own cannot do it."""
    groups, (_, length, _) = len(query) // len(keys), query.shape
    keys, values = keys.repeat_interleave(groups, 0), values.repeat_interleave(groups, 0)
    scores = (query @ keys.transpose(1, 2) * (scaling / cap)).tanh_() * cap
    if mask is None:
        mask = torch.ones(length, length, dtype=torch.bool, device=query.device).tril_()
    scores.masked_fill_(~mask, -torch.inf)
    return scores.softmax(-1, dtype=torch.float32).to(values.dtype) @ values
