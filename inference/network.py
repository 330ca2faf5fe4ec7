"""The language model as a function: tokens in, logits out, for many sequences in one pass.

A pass is ragged: every `Segment` brings as many tokens as it likes, they lie side by side in one row, the model's
linear layers run once over all of them, and only attention tells the segments apart. Which model it is, and how its
layers are computed, is behind `Network`; `inference/family.py` chooses. Knows token ids and tensors; no text, no
sampler, no device thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from inference.adapters import Adapters
from inference.attention import Span
from inference.cache import Form, Past


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens to read, at least one, and the past they continue.

    adapter: the LoRA of these tokens. every: logits after every token (T, V), rather than after the last (V,).
    """

    past: Past
    tokens: Sequence[int]
    adapter: str | None = None
    every: bool = False


class Network(Protocol):
    """A causal language model that reads ragged batches.

    form: what it keeps of a token; `form.token_bytes` is what a token costs in a past. adapters: those that segments
    may name; a network is made without any.
    """

    device: torch.device
    form: Form
    adapters: Adapters | None

    def past(self, room: int, trunk: Past | None = None) -> Past:
        """Empty, for `room` more tokens; with a trunk it continues that past without copying it."""
        ...

    def read(self, segments: Sequence[Segment]) -> list[Tensor]:
        """One forward pass over all segments, each with a past of its own; their tokens are appended to their pasts.

        Returns the logits of each segment: (V,), or (T, V) where `every` was asked. If it fails, every past is as it
        was before. Call it under `torch.inference_mode()`.
        """
        ...


class Row(NamedTuple):
    """Segments side by side: T tokens with their positions, the places whose logits are wanted, whose each one is.

    adapted: which of the T tokens go through which adapter. heads: which of the wanted places do.
    """

    tokens: list[int]
    positions: list[int]
    wanted: list[int]
    spans: list[Span]
    adapted: list[tuple[slice, str]]
    heads: list[tuple[slice, str]]


def side_by_side(segments: Sequence[Segment]) -> Row:
    """The row that `segments` make; an assertion says when they do not fit into their pasts."""
    row = Row([], [], [], [], [], [])
    for segment in segments:
        past, tokens = segment.past, segment.tokens
        start, end = len(row.tokens), len(row.tokens) + len(tokens)
        assert end > start, "a segment has at least one token"
        past.check(len(tokens))
        row.tokens.extend(tokens)
        row.positions.extend(range(past.length, past.length + len(tokens)))
        row.spans.append(Span(past, start, end))
        wanted = len(row.wanted)
        row.wanted.extend(range(start if segment.every else end - 1, end))
        if segment.adapter is not None:
            row.adapted.append((slice(start, end), segment.adapter))
            row.heads.append((slice(wanted, len(row.wanted)), segment.adapter))
    assert len({id(span.past) for span in row.spans}) == len(segments), "each segment has a past of its own"
    return row


def taken_apart(segments: Sequence[Segment], logits: Tensor) -> list[Tensor]:
    """The logits (W, V) of all wanted places as what `Network.read` returns; the tokens now count in their pasts."""
    for segment in segments:
        segment.past.grow(len(segment.tokens))
    parts = torch.split(logits, [len(segment.tokens) if segment.every else 1 for segment in segments])
    return [part if segment.every else part[0] for segment, part in zip(segments, parts, strict=True)]
