"""How the recogniser learns: examples, broken faces, and a few steps of training on them."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from avatar.recogniser import CLASSES, Recogniser
from avatar.starter.examples import drawn, labels_of, look_alike, store
from avatar.starter.expressions import LABELS
from avatar.starter.learning import Examples, loss_of, save, train
from avatar.starter.portraits import random_character
from avatar.starter.spoiling import WAYS, Way, spoil


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs of look-alikes."""
    chance, examples = Random(5), []
    for _ in range(2):
        first = random_character(chance)
        examples += [drawn(chance, one, labels_of(chance)) for one in (first, look_alike(chance, first))]
    path = tmp_path_factory.mktemp("examples") / "examples.npz"
    store(examples, path)
    return path


def test_look_alikes_share_their_colours_or_their_build_and_not_both() -> None:
    for seed in range(20):
        first = random_character(Random(seed))
        other = look_alike(Random(seed + 100), first)
        assert (other.style.palette == first.style.palette) != (other.build == first.build)


def test_an_example_shows_each_label_once(stored: Path) -> None:
    file = np.load(stored)
    assert file["faces"].shape[0] == len(file["owners"]) == len(file["shows"]) and len(file["bases"]) == 4
    for owner in range(4):
        shows = file["shows"][file["owners"] == owner]
        assert shows.shape[1] == len(LABELS) and (shows.sum(1) == 1).all() and shows.sum(0).max() == 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_of_breaking_a_face_can_be_seen(stored: Path, way: Way) -> None:
    faces = torch.from_numpy(np.load(stored)["faces"][:3, 8:72, 8:72]).permute(0, 3, 1, 2).float() / 255
    broken = way(*faces, Random(1))
    assert broken.shape == faces[0].shape and ((broken - faces[0]).abs().amax(0) > 0.12).float().mean() > 0.01


def test_a_face_is_broken_inside_its_mask_only(stored: Path) -> None:
    face, base, other = torch.from_numpy(np.load(stored)["faces"][:3, 8:72, 8:72]).permute(0, 3, 1, 2).float() / 255
    mask = torch.zeros(1, 64, 64)
    mask[:, 20:50, 16:48] = 1
    for seed in range(20):
        broken = spoil(face, base, other, mask, Random(seed))
        assert torch.equal(torch.where(mask > 0, face, broken), face) and not torch.equal(broken, face)


def test_a_batch_holds_good_and_broken_faces_of_pairs(stored: Path) -> None:
    batch = Examples([stored, stored]).batch(Random(0), pairs=4, faces=6)
    assert batch.painted.shape == batch.base.shape == (48, 3, 64, 64) and batch.mask.shape == (48, 1, 64, 64)
    assert batch.shows.shape == (48, len(CLASSES)) and torch.allclose(batch.shows.sum(1), torch.ones(48))
    assert 0 < (batch.shows[:, -1] == 1).sum() < 24 and batch.owners.unique().tolist() == list(range(8))
    assert batch.painted.min() >= 0 and batch.painted.max() <= 1


def test_learning_goes_on_where_it_was_and_gets_better(stored: Path, tmp_path: Path) -> None:
    examples, first = Examples([stored] * 5), tmp_path / "first.safetensors"
    save(train(examples, minutes=0, seed=1), first)
    same = train(examples, minutes=0, seed=2, start=first).state_dict()
    assert all(torch.equal(same[name], weight) for name, weight in Recogniser(first).network.state_dict().items())
    taught, batch = train(examples, minutes=0.06, seed=1, start=first, rate=2e-2), examples.batch(Random(9))
    with torch.inference_mode():  # as while learning: few steps leave the running means of the batches behind
        losses = [torch.stack(loss_of(one.train(), batch)).sum() for one in (Recogniser(first).network, taught)]
    assert losses[1] < losses[0]
