import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from avatar import composite
from avatar.composite import change, cut, lay_over, off_backdrop, on_backdrop, rim_shift
from avatar.mask import Floats, Portrait
from avatar.resampling import Enlarged, around, resize, smooth
from tests.avatar import plain_composite
from tests.avatar.pictures import face_mask, face_picture

SIZE = 32


def enlarge(painted: Floats, side: int) -> Floats:
    """All of it, (side, side, 3)."""
    return np.moveaxis(Enlarged(painted, side).rows(), 0, -1)


def portrait_of(picture: Image.Image, mask: Image.Image) -> Portrait:
    return Portrait(np.asarray(picture), np.asarray(mask), "digest", (Path("base.png"),))


@settings(deadline=None, max_examples=150)
@given(
    mode=st.sampled_from(("RGB", "RGBA")),
    width=st.integers(1, 80),
    height=st.integers(1, 80),
    share=st.sampled_from((0.01, 0.2, 0.9, 1.1)),
    greys=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_where_the_mask_is_zero_every_byte_stays(
    mode: str, width: int, height: int, share: float, greys: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, len(mode)), np.uint8)
    mask = np.where(random.random((height, width)) < share, random.integers(1, 256) if greys else 255, 0).astype(
        np.uint8
    )
    mask[random.integers(height), random.integers(width)] = 255
    portrait = Portrait(pixels, mask, "digest", ())
    painted = random.normal(0.5, 2.0, (SIZE, SIZE, 3)).astype(np.float32)
    result = np.asarray(lay_over(portrait, cut(portrait, SIZE), painted))
    assert result.shape == pixels.shape
    assert (result[mask == 0] == pixels[mask == 0]).all()
    assert (result[..., 3:] == pixels[..., 3:]).all()


def test_what_is_painted_arrives_in_the_middle_of_the_mask() -> None:
    portrait = portrait_of(face_picture(96), face_mask(96))
    red = np.zeros((SIZE, SIZE, 3), np.float32) + np.array([1, 0, 0], np.float32)
    result = lay_over(portrait, cut(portrait, SIZE), red)
    assert result.getpixel((48, 50)) == (255, 0, 0)
    assert result.getpixel((48, 5)) == face_picture(96).getpixel((48, 5))


def test_a_painting_that_repeats_the_picture_leaves_it_as_sharp_as_it_was() -> None:
    portrait = portrait_of(face_picture(96), face_mask(96))
    cutting = cut(portrait, SIZE)
    assert np.asarray(lay_over(portrait, cutting, cutting.pixels)).tobytes() == portrait.pixels.tobytes()


def test_a_wrong_tone_is_corrected_from_the_rim_and_leaves_no_square() -> None:
    portrait = portrait_of(face_picture(192), face_mask(192))
    cutting = cut(portrait, 64)
    tinted = cutting.pixels + cutting.mask[..., None] * np.array([0.08, -0.06, 0.05], np.float32)
    assert (
        np.abs(tinted + rim_shift(cutting, tinted) - cutting.pixels).mean()
        < 0.1 * np.abs(tinted - cutting.pixels).mean()
    )
    assert np.abs(np.asarray(lay_over(portrait, cutting, tinted)).astype(int) - portrait.pixels).max() <= 2


def test_a_new_mouth_is_paint_and_its_surroundings_are_not() -> None:
    cutting = cut(portrait_of(face_picture(96), face_mask(96)), 64)
    painted = cutting.pixels.copy()
    painted[40:48, 24:40] = 0.1
    paint = change(cutting, painted)
    assert paint[42:46, 26:38].min() > 0.9 and paint[:24].max() == 0


def test_transparency_is_seen_on_white_and_taken_off_again() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 4), np.uint8)
    pixels[0, 0] = 7, 7, 7, 0
    seen = on_backdrop(pixels)
    assert seen[0, 0].tolist() == [1, 1, 1]
    back = off_backdrop(seen, pixels)
    assert np.abs(back - pixels[..., :3] / 255)[pixels[..., 3] > 0].max() < 1e-3


def test_an_enlarged_line_is_steeper_than_lanczos_and_has_no_halo() -> None:
    small = np.full((16, 16, 3), 0.8, np.float32)
    small[:, 7:9] = 0.1
    lanczos = np.asarray(Image.fromarray(np.rint(small * 255).astype(np.uint8)).resize((64, 64)), np.float32) / 255
    large = enlarge(small, 64)
    assert large.shape == (64, 64, 3) and large.min() >= 0.1 and large.max() <= 0.8
    assert np.abs(np.diff(large, axis=1)).max() > 1.5 * np.abs(np.diff(lanczos, axis=1)).max()
    assert enlarge(small, 8).shape == (8, 8, 3)


def test_smoothing_keeps_the_sum_of_what_lies_in_the_middle() -> None:
    values = np.zeros((41, 41, 1), np.float32)
    values[20, 20] = 1
    spread = smooth(values, 3)
    assert spread.sum() == pytest.approx(1, rel=1e-4)
    assert spread[20, 20] == spread.max() < 0.1 and spread[20, 17, 0] == pytest.approx(spread[17, 20, 0])


def test_a_portrait_narrower_than_its_mask_is_painted_too() -> None:
    picture, mask = Image.new("RGB", (20, 90), (200, 150, 100)), Image.new("L", (20, 90), 255)
    portrait = portrait_of(picture, mask)
    cutting = cut(portrait, SIZE)
    assert cutting.mask[:, 0].max() == 0 and cutting.mask[:, SIZE // 2].min() == 1
    green = np.zeros((SIZE, SIZE, 3), np.float32) + np.array([0, 1, 0], np.float32)
    assert lay_over(portrait, cutting, green).getpixel((10, 45)) == (0, 255, 0)


def smooth_noise(random: np.random.Generator, side: int) -> Floats:
    """Blots and lines, (side, side, 3) in 0..1."""
    blots = np.asarray(Image.fromarray(random.integers(0, 256, (5, 5, 3), np.uint8)).resize((side, side)), np.float32)
    blots[:, side // 3 : side // 3 + 2] = 10
    return blots / 255


@settings(deadline=None, max_examples=60)
@given(
    mode=st.sampled_from(("RGB", "RGBA")),
    width=st.integers(20, 150),
    height=st.integers(20, 150),
    size=st.sampled_from((32, 64)),
    edges=st.tuples(*[st.floats(0, 1)] * 4),
    band=st.sampled_from((300, composite.BAND)),
    seed=st.integers(0, 10_000),
)
def test_what_is_laid_over_is_what_the_plain_formula_says(
    mode: str, width: int, height: int, size: int, edges: tuple[float, ...], band: int, seed: int
) -> None:
    """Within 1 of 255, in one band or in many, wherever the mask lies and however the picture is larger."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, len(mode)), np.uint8)
    pixels[..., :3] = 255 * smooth_noise(random, max(width, height))[:height, :width]
    mask = np.zeros((height, width), np.uint8)
    (top, bottom), (left, right) = sorted(edges[:2]), sorted(edges[2:])
    mask[int(top * (height - 1)) : int(bottom * height) + 1, int(left * (width - 1)) : int(right * width) + 1] = 255
    portrait = Portrait(pixels, mask, "digest", ())
    plainly = plain_composite.cut(portrait, size)
    painted = np.clip(plainly.pixels + 0.6 * plainly.mask[..., None] * (smooth_noise(random, size) - 0.5), 0, 1)
    expected = np.asarray(plain_composite.lay_over(portrait, plainly, painted)).astype(int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composite, "BAND", band)
        cutting = cut(portrait, size)
        result = np.asarray(lay_over(portrait, cutting, painted)).astype(int)
    assert np.abs(cutting.pixels - plainly.pixels).max() < 1e-5 and (cutting.mask == plainly.mask).all()
    assert np.abs(rim_shift(cutting, painted) - plain_composite.rim_shift(plainly, painted)).max() < 1e-4
    assert np.abs(change(cutting, painted) - plain_composite.change(plainly, painted)).max() < 2 / 255
    visible = portrait.pixels[..., -1:] > 40 if mode == "RGBA" else True  # below, a colour's 255 steps mean little
    assert np.abs(np.where(visible, result - expected, 0)).max() <= 1


@pytest.mark.parametrize(("before", "after"), [(7, 7), (9, 40), (300, 32), (600, 5)])
@pytest.mark.parametrize("filtering", [Image.Resampling.LANCZOS, Image.Resampling.BOX, Image.Resampling.BILINEAR])
def test_a_matrix_resizes_as_pillow_does(before: int, after: int, filtering: Image.Resampling) -> None:
    values = np.random.default_rng(0).random((before, before, 1), np.float32)
    expected = np.asarray(Image.fromarray(values[..., 0]).resize((after, after), filtering))
    assert np.abs(resize(values, after, filtering)[..., 0] - expected).max() < 1e-5


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_neighbours_are_those_of_pillows_rank_filters(reach: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (17, 12), np.uint8)
    image, size = Image.fromarray(values), 2 * reach + 1
    assert (around(values, np.minimum, reach) == np.asarray(image.filter(ImageFilter.MinFilter(size)))).all()
    assert (around(values, np.maximum, reach) == np.asarray(image.filter(ImageFilter.MaxFilter(size)))).all()


LARGE = """
import resource, sys
import numpy as np
from avatar.composite import cut, lay_over
from avatar.mask import Portrait

def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

side = 3400
pixels, mask = np.zeros((side, side, 4), np.uint8), np.full((side, side), 255, np.uint8)
pixels[...] = 200
before = peak()
portrait = Portrait(pixels, mask, "digest", ())
cutting = cut(portrait, 128)
face = lay_over(portrait, cutting, cutting.pixels * 0.5)
assert face.size == (side, side) and face.getpixel((side // 2, side // 2))[0] < 200
print(peak() - before, pixels.nbytes)
"""


def test_a_large_portrait_needs_little_more_memory_than_its_copy() -> None:
    """Twelve million pixels, the mask white all over: two copies of the picture (the face, Pillow's own), and bands.
    Whole arrays of floats would be 140 MB each. (The largest portrait that is taken, 40 million, needs 240 MB more.)"""
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    grown, picture = map(int, done.stdout.split())
    assert grown < 2 * picture + (64 << 20)
