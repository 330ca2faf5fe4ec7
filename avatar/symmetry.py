"""Where a face seems to be, by symmetry and detail alone: an ellipse for pictures in which the finder sees nothing.

A face in a portrait is (a) somewhat above the middle, (b) mirror-symmetric in what it is made of: eyes, brows, the ends
of a mouth, and (c) busier than the skin around it. The search takes the box that holds most mirrored detail for its
size. It is wrong on profiles, off the middle and before busy grounds (avatar/proposal.py says how often).
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_SIDE = 96  # the search works on a copy whose longer side is this
_WIDTHS = (0.13, 0.16, 0.19, 0.22, 0.26)  # half widths tried, as fractions of the shorter side
_TALLER = 1.05  # height over width of the ellipse
_GROWTH = 1.4  # the mask is this much wider than what was found: brows rise, mouths open
_LIKELY = (0.5, 0.51)  # where a face's middle is expected, as fractions of width and height
_SPREAD = 0.12  # and how far from there it may be
_DENSITY = 0.7  # how much dense detail counts over much detail: 0 = only the sum, 1 = only the mean


def ellipse(picture: Image.Image) -> Image.Image:
    """A mask "L" for a picture "RGB" or "RGBA": 255 inside an ellipse over the face, else 0; never all 0."""
    x, y, half = find_face(np.asarray(picture))
    wide, tall = max(half * _GROWTH, 1.0), max(half * _GROWTH * _TALLER, 1.0)
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).ellipse((x - wide, y - tall, x + wide, y + tall), fill=255)
    return mask


def find_face(pixels: Bytes) -> tuple[float, float, float]:
    """Middle x, middle y and half width of the face, in pixels of the picture (H, W, 3 or 4)."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    busy = detail(np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX)))
    found = max(_best_on_axis(busy, column) for column in range(size[0] // 4, size[0] * 3 // 4 + 1))
    _, x, y, half = found
    return (x + 0.5) / scale, (y + 0.5) / scale, half / scale


def detail(pixels: Bytes) -> Floats:
    """How much happens at each pixel, (H, W) in 0..1: colour edges inside the figure; its outline counts little."""
    colours = pixels.astype(np.float32)[..., :3] / 255
    edges = np.zeros(colours.shape[:2], np.float32)
    edges[1:] += np.abs(np.diff(colours, axis=0)).max(-1)
    edges[:, 1:] += np.abs(np.diff(colours, axis=1)).max(-1)
    return np.asarray(np.minimum(edges, 1) * _inside(pixels), np.float32)


def _inside(pixels: Bytes) -> Floats:
    """1 well inside the figure, 0 outside: what is opaque and unlike the picture's upper border, a little shrunk."""
    colours = pixels[..., :3].astype(np.float32)
    border = np.concatenate((colours[0], colours[: len(colours) // 2, 0], colours[: len(colours) // 2, -1]))
    unlike = np.abs(colours - np.median(border, axis=0)).max(-1) > 24
    figure = unlike & (pixels[..., 3] > 127) if pixels.shape[-1] == 4 else unlike
    image = Image.fromarray(np.uint8(255) * figure.astype(np.uint8))
    closed = image.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(9))
    return np.asarray(np.asarray(closed) / 255 * 0.9 + 0.1, np.float32)


def _best_on_axis(busy: Floats, axis: int) -> tuple[float, int, int, float]:
    """The best box that is mirror-symmetric about a column: (worth, column, row, half width)."""
    height, width = busy.shape
    reach = min(axis, width - 1 - axis)
    folded = np.minimum(busy[:, axis - reach : axis + reach + 1], busy[:, axis - reach : axis + reach + 1][:, ::-1])
    sums = np.zeros((height + 1, folded.shape[1] + 1), np.float32)
    sums[1:, 1:] = folded.cumsum(0).cumsum(1)
    found = (-1.0, axis, height // 2, 1.0)
    for fraction in _WIDTHS:
        half = fraction * min(busy.shape)
        wide, tall = min(round(half), reach), round(half * _TALLER)
        rows = np.arange(height)
        top, bottom = np.maximum(rows - tall, 0), np.minimum(rows + tall + 1, height)
        columns = sums[:, reach + wide + 1] - sums[:, reach - wide]
        worth = (columns[bottom] - columns[top]) / max(half, 1) ** (2 * _DENSITY) * _expected(axis, rows, busy.shape)
        row = int(worth.argmax())
        found = max(found, (float(worth[row]), axis, row, half))
    return found


def _expected(column: int, rows: NDArray[np.int_], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """How likely a face has its middle there, a bell around the expected place: (rows,)."""
    across = (column / shape[1] - _LIKELY[0]) / _SPREAD
    down = (rows / shape[0] - _LIKELY[1]) / _SPREAD
    return np.asarray(np.exp(-0.5 * (across**2 + down**2)))
