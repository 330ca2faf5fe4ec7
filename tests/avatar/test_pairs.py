"""The training pairs: exact, reproducible, and true whatever shape the mask takes. Drawing pixels needs resvg_py."""

import importlib.util
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from avatar.starter.checkpoint import CROP, shifted
from avatar.starter.expressions import LABELS
from avatar.starter.pairs import CORE, batch, prompts, random_mask
from avatar.starter.peeps import HELD_OUT_HEADS, Peeps

PEEPS = Path(__file__).parents[3] / "shared/data/avatars"
needs_resvg = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="drawing pixels needs resvg_py (pip install mien[train])"
)


@needs_resvg
def test_outside_of_the_mask_the_target_is_the_base_exactly() -> None:
    rows = batch(Random(3), characters=3, faces=3)
    outside = (rows.mask == 0).expand_as(rows.base)
    assert torch.equal(rows.base[outside], rows.target[outside])
    assert ((rows.base != rows.target).flatten(1).any(1)).tolist() == [label != "neutral" for label in rows.labels]


@needs_resvg
def test_a_batch_is_in_the_painters_range_and_decided_by_its_seed() -> None:
    one, same = batch(Random(5), 2, 2), batch(Random(5), 2, 2)
    assert one.base.shape == one.target.shape == (4, 3, CROP, CROP)
    assert one.base.min() >= -1
    assert one.base.max() <= 1
    assert torch.isin(one.mask, torch.tensor([0.0, 1.0])).all()
    assert one.labels == same.labels
    assert torch.equal(one.target, same.target)


def test_random_masks_keep_most_of_the_exact_region() -> None:
    exact = np.zeros((CROP, CROP), bool)
    exact[30:100, 24:104] = True
    for seed in range(60):
        mask = random_mask(Random(seed), exact)
        assert (mask & exact).sum() > 0.8 * exact.sum()


def test_the_labels_drawn_more_often_are_labels_and_every_label_has_prompts() -> None:
    assert set(CORE) < set(LABELS)
    assert set(prompts()) == set(LABELS)


def test_shifted_times_keep_their_ends_and_lean_towards_noise() -> None:
    assert shifted(torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0])).tolist() == pytest.approx([1.0, 0.9, 0.75, 0.5, 0.0])


@needs_resvg
@pytest.mark.skipif(not PEEPS.is_dir(), reason="the open-peeps drawings are not beside the checkout")
def test_the_last_open_peeps_heads_are_held_out_and_the_others_make_pairs() -> None:
    peeps = Peeps(PEEPS)
    assert len(peeps.held_out_heads) == HELD_OUT_HEADS
    assert not set(peeps.held_out_heads) & set(peeps.training_heads)
    base, (sad,), region = peeps.character(Random(1), ["sadness"])
    assert base.shape == sad.shape == (CROP, CROP, 3)
    changed = (base != sad).any(-1)
    assert changed[region].mean() > 0.02
