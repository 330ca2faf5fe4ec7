"""Weighing words that are there already: how likely the model finds each of several continuations of one prompt."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Never

import torch
from torch import Tensor

from inference.batch import Batch
from inference.cache import CHUNK, Past
from inference.job import Steps
from inference.network import Segment
from inference.prefill import prefill


def likelihoods(
    batch: Batch, trunk: Past, logits: Tensor, continuations: Sequence[Sequence[int]], adapter: str | None = None
) -> Steps[Any, list[list[float]]]:
    """log p (nats) of every token of each continuation, behind the tokens of `trunk`, after which came `logits` (V,).

    All are read side by side, about CHUNK tokens a step. What follows a last token does not matter: it is not read.
    """
    first = torch.log_softmax(logits.double(), 0)
    scores = [[float(first[tokens[0]])] if tokens else [] for tokens in continuations]
    unread = [number for number, tokens in enumerate(continuations) if len(tokens) > 1]
    pasts = {number: batch.network.past(len(continuations[number]) - 1, trunk) for number in unread}
    while unread:
        width = max(1, CHUNK // len(unread))
        spans = {}  # of each, the tokens that are read now
        for number in unread:
            start = len(scores[number]) - 1
            spans[number] = (start, min(start + width, len(continuations[number]) - 1))
        segments = [
            Segment(pasts[number], continuations[number][start:end], adapter, every=True)
            for number, (start, end) in spans.items()
        ]
        for (number, (start, end)), after in zip(spans.items(), batch.network.read(segments), strict=True):
            scores[number] += _picked(after, continuations[number][start + 1 : end + 1])
        unread = [number for number in unread if len(scores[number]) < len(continuations[number])]
        if unread:
            yield None
    return scores


def weigh(
    batch: Batch, prompt: Sequence[int], options: Sequence[Sequence[int]], adapter: str | None = None
) -> Steps[Never, list[float]]:
    """How likely each of `options` (token ids, none empty) is after `prompt`.

    Returns the mean log-probability (nats) of each option's tokens: longer options are not at a disadvantage.
    """
    share = batch.network.form.token_bytes * (len(prompt) + sum(map(len, options)))
    yield from batch.budget.take(share)
    try:
        trunk, logits = yield from prefill(batch.network, batch.prefixes, prompt, 0, adapter)
        scores = yield from likelihoods(batch, trunk, logits, options, adapter)
    finally:
        batch.budget.give(share)
    return [sum(each) / len(each) for each in scores]


def shift(scores: Sequence[float], bias: Sequence[float], weight: float) -> list[float]:
    """softmax(scores + weight·bias): a product of two experts, in log-space. Sums to 1."""
    logits = torch.tensor(scores, dtype=torch.float64) + weight * torch.tensor(bias, dtype=torch.float64)
    return [float(probability) for probability in torch.softmax(logits, 0)]


def pick(probabilities: Sequence[float], seed: int | None) -> int:
    """The index of the largest probability, or with a seed one drawn by them."""
    if seed is None:
        return max(range(len(probabilities)), key=probabilities.__getitem__)
    generator = torch.Generator().manual_seed(seed)
    uniform = float(torch.rand((), generator=generator, dtype=torch.float64))
    edges = list(accumulate(probabilities))
    return next((index for index, edge in enumerate(edges) if uniform * edges[-1] < edge), len(edges) - 1)


def _picked(logits: Tensor, tokens: Sequence[int]) -> list[float]:
    """log p of tokens[t] after row t of `logits` (T, V)."""
    ids = torch.tensor(tokens, device=logits.device)[:, None]
    picked: Tensor = torch.log_softmax(logits.double(), -1).gather(1, ids).squeeze(1)
    return [float(value) for value in picked]
