import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avatar.proposal import find_face, propose
from tests.avatar.pictures import face_picture


@pytest.mark.parametrize(("side", "x", "y"), [(512, 0, 0), (512, 40, -30), (200, -12, 10), (96, 0, 0)])
def test_eyes_and_mouth_of_a_simple_face_are_covered(side: int, x: int, y: int) -> None:
    picture = Image.new("RGB", (side, side), (90, 140, 200))
    picture.paste(face_picture(side), (x, y))
    mask = propose(picture)
    for across, down in ((0.38, 0.45), (0.62, 0.45), (0.5, 0.7)):
        assert mask.getpixel((round(side * across) + x, round(side * down) + y)) == 255
    assert 0.03 < (np.asarray(mask) > 0).mean() < 0.4


def test_transparency_is_no_figure() -> None:
    picture = Image.new("RGBA", (128, 128))
    picture.paste(face_picture(64).convert("RGBA"), (32, 26))
    x, y, _ = find_face(np.asarray(picture))
    assert abs(x - 64) < 8 and abs(y - 60) < 12


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(("RGB", "RGBA")), st.integers(0, 99))
def test_any_picture_gets_a_mask(width: int, height: int, mode: str, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, len(mode)), np.uint8)
    mask = propose(Image.fromarray(pixels))
    assert mask.size == (width, height) and mask.mode == "L" and mask.getbbox() is not None
