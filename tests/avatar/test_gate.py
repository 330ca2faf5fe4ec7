from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from avatar.composite import Cutting, cut, smooth
from avatar.gate import judge
from avatar.mask import Floats, Portrait
from tests.avatar.pictures import face_mask, face_picture

SIZE = 96


@pytest.fixture(scope="module")
def cutting() -> Cutting:
    return cut(Portrait(np.asarray(face_picture(192)), np.asarray(face_mask(192)), "digest", ()), SIZE)


def drawn(cutting: Cutting, draw: Callable[[ImageDraw.ImageDraw], None] | None = None, blur: float = 0) -> Floats:
    """The crop with something drawn onto it."""
    picture = Image.fromarray(np.rint(cutting.pixels * 255).astype(np.uint8))
    if draw is not None:
        draw(ImageDraw.Draw(picture))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255


def test_another_mouth_is_fit_to_be_seen(cutting: Cutting) -> None:
    painted = drawn(
        cutting, lambda draw: draw.ellipse((36, 56, 60, 76), fill=(150, 30, 40), outline=(30, 20, 20), width=2)
    )
    assert judge(cutting, painted).fit


def test_the_base_picture_is_fit_for_the_neutral_face_only(cutting: Cutting) -> None:
    assert judge(cutting, cutting.pixels).why == "the same as the base picture"
    assert judge(cutting, cutting.pixels, may_repeat=True).fit


def test_a_face_without_features_is_blank(cutting: Cutting) -> None:
    skin = np.median(cutting.pixels[cutting.mask > 0], axis=0)
    assert judge(cutting, np.where(cutting.mask[..., None] > 0, skin, cutting.pixels).astype(np.float32)).why == "blank"


def test_numbers_that_are_none_are_refused(cutting: Cutting) -> None:
    broken = cutting.pixels.copy()
    broken[40, 40, 1] = np.nan
    assert judge(cutting, broken, may_repeat=True).why == "numbers that are no numbers"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda face: face * 6 - 2, "colours out of range"),
        (lambda face: face[..., ::-1], "another colour altogether"),
        (lambda face: 1 - face, "another colour altogether"),
        (lambda face: np.random.default_rng(0).normal(face, 0.3).clip(0, 1), "noise"),
    ],
)
def test_a_spoilt_face_is_refused(cutting: Cutting, spoil: Callable[[Floats], Floats], why: str) -> None:
    assert judge(cutting, np.asarray(spoil(cutting.pixels), np.float32)).why == why


def test_a_blurred_face_is_refused(cutting: Cutting) -> None:
    assert judge(cutting, drawn(cutting, blur=5)).why == "blurred"


def test_blotches_over_the_features_are_smudges(cutting: Cutting) -> None:
    blots = np.random.default_rng(0).normal(0, 1, (SIZE, SIZE, 3)).astype(np.float32)
    blots = smooth(blots, 1) * cutting.mask[..., None] * 0.6
    assert judge(cutting, (cutting.pixels + blots).clip(0, 1)).why == "smudged"


def test_every_verdict_is_a_plain_truth_value(cutting: Cutting) -> None:
    assert judge(cutting, cutting.pixels, True).fit is True and judge(cutting, cutting.pixels).fit is False
