import importlib.util
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avatar.finder import WEIGHTS
from avatar.proposal import place_in_words, propose
from avatar.starter.cast import CAST
from avatar.starter.scenes import Figure, drawn_figure, random_figure, scene
from avatar.symmetry import ellipse, find_face
from tests.avatar.pictures import face_picture

needs_resvg = pytest.mark.skipif(
    importlib.util.find_spec("resvg_py") is None, reason="drawing pixels needs resvg_py (pip install mien[train])"
)


@pytest.mark.parametrize(("side", "x", "y"), [(512, 0, 0), (512, 40, -30), (200, -12, 10), (96, 0, 0)])
def test_eyes_and_mouth_of_a_simple_face_are_covered(side: int, x: int, y: int) -> None:
    picture = Image.new("RGB", (side, side), (90, 140, 200))
    picture.paste(face_picture(side), (x, y))
    for mask in (propose(picture), ellipse(picture)):
        for across, down in ((0.38, 0.45), (0.62, 0.45), (0.5, 0.7)):
            assert mask.getpixel((round(side * across) + x, round(side * down) + y)) == 255
        assert 0.03 < (np.asarray(mask) > 0).mean() < 0.45


def test_transparency_is_no_figure() -> None:
    picture = Image.new("RGBA", (128, 128))
    picture.paste(face_picture(64).convert("RGBA"), (32, 26))
    x, y, _ = find_face(np.asarray(picture))
    assert abs(x - 64) < 8 and abs(y - 60) < 12


def unseen(count: int) -> list[Figure]:
    """The three sample characters and others that the finder never saw."""
    random = Random(30_000_000)
    return [*map(drawn_figure, CAST.values()), *(random_figure(random) for _ in range(count))]


@needs_resvg
def test_faces_of_unseen_characters_are_found_wherever_they_are() -> None:
    """Off the middle, small, tilted, before busy grounds and none; the ellipse covers about half of them."""
    random = Random(30_000_001)
    covered, beyond = [], []
    for figure in unseen(13):
        framed = scene(figure, random, random.choice(((256, 256), (300, 220), (200, 280))))
        mask = np.asarray(propose(framed.picture)) > 0
        covered.append((mask & framed.features).sum() / framed.features.sum())
        beyond.append((mask & ~(framed.head | framed.region)).sum() / mask.sum())
    assert np.mean(covered) > 0.9 and np.median(covered) > 0.97
    assert np.mean(beyond) < 0.1


@needs_resvg
def test_a_mask_has_the_faces_shape_and_follows_it_when_it_moves() -> None:
    figure = drawn_figure(CAST["marigold"])
    whole = Image.fromarray(figure.pixels)
    moved = Image.new("RGBA", (448, 300))
    moved.paste(whole, (190, 40))
    still, other = (np.asarray(propose(picture)) > 0 for picture in (whole, moved))
    there = np.zeros_like(other)
    there[40 : 40 + 224, 190 : 190 + 224] = still
    assert (there & other).sum() / (there | other).sum() > 0.8


def test_where_nothing_looks_like_a_face_there_still_is_a_mask() -> None:
    flat = Image.new("RGB", (120, 80), "teal")
    assert propose(flat) == ellipse(flat) and ellipse(flat).getbbox() is not None


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size < 1_000_000


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(("RGB", "RGBA")), st.integers(0, 99))
def test_any_picture_gets_a_mask(width: int, height: int, mode: str, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, len(mode)), np.uint8)
    mask = propose(Image.fromarray(pixels))
    assert mask.size == (width, height) and mask.mode == "L" and mask.getbbox() is not None


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ((40, 60), (40, 60), "20 x 20 pixels, 4.0% of the picture, in the middle"),
        ((0, 20), (0, 10), "10 x 20 pixels, 2.0% of the picture, in the upper left part"),
        ((45, 55), (90, 100), "10 x 10 pixels, 1.0% of the picture, in the right part"),
        ((99, 100), (50, 51), "1 x 1 pixels, 0.1% of the picture, in the lower part"),
    ],
)
def test_a_place_is_told_in_words(rows: tuple[int, int], columns: tuple[int, int], words: str) -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[slice(*rows), slice(*columns)] = 255
    assert place_in_words(mask) == words
