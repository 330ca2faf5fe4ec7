"""Calibration makes probabilities come true, and thresholds follow from them."""

import pytest
import torch
from torch import Tensor

from emotion.thresholds import cross_fitted, label_f1
from emotion.training.calibration import best_expected, by_calibration, calibrated, expected_error, held_out, platt


def sharp(count: int = 6000) -> tuple[Tensor, Tensor]:
    """Logits that are twice too sure and shifted, and truths drawn by what they should have been; two labels."""
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(count, 2, generator=generator) * 2 - torch.tensor([1.0, 4.0])
    truth = (torch.rand(count, 2, generator=generator) < honest.sigmoid()).float()
    return 2 * honest + 1, truth


def test_overconfident_logits_are_put_right() -> None:
    logits, truth = sharp()
    slope, shift = platt(logits, truth)
    assert slope.tolist() == pytest.approx([0.5, 0.5], abs=0.06)
    assert shift.tolist() == pytest.approx([-0.5, -0.5], abs=0.25)
    after = expected_error(held_out(logits, truth), truth.repeat(4, 1))
    assert after < 0.015 < 0.05 < expected_error(logits.sigmoid(), truth)


def test_a_label_without_evidence_keeps_its_logits() -> None:
    slope, shift = platt(torch.full((3, 1), -6.0), torch.zeros(3, 1))
    assert slope.item() == pytest.approx(1, abs=0.02)
    assert shift.item() == pytest.approx(0, abs=0.02)


def test_the_threshold_of_an_honest_probability_is_half_the_f1_it_gives() -> None:
    logits, truth = sharp(60_000)
    honest = ((logits - 1) / 2).sigmoid()
    thresholds = best_expected(honest)
    reached = label_f1(honest, truth, thresholds)
    assert thresholds.tolist() == pytest.approx((reached / 2).tolist(), abs=0.06)  # Lipton et al. 2014
    better = max(label_f1(honest, truth, torch.full((2,), t)).mean() for t in (0.2, 0.3, 0.4, 0.5))
    assert reached.mean() > better - 0.02


def test_calibrating_more_texts_like_these_gives_the_same_labels_to_others() -> None:
    logits, truth = sharp()
    found = calibrated(logits, truth)
    said = by_calibration(logits, truth, logits[:100])
    assert torch.equal(said, found.probabilities(logits[:100]) >= found.thresholds)
    _, by_tuning = cross_fitted(logits.sigmoid(), truth)
    _, macro = cross_fitted(logits, truth, decide=by_calibration)
    assert macro > by_tuning - 0.02


def test_an_error_of_calibration_is_the_mean_gap() -> None:
    p = torch.tensor([[0.9], [0.9], [0.1], [0.1]])
    assert expected_error(p, torch.tensor([[1.0], [0.0], [0.0], [0.0]])) == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)
