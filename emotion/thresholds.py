"""From which probability on a label counts as present: one threshold per label, and how good the labels then are.

Rare labels are scored far below 0.5 even when they hold, so each label gets the threshold that maximises its own F1
on held-out texts. Scores and truths are (n, 28): float32 probabilities and 0/1.
"""

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


def cross_fitted(scores: Tensor, truth: Tensor, splits: int = 10) -> tuple[Tensor, float]:
    """Honest F1 on the very texts that thresholds are tuned on: tune on one half, judge the other, both ways.

    Returns (F1 per label over all judged texts (28,), their mean = macro-F1), averaged over `splits` random halvings.
    """
    each = torch.stack([_halved(scores, truth, seed) for seed in range(splits)]).mean(0)
    return each, float(each.mean())


def _halved(scores: Tensor, truth: Tensor, seed: int) -> Tensor:
    order = torch.randperm(len(scores), generator=torch.Generator().manual_seed(seed))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    said = torch.zeros_like(truth)
    for fit, judge in (halves, halves[::-1]):
        said[judge] = (scores[judge] >= tuned(scores[fit], truth[fit])).float()
    return label_f1(said, truth, torch.full((truth.shape[1],), 0.5))
