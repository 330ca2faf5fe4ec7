"""From logits to probabilities that mean what they say, and a threshold for each label that follows from them.

Platt's scaling (*Probabilistic outputs for support vector machines*, 1999): per label p = sigmoid(slope · z + shift),
fitted on texts the network has not learned from and held near slope 1 and shift 0, for grief has 13 such texts. With
honest probabilities the F1 that a threshold will have can be told from the probabilities alone, without counting the
few rare texts that happen to be there (Lipton et al., *Optimal thresholding of classifiers to maximize F1 measure*,
2014): such thresholds carry over to other texts better than those that are best on these.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotion.thresholds import halvings

GRID = torch.cat([torch.arange(0.02, 0.1, 0.005), torch.arange(0.1, 0.9, 0.01)])
SLOPE_HELD, SHIFT_HELD = 40.0, 10.0  # penalty on (slope - 1)^2 and shift^2, in units of summed log-loss
PLATEAU = 0.94  # thresholds whose expected F1 comes this close to the best are as good; their mean is steadier


@dataclass(frozen=True)
class Calibration:
    """p = sigmoid(slope · z + shift) for each label, and from which p on it counts as present; (28,) each."""

    slope: Tensor
    shift: Tensor
    thresholds: Tensor

    def probabilities(self, logits: Tensor) -> Tensor:
        """logits (n, 28) -> (n, 28)."""
        return (self.slope * logits + self.shift).sigmoid()


def calibrated(logits: Tensor, truth: Tensor) -> Calibration:
    """The calibration fitted to held-out logits and truths (n, 28)."""
    slope, shift = platt(logits, truth)
    return Calibration(slope, shift, best_expected((slope * logits + shift).sigmoid()))


def platt(logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """(slope, shift), (28,) each: the least penalised log-loss."""
    # Float64: the search ends where progress does, and float32 would end it early.
    z, y = logits.double(), truth.double()
    slope = torch.ones(z.shape[1], dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(z.shape[1], dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([slope, shift], max_iter=100, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        search.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(slope * z + shift, y, reduction="sum")
        loss = loss + SLOPE_HELD * (slope - 1).square().sum() + SHIFT_HELD * shift.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    search.step(cost)  # type: ignore[no-untyped-call]
    return slope.detach().float(), shift.detach().float()


def best_expected(probabilities: Tensor) -> Tensor:
    """(28,) thresholds of the best F1 to be expected if (n, 28) probabilities are true."""
    table = torch.stack([_expected_f1(probabilities, t) for t in GRID])  # (grid, 28)
    good = (table >= PLATEAU * table.max(0).values) & (table > 0)
    mean = (GRID[:, None] * good).sum(0) / good.sum(0).clamp(min=1)
    return torch.where(good.any(0), mean, torch.tensor(0.5))


def _expected_f1(probabilities: Tensor, threshold: Tensor) -> Tensor:
    said = (probabilities >= threshold).float()
    right = (said * probabilities).sum(0)
    return 2 * right / (said.sum(0) + probabilities.sum(0)).clamp(min=1e-6)


def by_calibration(logits: Tensor, truth: Tensor, others: Tensor) -> Tensor:
    """Labels of other texts by the calibration of the texts at hand; a way to decide for `cross_fitted`."""
    found = calibrated(logits, truth)
    return found.probabilities(others) >= found.thresholds


def held_out(logits: Tensor, truth: Tensor, splits: int = 4) -> Tensor:
    """(splits · n, 28): each text's probabilities by calibrations that were fitted on halves it was not in."""
    found = []
    for fit, judge in halvings(len(logits), splits):
        scores = torch.empty_like(logits)
        for one, other in ((fit, judge), (judge, fit)):
            scores[other] = calibrated(logits[one], truth[one]).probabilities(logits[other])
        found.append(scores)
    return torch.cat(found)


def expected_error(probabilities: Tensor, truth: Tensor, bins: int = 15) -> float:
    """ECE (Guo et al. 2017) over all labels of all texts: the mean gap between a probability and what comes true."""
    p, y = probabilities.flatten(), truth.flatten()
    place = (p * bins).long().clamp(max=bins - 1)
    count = torch.bincount(place, minlength=bins).clamp(min=1)
    gap = torch.bincount(place, p - y, minlength=bins) / count
    share = torch.bincount(place, minlength=bins) / len(p)
    return float((share * gap.abs()).sum())
