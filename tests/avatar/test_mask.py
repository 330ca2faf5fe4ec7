import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import face_mask, face_picture
from PIL import Image

from avatar import mask as mask_module
from avatar.mask import Crop, PortraitError, Portraits, bounding_box, crop_around, feather, open_picture, open_portrait

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F")


def saved(tmp_path: Path, image: Image.Image, name: str = "base.png", form: str | None = None) -> Path:
    path = tmp_path / name
    image.save(path, form)
    return path


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_opens_as_rgb_or_rgba(tmp_path: Path, mode: str) -> None:
    form = "TIFF" if mode in ("CMYK", "YCbCr", "I", "F") else "PNG"
    opened = open_picture(saved(tmp_path, Image.new(mode, (5, 4)), form=form))
    assert opened.size == (5, 4)
    assert opened.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")


def test_a_palette_keeps_its_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    path = tmp_path / "base.png"
    picture.save(path, transparency=1)
    opened = open_picture(path)
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0, 255), (0, 0, 255, 0)]


def test_sixteen_bits_keep_their_greys(tmp_path: Path) -> None:
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    opened = np.asarray(open_picture(saved(tmp_path, Image.fromarray(values))))
    assert opened[0, :, 0].tolist() == [0, 100, 255]


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    picture = Image.new("RGB", (4, 2), (9, 9, 9))
    picture.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    path = tmp_path / "base.png"
    picture.save(path, exif=exif)
    opened = open_picture(path)
    assert opened.size == (2, 4) and opened.getpixel((1, 0)) == (255, 0, 0)


def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (3, 3), colour) for colour in ((10, 0, 0), (0, 200, 0))]
    path = tmp_path / "base.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert np.asarray(open_picture(path))[0, 0, :3].tolist() == [10, 0, 0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is missing"),
        (b"", "not a picture"),
        (b"hello, I am text", "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "picture"),
    ],
)
def test_what_is_no_picture_is_one_sentence(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "base.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PortraitError, match=says) as caught:
        open_picture(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_truncated_picture_is_one_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path, face_picture(64))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(PortraitError, match="cannot be read as a picture"):
        open_picture(path)


def test_every_single_damaged_byte_gives_a_picture_or_a_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path, face_picture(24))
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            assert open_picture(path).mode in ("RGB", "RGBA")
        except PortraitError as error:
            assert "\n" not in str(error)


def test_a_picture_with_too_many_pixels_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, Image.new("1", (20_000, 20_000)))  # 400 million pixels in 50 kB
    with pytest.raises(PortraitError, match="40,000,000"):
        open_picture(path)
    monkeypatch.setattr(mask_module, "MAX_PIXELS", 10)
    with pytest.raises(PortraitError, match="5 x 4 pixels"):
        open_picture(saved(tmp_path, Image.new("L", (5, 4))))


def test_a_mask_of_another_size_is_one_sentence(tmp_path: Path) -> None:
    base, mask = saved(tmp_path, face_picture(64)), saved(tmp_path, face_mask(32), "mask.png")
    with pytest.raises(PortraitError, match=r"32 x 32 pixels but base\.png is 64 x 64"):
        open_portrait(base, mask)


def test_a_black_mask_is_one_sentence_and_a_white_one_is_the_whole_picture(tmp_path: Path) -> None:
    base, mask = saved(tmp_path, face_picture(64)), tmp_path / "mask.png"
    Image.new("L", (64, 64), 0).save(mask)
    with pytest.raises(PortraitError, match="black all over"):
        open_portrait(base, mask)
    Image.new("L", (64, 64), 255).save(mask)
    assert open_portrait(base, mask).crop == Crop(0, 0, 64)


def test_in_a_mask_transparent_counts_as_black(tmp_path: Path) -> None:
    mask = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    mask.putpixel((3, 3), (255, 255, 255, 255))
    portrait = open_portrait(saved(tmp_path, face_picture(8)), saved(tmp_path, mask, "mask.png"))
    assert bounding_box(portrait.mask) == (3, 3, 4, 4)


def test_a_proposed_mask_is_kept_and_may_be_corrected(tmp_path: Path) -> None:
    base, proposals = saved(tmp_path, face_picture(96)), tmp_path / "masks"
    portraits = Portraits(proposals)
    proposed = portraits.open(base, None)
    [file] = proposals.iterdir()
    assert portraits.open(base, None) is proposed
    face_mask(96).save(file)
    os.utime(file, ns=(1, 1))
    corrected = portraits.open(base, None)
    assert (corrected.mask == np.asarray(face_mask(96))).all() and corrected.digest != proposed.digest


def test_a_changed_base_picture_is_read_again(tmp_path: Path) -> None:
    base, mask = saved(tmp_path, face_picture(64)), saved(tmp_path, face_mask(64), "mask.png")
    portraits = Portraits(tmp_path / "masks")
    before = portraits.open(base, mask)
    Image.new("RGB", (64, 64), "teal").save(base)
    os.utime(base, ns=(1, 1))
    assert portraits.open(base, mask).digest != before.digest


masks = st.builds(
    lambda width, height, seed, share: np.where(
        np.random.default_rng(seed).random((height, width)) < share, np.uint8(seed % 255 + 1), np.uint8(0)
    ),
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(0, 10_000),
    st.sampled_from((0.002, 0.05, 0.6, 1.1)),
).filter(lambda mask: bool(mask.any()))


@given(mask=masks)
def test_the_crop_holds_the_mask_and_stays_inside_where_it_can(mask: np.ndarray) -> None:
    height, width = mask.shape
    left, top, right, bottom = bounding_box(mask)
    crop = crop_around(mask)
    assert crop.left <= left and right <= crop.left + crop.side
    assert crop.top <= top and bottom <= crop.top + crop.side
    if crop.side <= min(width, height):
        assert crop.left >= 0 and crop.left + crop.side <= width and crop.top >= 0 and crop.top + crop.side <= height
    else:
        assert crop.side == max(right - left, bottom - top)


@given(mask=masks, side=st.integers(1, 600))
def test_the_feather_never_leaves_the_mask_and_never_loses_it(mask: np.ndarray, side: int) -> None:
    share = feather(mask, side)
    assert ((share > 0) == (mask > 0)).all()
    assert (share <= mask / 255 + 1e-6).all()


def test_the_feather_is_full_in_the_middle_and_at_the_pictures_border() -> None:
    mask = np.zeros((96, 96), np.uint8)
    mask[:48, 20:80] = 255
    share = feather(mask, 96)
    assert share[20, 50] == 1 and share[0, 50] == 1 and 0 < share[47, 50] < 1
