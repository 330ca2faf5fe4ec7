"""A mask for a portrait that came without one: where brows, eyes, mouth and cheeks seem to be.

    1. the finder says for each pixel how surely it belongs to a face      avatar/finder.py
    2. the one piece that it is surest of, without holes, edges smoothed
    3. nothing sure, or nothing drawn there? then an ellipse where there is mirrored detail         avatar/symmetry.py

On drawn characters that the finder never saw it covers nearly all of brows, eyes and mouth (`python -m bench.proposal`
measures it). It may still be wrong on an unusual picture; that is why a proposal is kept as a file that an admin can
look at and correct (avatar/mask.py says where; `mien persona mask` shows it).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from avatar.finder import find
from avatar.symmetry import ellipse

WORK = 384  # the mask is made on a copy whose longer side is at most this
SURE = 0.4  # chances above this belong to the face
PLAIN = 8  # steps of brightness, of 255, below which there is nothing but skin, or a wall
LEAST = 0.0015  # a smaller share of the picture is no face
SMOOTH, GROWN = 1 / 14, 1 / 40  # of the face's width: roundness of the edge, and what is added all around
MIDDLE = 0.4, 0.6  # shares of width and height that count as the middle

Bytes = NDArray[np.uint8]


def propose(picture: Image.Image) -> Image.Image:
    """A mask "L" for a picture "RGB" or "RGBA": 255 where the face may change, else 0. Some of it always is 255."""
    small = picture.copy()
    small.thumbnail((WORK, WORK), Image.Resampling.BOX)
    face = _face(np.asarray(find(small)))
    if face is None or not _drawn(small, face):
        return ellipse(picture)
    large = face.resize(picture.size, Image.Resampling.BICUBIC)
    return large.point(lambda value: 255 * (value > 127))


def _face(chances: NDArray[np.float32]) -> Image.Image | None:
    """The piece that is surest to be a face, "L"; None where none is."""
    sure = Image.fromarray(np.uint8(255) * (chances > SURE).astype(np.uint8)).copy()
    row, column = np.unravel_index(int(_blurred(chances).argmax()), chances.shape)
    if sure.getpixel((int(column), int(row))) != 255:
        return None
    ImageDraw.floodfill(sure, (int(column), int(row)), 128)
    piece = np.asarray(sure) == 128
    if piece.mean() < LEAST:
        return None
    return rounded(without_holes(piece), int(np.flatnonzero(piece.any(0)).size))


def _drawn(picture: Image.Image, face: Image.Image) -> bool:
    """Is anything to be seen there? A finder of faces finds one in a plain wall, too."""
    inside = np.asarray(picture.convert("L"))[np.asarray(face) > 127]
    return inside.size > 0 and int(inside.max()) - int(inside.min()) >= PLAIN


def _blurred(chances: NDArray[np.float32]) -> Bytes:
    """The middle of a face has sure neighbours on all sides."""
    radius = max(1.0, max(chances.shape) / 40)
    return np.asarray(Image.fromarray(np.uint8(255 * chances)).filter(ImageFilter.GaussianBlur(radius)))


def without_holes(piece: NDArray[np.bool_]) -> Image.Image:
    """A piece (H, W) with what it surrounds, "L"."""
    outside = Image.fromarray(np.uint8(255) * np.pad(~piece, 1, constant_values=True).astype(np.uint8)).copy()
    ImageDraw.floodfill(outside, (0, 0), 128)
    return Image.fromarray(np.uint8(255) * (np.asarray(outside)[1:-1, 1:-1] != 128).astype(np.uint8))


def rounded(piece: Image.Image, width: int) -> Image.Image:
    """Grown by GROWN of its width, its corners and dents evened out by SMOOTH."""
    growth = 2 * round(width * GROWN) + 1
    grown = piece.filter(ImageFilter.MaxFilter(growth)) if growth > 1 else piece
    smooth = grown.filter(ImageFilter.GaussianBlur(width * SMOOTH / 2))
    return smooth if (np.asarray(smooth) > 127).any() else grown


def place_in_words(mask: Bytes) -> str:
    """Where a mask (H, W) lies and how large it is: "212 x 180 pixels, 14 % of the picture, in the middle"."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x, y = (columns[0] + columns[-1] + 1) / 2 / width, (rows[0] + rows[-1] + 1) / 2 / height
    across = "left" if x < MIDDLE[0] else "right" if x > MIDDLE[1] else ""
    down = "upper" if y < MIDDLE[0] else "lower" if y > MIDDLE[1] else ""
    where = f"in the {' '.join(filter(None, (down, across)))} part" if across or down else "in the middle"
    size = f"{columns[-1] - columns[0] + 1} x {rows[-1] - rows[0] + 1} pixels"
    return f"{size}, {max(0.001, float((mask > 0).mean())):.1%} of the picture, {where}"
