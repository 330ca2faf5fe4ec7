"""Attention over ragged batches: every segment's tokens see their own past, and one another causally.

torch's CPU attention on bfloat16 is 9 to 20 times slower than on float32 for one query (measured on a Zen 5 core:
9 heads of 64 over 700 keys, 486 us against 57 us). So a `Past` on the CPU stores float32, and single queries are
widened; for many queries the two are alike (64 over 64: 187 us and 151 us), and the model's own type says what
transformers says to the last bit.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from inference.cache import Past

FLASH = 512  # keys that torch's CPU attention looks at together


class Span(NamedTuple):
    """The place of one segment's tokens in a ragged row: start..end, and the past they continue."""

    past: Past
    start: int
    end: int


def attend(
    spans: Sequence[Span],
    layer: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float | None = None,
    window: int | None = None,
    softcap: float | None = None,
) -> Tensor:
    """Write each span's keys and values into its past, and let its tokens see all of that past up to themselves.

    query (H, T, D), key (H', T, D), value (H', T, D'), T the tokens of all spans; returns (H, T, D') in query's type.
    scaling: of the scores, 1/√D if None. window: how many tokens a token sees, itself included; None for all.
    softcap: scores become softcap·tanh(score/softcap), as in Gemma 2.
    """
    parts = []
    for past, start, end in spans:
        past.write(layer, key[:, start:end], value[:, start:end])
        pieces = past.pieces(layer, end - start)
        keys, values = pieces[0] if len(pieces) == 1 else (torch.cat(part, 1) for part in zip(*pieces, strict=True))
        some = query[:, start:end]
        if end - start == 1 and keys.dtype != query.dtype and softcap is None:
            keys, values = (keys, values) if window is None else (keys[:, -window:], values[:, -window:])
            parts.append(_one_sees(some, keys, values, scaling or query.shape[2] ** -0.5))
        else:
            parts.append(_see(some, keys.to(query.dtype), values.to(query.dtype), scaling, window, softcap))
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _see(
    query: Tensor, keys: Tensor, values: Tensor, scaling: float | None, window: int | None, softcap: float | None
) -> Tensor:
    """The last T of S tokens look back: query (H, T, D), keys (H', S, D), values (H', S, D') -> (H, T, D')."""
    length = query.shape[1]
    if window is not None and keys.shape[1] >= window + length:  # what no query sees any more is left out
        keys, values = keys[:, -(window + length - 1) :], values[:, -(window + length - 1) :]
    if length == keys.shape[1] and window is None and softcap is None:  # as transformers asks when it has read nothing
        grouped = len(query) != len(keys)
        return scaled_dot_product_attention(
            query[None], keys[None], values[None], is_causal=length > 1, scale=scaling, enable_gqa=grouped
        )[0]
    mask = _mask(length, keys.shape[1], window, query.device)
    if softcap is not None:
        return _softcapped(query, keys, values, scaling or query.shape[-1] ** -0.5, mask, softcap)
    return scaled_dot_product_attention(
        query[None], keys[None], values[None], mask, scale=scaling, enable_gqa=len(query) != len(keys)
    )[0]


def _one_sees(query: Tensor, keys: Tensor, values: Tensor, scaling: float) -> Tensor:
    """One query (H, 1, D) of a narrow type over float32 keys (H', S, D) and values (H', S, D') -> (H, 1, D').

    Rounded where torch's own attention in the narrow type rounds: probabilities, relative to the largest score of the
    FLASH keys so far, before they weigh the values.
    """
    heads = len(keys)
    wide = query.view(heads, -1, query.shape[2]).float()
    scores = torch.bmm(wide, keys.transpose(1, 2)).mul_(scaling)  # (H', H/H', S)
    top = scores.new_full((*scores.shape[:2], 1), -torch.inf)
    total, out = torch.zeros_like(top), None
    for start in range(0, scores.shape[2], FLASH):
        some = scores[:, :, start : start + FLASH]
        highest = torch.maximum(top, some.amax(2, keepdim=True))
        before = torch.exp(top - highest)
        shares = torch.exp(some - highest)
        total = total * before + shares.sum(2, keepdim=True)
        seen = torch.bmm(shares.to(query.dtype).float(), values[:, start : start + FLASH])
        out = seen if out is None else out * before + seen
        top = highest
    assert out is not None
    return (out / total).to(query.dtype).view(len(query), 1, -1)


def _mask(length: int, keys: int, window: int | None, device: torch.device) -> Tensor | None:
    """(T, S) bool: which of the S keys each of the last T tokens sees; None when all see all."""
    if length == 1 and (window is None or keys <= window):
        return None
    mask = torch.ones(length, keys, dtype=torch.bool, device=device).tril_(keys - length)
    return mask if window is None else mask.triu_(keys - length - window + 1)


def _softcapped(query: Tensor, keys: Tensor, values: Tensor, scaling: float, mask: Tensor | None, cap: float) -> Tensor:
    """Attention whose scores are bounded by ±cap, written out: torch's own cannot do it."""
    groups = len(query) // len(keys)
    keys, values = keys.repeat_interleave(groups, 0), values.repeat_interleave(groups, 0)
    scores = (query @ keys.transpose(1, 2) * (scaling / cap)).tanh_() * cap
    if mask is not None:
        scores.masked_fill_(~mask, -torch.inf)
    return scores.softmax(-1, dtype=torch.float32).to(values.dtype) @ values
