import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avatar.mask import Crop, Portraits, bounding_box, crop_around, feather, open_portrait
from avatar.picture import PortraitError
from avatar.proposals import Proposals
from tests.avatar.pictures import face_mask, face_picture


def saved(tmp_path: Path, image: Image.Image, name: str = "base.png") -> Path:
    path = tmp_path / name
    image.save(path)
    return path


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


def test_what_may_not_be_meant_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "base.gif", save_all=True, append_images=frames[1:])
    mask = saved(tmp_path, Image.new("L", (8, 8), 255), "mask.png")
    portraits = Portraits(Proposals(tmp_path / "masks"))
    for modified in (1, 2):
        os.utime(mask, ns=(modified, modified))
        assert portraits.open(tmp_path / "base.gif", mask).mask.all()
    assert [message.partition(" ")[2] for message in caplog.messages] == [
        "holds more than one picture (it may be animated): only the first is used.",
        "is black nowhere, so the whole picture is painted anew: paint black what must stay as it is.",
    ]


@pytest.mark.parametrize("size", [(1, 1), (20, 3000), (3000, 20), (1, 700)])
def test_a_picture_of_any_shape_has_a_proposal_and_a_crop(tmp_path: Path, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    portrait = open_portrait(saved(tmp_path, Image.fromarray(noise)), None)
    assert portrait.mask.shape == (size[1], size[0]) and portrait.mask.any() and portrait.crop.side >= 1


def test_in_a_mask_transparent_counts_as_black(tmp_path: Path) -> None:
    mask = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    mask.putpixel((3, 3), (255, 255, 255, 255))
    portrait = open_portrait(saved(tmp_path, face_picture(8)), saved(tmp_path, mask, "mask.png"))
    assert bounding_box(portrait.mask) == (3, 3, 4, 4)


def test_a_proposed_mask_is_kept_and_may_be_corrected(tmp_path: Path) -> None:
    base, proposals = saved(tmp_path, face_picture(96)), tmp_path / "masks"
    portraits = Portraits(Proposals(proposals))
    proposed = portraits.open(base, None)
    [file] = proposals.iterdir()
    assert portraits.open(base, None) is proposed
    face_mask(96).save(file)
    os.utime(file, ns=(1, 1))
    corrected = portraits.open(base, None)
    assert (corrected.mask == np.asarray(face_mask(96))).all() and corrected.digest != proposed.digest


def test_a_changed_base_picture_is_read_again(tmp_path: Path) -> None:
    base, mask = saved(tmp_path, face_picture(64)), saved(tmp_path, face_mask(64), "mask.png")
    portraits = Portraits(Proposals(tmp_path / "masks"))
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
