"""From which probability on a label counts as present: one threshold per label, and how good the labels then are.

Rare labels are scored far below 0.5 even when they hold, so each label gets the threshold that maximises its own F1
on held-out texts. Scores and truths are (n, 28): float32 probabilities and 0/1.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

GRID = torch.arange(0.03, 0.96, 0.01)
# Thresholds whose F1 comes this close to the best one's are hardly worse on other texts; their mean is steadier.
PLATEAU = 0.94


def label_f1(scores: Tensor, truth: Tensor, thresholds: Tensor) -> Tensor:
    """F1 of each label, (28,); 0 where nothing is right. thresholds: (28,)."""
    said = scores >= thresholds
    right = (said & truth.bool()).sum(0)
    return 2 * right / (said.sum(0) + truth.sum(0)).clamp(min=1)


def tuned(scores: Tensor, truth: Tensor) -> Tensor:
    """(28,) thresholds: per label the mean of all grid points whose F1 is within PLATEAU of the best one's."""
    table = torch.stack([label_f1(scores, truth, t.expand(truth.shape[1])) for t in GRID])  # (grid, 28)
    good = (table >= PLATEAU * table.max(0).values) & (table > 0)
    mean = (GRID[:, None] * good).sum(0) / good.sum(0).clamp(min=1)
    return torch.where(good.any(0), mean, torch.tensor(0.5))


Decide = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Scores and truths (n, 28) to learn from, scores (m, 28) of other texts -> which labels those have, (m, 28) bool."""


def by_tuning(scores: Tensor, truth: Tensor, others: Tensor) -> Tensor:
    """Labels of `others` by the thresholds that are best on the texts at hand."""
    return others >= tuned(scores, truth)


def cross_fitted(scores: Tensor, truth: Tensor, splits: int = 10, decide: Decide = by_tuning) -> tuple[Tensor, float]:
    """Honest F1 on the very texts that thresholds are fitted on: fit on one half, judge the other, both ways.

    Returns (F1 per label over all judged texts (28,), their mean = macro-F1), averaged over `splits` random halvings.
    """
    each = []
    for fit, judge in halvings(len(scores), splits):
        said = torch.zeros_like(truth)
        for one, other in ((fit, judge), (judge, fit)):
            said[other] = decide(scores[one], truth[one], scores[other]).float()
        each.append(label_f1(said, truth, torch.full((truth.shape[1],), 0.5)))
    mean = torch.stack(each).mean(0)
    return mean, float(mean.mean())


def halvings(count: int, splits: int) -> Iterator[tuple[Tensor, Tensor]]:
    """`splits` random halvings of `count` texts, the same ones each time, as two tensors of indices."""
    for seed in range(splits):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        yield order[: count // 2], order[count // 2 :]
