"""Animations in files: read back as they were written, still where nothing moves, and small enough to post."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from avatar.animation import EMOJI_BYTES, EMOJI_SIDE, SUFFIXES, Animation, encode, fitting, read_animation
from avatar.picture import PortraitError

SHOWN = [100, 40, 20, 40, 300, 40]


def moving(mode: str = "RGB", side: int = 96, noise: bool = False) -> Animation:
    """A red bar that moves down a picture of coloured squares; of "RGBA", a corner is clear and another half clear."""
    random = np.random.default_rng(7)
    squares = random.integers(0, 255, (side, side, 3) if noise else (6, 6, 3), dtype=np.uint8)
    base = Image.fromarray(squares).resize((side, side), Image.Resampling.NEAREST).convert(mode)
    if mode == "RGBA":
        base.paste((0, 0, 0, 0), (0, 0, side // 4, side // 4))
        base.putpixel((side - 1, side - 1), (9, 9, 9, 120))
    frames = []
    for place in range(len(SHOWN)):
        frame = base.copy()
        top = side // 4 + place
        ImageDraw.Draw(frame).rectangle((side // 4, top, side // 2, top + side // 8), fill=(230, 20, 30))
        frames.append(frame)
    return Animation(frames, SHOWN)


def pixels(animation: Animation) -> np.ndarray:
    return np.stack([np.asarray(frame) for frame in animation.frames]).astype(int)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("suffix", [".webp", ".png", ".apng"])
def test_what_is_written_without_loss_is_read_back(suffix: str, mode: str) -> None:
    animation = moving(mode)
    read = read_animation(encode(animation, suffix))
    assert [frame.mode for frame in read.frames] == [mode] * len(SHOWN)
    assert list(read.milliseconds) == SHOWN
    assert (pixels(read) == pixels(animation)).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_gif_stands_still_where_nothing_moves_and_keeps_transparency(mode: str) -> None:
    animation = moving(mode)
    read = read_animation(encode(animation, ".gif"))
    assert list(read.milliseconds) == SHOWN
    said, was = pixels(read), pixels(animation)
    still = (was == was[:1]).all((0, -1))
    assert (said[:, still] == said[:1, still]).all()
    seen = was[..., 3] >= 128 if mode == "RGBA" else np.ones(was.shape[:3], bool)
    assert np.abs(said - was)[seen][:, :3].max() <= 8
    if mode == "RGBA":
        assert ((said[..., 3] == 255) == seen).all() and ((said[..., 3] == 0) == ~seen).all()


def test_a_gif_of_nothing_that_can_be_seen_is_one() -> None:
    nothing = Animation([Image.new("RGBA", (8, 8))] * 2, [100, 100])
    assert not pixels(read_animation(encode(nothing, ".gif")))[..., 3].any()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_is_made_smaller_until_it_fits(suffix: str) -> None:
    noise = moving(side=200, noise=True)
    whole = len(encode(noise, suffix))
    small = fitting(noise, suffix, most_bytes=whole // 3)
    read = read_animation(small)
    assert len(small) <= whole // 3
    assert len(read.frames) == len(SHOWN)
    assert read.frames[0].size[0] < 200 or suffix == ".webp"


def test_an_emoji_is_a_small_square_around_the_face() -> None:
    wide = Animation([Image.new("RGB", (400, 200), (0, 0, 9 * place)) for place in range(3)], [50, 50, 50])
    wide.frames[0].paste((255, 0, 0), (300, 0, 400, 200))
    square = wide.square((0.9, 0.5))
    assert square.frames[0].size == (200, 200) and square.frames[0].getpixel((150, 100)) == (255, 0, 0)
    emoji = fitting(square, ".gif", EMOJI_BYTES, EMOJI_SIDE)
    assert len(emoji) <= EMOJI_BYTES and read_animation(emoji).frames[0].size == (EMOJI_SIDE, EMOJI_SIDE)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"no picture at all"])
def test_what_is_no_animation_is_one_sentence(content: bytes) -> None:
    with pytest.raises(PortraitError, match="no animation that can be read"):
        read_animation(content)
