import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar import picture as picture_module
from avatar.picture import PortraitError, holds_more, is_plain_png, open_picture
from tests.avatar.pictures import face_picture

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


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.webp", "a.tif"])
def test_a_file_with_more_than_one_picture_is_known_for_it(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert holds_more(tmp_path / name) and not is_plain_png(tmp_path / name)
    red, _, blue = np.asarray(open_picture(tmp_path / name))[0, 0, :3].tolist()
    assert red > 250 and blue < 5  # WebP is not exact
    frames[0].save(tmp_path / name)
    assert not holds_more(tmp_path / name) and is_plain_png(tmp_path / name) == name.endswith(".png")


def test_a_picture_to_be_turned_is_not_shown_alike_everywhere(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    face_picture(8).save(tmp_path / "a.png", exif=exif)
    assert not is_plain_png(tmp_path / "a.png")


def test_the_one_grey_of_a_16_bit_picture_that_is_clear_stays_clear(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 257 * 100, 257 * 100 + 1]], np.uint16)).save(tmp_path / "a.png", transparency=25700)
    assert np.asarray(open_picture(tmp_path / "a.png"))[0].tolist() == [
        [0] * 3 + [255],
        [100] * 3 + [0],
        [100] * 3 + [255],
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "is missing"),
        (b"", "an empty file"),
        (b'<?xml version="1.0"?>\n<SVG xmlns="http://www.w3.org/2000/svg"></SVG>', "an SVG drawing"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "a HEIC file"),
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
    monkeypatch.setattr(picture_module, "MAX_PIXELS", 10)
    with pytest.raises(PortraitError, match="5 x 4 pixels"):
        open_picture(saved(tmp_path, Image.new("L", (5, 4))))


def header(side: int) -> bytes:
    """The beginning of a PNG that claims to be so wide and high."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    wide = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", wide) + chunk(b"IDAT", zlib.compress(b"\0"))


@pytest.mark.parametrize("side", [6400, 10_000, 50_000])
def test_a_header_that_claims_to_be_huge_costs_a_sentence_and_no_memory(tmp_path: Path, side: int) -> None:
    path = tmp_path / "base.png"
    path.write_bytes(header(side))
    tracemalloc.start()
    try:
        for look in (open_picture, holds_more, is_plain_png):
            with pytest.raises(PortraitError, match="40,000,000"):
                look(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
