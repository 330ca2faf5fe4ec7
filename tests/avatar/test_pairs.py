"""The training pairs: exact, reproducible, and true whatever shape the mask takes. Drawing pixels needs resvg_py."""

import importlib.util
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from avatar.starter.checkpoint import CROP, export, shifted
from avatar.starter.expressions import LABELS
from avatar.starter.pairs import CORE, batch, prompts, random_mask
from avatar.starter.published import Published, Recipe
from avatar.starter.recipes import BIG_SMILE, HELD_OUT_HEADS, LORELEI, NOTIONISTS, Peeps, published
from avatar.starter.train import Run, new_unet

PUBLISHED = Path(__file__).parents[3] / "shared/data/avatars"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the published portraits are not beside the checkout"
)
needs_resvg = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="drawing pixels needs resvg_py (pip install mien[train])"
)


@needs_resvg
def test_outside_of_the_mask_the_target_is_the_base_exactly() -> None:
    rows = batch(Random(3), characters=6, faces=3)
    outside = (rows.mask == 0).expand_as(rows.base)
    assert torch.equal(rows.base[outside], rows.target[outside])
    changes = (rows.base != rows.target).flatten(1).any(1)  # not where neutral, or the base's own face, was asked for
    assert changes.float().mean() > 0.6


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
@needs_published
def test_the_last_open_peeps_heads_are_held_out_and_the_others_make_pairs() -> None:
    peeps = Peeps(PUBLISHED)
    assert len(peeps.held_out_heads) == HELD_OUT_HEADS
    assert not set(peeps.held_out_heads) & set(peeps.training_heads)
    assert set(peeps.recipe.head["head"]) == set(peeps.training_heads)
    base, (sad,), region = peeps.character(Random(1), ["sadness"])
    assert base.shape == sad.shape == (CROP, CROP, 3)
    changed = (base != sad).any(-1)
    assert changed[region].mean() > 0.02


@needs_published
@pytest.mark.parametrize("recipe", [BIG_SMILE, LORELEI, NOTIONISTS], ids=lambda recipe: str(recipe.file))
def test_recipes_name_parts_that_exist(recipe: Recipe) -> None:
    style = Published(PUBLISHED, recipe)
    assert set(recipe.faces) < set(LABELS)
    for part, variants in {**recipe.head, **recipe.rest}.items():
        assert set(variants) - {""} <= set(style.variants(part)), part
    for label, parts in recipe.faces.items():
        assert set(parts) <= set(recipe.rest), label
        assert all(variant in style.variants(part) for part, variant in parts.items()), label


@needs_resvg
@needs_published
def test_a_published_face_changes_only_inside_its_region_and_neutral_gives_a_resting_base_back() -> None:
    for seed, style in enumerate(published(PUBLISHED)):
        base, (neutral, *others), region = style.character(Random(seed), ["neutral", "joy", "sadness", "anger"])
        assert (base == neutral).all()
        for other in others:
            changed = (base != other).any(-1)
            assert changed[region].mean() > 0.01, style.recipe.file
            assert changed[~region].mean() < 0.01, style.recipe.file


@needs_resvg
@needs_published
def test_a_base_that_wears_the_face_asked_for_stays_as_it_is() -> None:
    base, (again, other), _ = Peeps(PUBLISHED).character(Random(4), ["joy", "sadness"], base="joy")
    assert (base == again).all()
    assert (base != other).any()


def test_a_run_begins_from_an_exported_folder_with_its_weights(tmp_path: Path) -> None:
    unet = new_unet()
    torch.nn.init.constant_(unet.conv_out.bias, 0.25)
    export(unet, tmp_path)
    other = new_unet()
    run = Run(other, {}, torch.optim.AdamW(other.parameters()))
    run.begin_from(tmp_path)
    assert run.step == 0
    assert (run.unet.conv_out.bias == 0.25).all()
    assert torch.equal(run.average["conv_out.bias"], other.conv_out.bias)
