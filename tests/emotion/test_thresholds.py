"""Thresholds find the cut between present and absent, and cross-fitting does not flatter."""

import pytest
import torch

from emotion.thresholds import cross_fitted, label_f1, tuned


def test_f1_counts_hits_misses_and_false_alarms() -> None:
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.1], [0.2, 0.1], [0.1, 0.1]])
    truth = torch.tensor([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert label_f1(scores, truth, torch.tensor([0.5, 0.5])).tolist() == pytest.approx([0.5, 0.0])


def test_a_threshold_lies_between_the_absent_and_the_present() -> None:
    truth = (torch.arange(200) % 10 == 0).float().unsqueeze(1)
    scores = 0.1 + 0.3 * truth  # present at 0.4, absent at 0.1: 0.5 would miss every one
    [threshold] = tuned(scores, truth)
    assert 0.15 < threshold < 0.4
    assert label_f1(scores, truth, threshold.unsqueeze(0)).item() == 1


def test_a_label_that_is_never_right_keeps_one_half() -> None:
    assert tuned(torch.rand(50, 1), torch.zeros(50, 1)).item() == 0.5


def test_cross_fitting_is_exact_for_a_clean_signal_and_humble_for_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = (torch.rand(4000, 2, generator=generator) < 0.1).float()
    noise = torch.rand(4000, 2, generator=generator)
    each, macro = cross_fitted(torch.stack([0.1 + 0.3 * truth[:, 0], noise[:, 1]], 1), truth)
    assert each[0] == 1
    assert each[1] < 0.25  # always saying yes reaches 0.18
    assert macro == pytest.approx(each.mean().item())
