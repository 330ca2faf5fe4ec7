"""The recogniser that comes with Mien, on characters whose seeds it never met."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from avatar.composite import Cutting, cut
from avatar.critic import DrawnFaces, open_critic
from avatar.gate import Seen
from avatar.mask import Floats, Portrait
from avatar.recogniser import CLASSES, WEIGHTS, Recogniser, seen
from avatar.starter.portraits import Character, mask_pixels, portrait, random_character, rasterise
from avatar.starter.spoiling import spoil
from inference.job import ModelMissing

STRANGERS = [random_character(Random(seed)) for seed in range(30_000_000, 30_000_012)]
FEELINGS = ("joy", "sadness", "anger", "surprise", "love")


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser()


def cutting_of(character: Character) -> Cutting:
    pixels = rasterise(portrait(character, "neutral"))
    return cut(Portrait(pixels, mask_pixels(character), "digest", ()), 128)


def worn(character: Character, label: str) -> Floats:
    pixels = rasterise(portrait(character, label))
    return cut(Portrait(pixels, mask_pixels(character), "digest", ()), 128).pixels


def tensors(*pictures: Floats) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


def look(recogniser: Recogniser, cutting: Cutting, painted: Floats) -> Seen:
    """What the critic says; it needs neither order nor device."""
    steps = DrawnFaces(recogniser).look(None, cutting, painted, None)  # type: ignore[arg-type]
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def test_main_expressions_of_strangers_are_recognised(recogniser: Recogniser) -> None:
    found = []
    for character in STRANGERS:
        said = [look(recogniser, cutting_of(character), worn(character, label)) for label in FEELINGS]
        found += [max(one.shows, key=one.shows.__getitem__) == label for one, label in zip(said, FEELINGS, strict=True)]
    assert sum(found) >= 0.9 * len(found)


def test_a_face_lies_nearer_to_its_own_base_picture_than_to_anybody_elses(recogniser: Recogniser) -> None:
    bases, faces, masks = [], [], []
    for character in STRANGERS:
        cutting = cutting_of(character)
        bases.append(cutting.pixels)
        masks.append(cutting.mask[..., None])
        faces.append(worn(character, "sadness"))
    found = recogniser.recognise(tensors(*faces), tensors(*bases), tensors(*masks))
    near = found.features @ found.base_features.T
    assert (near.argmax(1) == torch.arange(len(STRANGERS))).float().mean() >= 0.9
    assert torch.allclose(found.distances, 1 - near.diagonal(), atol=1e-5)


def test_good_faces_pass_and_most_broken_ones_do_not(recogniser: Recogniser) -> None:
    bounds, chance = recogniser.bounds, Random(0)
    good, broken = [], []
    for character in STRANGERS:
        cutting, face = cutting_of(character), worn(character, "joy")
        good.append(look(recogniser, cutting, face))
        base, joy, anger = seen(tensors(cutting.pixels, face, worn(character, "anger")))
        mask = (seen(tensors(cutting.mask[..., None])) > 0).float()
        for _ in range(4):
            spoilt = spoil(joy, base, anger, mask[0], chance)[None]
            broken.append(recogniser.recognise(spoilt, base[None], mask).probabilities[0, -1].item())
    assert sum(one.broken <= bounds.broken and one.distance <= bounds.distance for one in good) >= len(good) - 1
    assert sum(one > bounds.broken for one in broken) >= 0.75 * len(broken)


def test_probabilities_are_probabilities_at_any_size(recogniser: Recogniser) -> None:
    for size in (16, 64, 192):
        pictures = torch.rand(3, 3, size, size) * 1.4 - 0.2
        found = recogniser.recognise(pictures, pictures, torch.ones(3, 1, size, size))
        assert found.probabilities.shape == (3, len(CLASSES)) and torch.allclose(
            found.probabilities.sum(1), torch.ones(3)
        )
        assert torch.allclose(found.distances, torch.zeros(3), atol=1e-5)


def test_what_lies_outside_the_mask_is_not_seen(recogniser: Recogniser) -> None:
    pictures, mask = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    other = torch.where(mask > 0, pictures, torch.rand(1, 3, 64, 64))
    one, two = (recogniser.recognise(shown, shown, mask) for shown in (pictures, other))
    assert torch.allclose(one.probabilities, two.probabilities, atol=1e-5) and torch.equal(one.features, two.features)


def test_where_the_style_is_strange_nothing_is_refused(recogniser: Recogniser, tmp_path: Path) -> None:
    noise = np.random.default_rng(3).random((64, 64, 3)).astype(np.float32)
    cutting = Cutting(noise, np.ones((64, 64), np.float32))
    said = look(recogniser, cutting, noise[::-1].copy())
    assert said.at_least == 0 and said.most_broken == 1 and said.furthest == 2


def test_its_file_is_small_and_a_damaged_one_is_a_sentence(tmp_path: Path) -> None:
    assert WEIGHTS.stat().st_size < 3_000_000
    (tmp_path / "cut.safetensors").write_bytes(WEIGHTS.read_bytes()[:5000])
    for name in ("cut.safetensors", "none.safetensors"):
        for wanted in ("network", "bounds"):
            with pytest.raises(ModelMissing, match="cannot be read: install Mien again"):
                getattr(Recogniser(tmp_path / name), wanted)
    assert open_critic("none") is None
