"""Pictures from files: whatever Pillow opens, in one form; everything else is answered with one sentence."""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 40_000_000  # 6,300 x 6,300: above any portrait, below what a hostile file may claim to hold
_ORIENTATION = 0x0112  # Exif's tag; 1 = upright


class PortraitError(ValueError):
    """A base picture or mask cannot be used; str() is the sentence for the admin."""


def open_picture(path: Path) -> Image.Image:
    """The picture in a file as "RGB", or "RGBA" if it has transparency: upright, 8 bit, the first if there are more."""
    with _opened(path) as image:
        image.load()
        return _eight_bit(ImageOps.exif_transpose(image))


def holds_more(path: Path) -> bool:
    """Whether a file holds more pictures than the one that is used: an animation, pages. Raises PortraitError."""
    with _opened(path) as image:
        return bool(getattr(image, "is_animated", False))


def is_plain_png(path: Path) -> bool:
    """Whether every viewer shows a file as `open_picture` does: a PNG that is neither animated nor to be turned.

    Raises PortraitError.
    """
    with _opened(path) as image:
        animated = bool(getattr(image, "is_animated", False))
        return image.format == "PNG" and not animated and image.getexif().get(_ORIENTATION, 1) == 1


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A picture whose header was read; whatever goes wrong with it becomes one sentence."""
    if not path.is_file():
        raise PortraitError(f"{path} is missing: put a picture there.")
    try:
        with Image.open(path) as image:
            _check_size(path, image.size)
            yield image
    except PortraitError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PortraitError(f"{path} has too many pixels: at most {MAX_PIXELS:,} can be used.") from error
    except UnidentifiedImageError as error:
        raise PortraitError(f"{path} {_what_it_is(path)}") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError) as error:
        # Pillow's decoders fail in all these ways on damaged files.
        raise PortraitError(f"{path} cannot be read as a picture ({error}): save it again as PNG.") from error


def _what_it_is(path: Path) -> str:
    """What an admin should do about a file that Pillow does not know, by how it begins."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "is an empty file: copy the picture again."
    if b"<svg" in head.lower():
        return "is an SVG drawing, which has no pixels: export it as PNG."
    if head[4:8] == b"ftyp":
        kind = head[8:12].decode("ascii", "replace").upper()
        return f"is a {kind} file, as phones and cameras make them, which cannot be read here: save it as PNG."
    return "is not a picture that can be read: save it as PNG."


def to_png(image: Image.Image, compress_level: int = 6) -> bytes:
    """The picture as PNG bytes, without metadata. compress_level: zlib's, 0 (none) to 9 (slow)."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=compress_level)
    return buffer.getvalue()


def png_of(path: Path) -> bytes:
    """A picture's file if it is a PNG already, else the picture as one. Raises PortraitError."""
    content = path.read_bytes()
    return content if content.startswith(b"\x89PNG\r\n\x1a\n") else to_png(open_picture(path))


def to_small_png(image: Image.Image) -> bytes:
    """A drawing as PNG bytes of a third of the size: 255 colours, and clear where it is more than half transparent."""
    clear = image.getchannel("A").point(lambda alpha: 255 * (alpha < 128)) if image.has_transparency_data else None
    small = image.convert("RGB").quantize(255, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    if clear is None:
        small.save(buffer, "PNG", optimize=True)
    else:
        small.putpalette([*(small.getpalette() or [])[: 3 * 255], 0, 0, 0])
        small.paste(255, mask=clear)
        small.save(buffer, "PNG", optimize=True, transparency=255)
    return buffer.getvalue()


def _check_size(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise PortraitError(f"{path} has {size[0]} x {size[1]} pixels: at most {MAX_PIXELS:,} in all can be used.")


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        clear = image.info.get("transparency")  # the one grey value that is seen through
        scaled = _scaled(image)
        if clear is not None:
            scaled.putalpha(Image.fromarray(np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)))
        image = scaled
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """Wide grey values as "L". Pillow's own conversion clips at 255, which makes 16-bit pictures white."""
    values = np.asarray(image).astype(np.float64)
    top = 65535.0 if image.mode != "F" else 1.0
    if image.mode in ("I", "F") and values.max(initial=0) <= 255 and (image.mode == "I" or values.max(initial=0) > 1):
        top = 255.0  # 8-bit values in a wide format
    return Image.fromarray(np.clip(np.nan_to_num(values) / top * 255 + 0.5, 0, 255).astype(np.uint8))
