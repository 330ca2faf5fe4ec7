"""Cutting the crop out of a portrait for the painter, and laying the painted crop back over the picture.

The painter works at its own size (192 pixels for the starter), the picture is usually larger, and a small painter is a
little off in tone. So what is laid back is

    1. shifted in colour to meet the picture at the mask's rim, smoothly over the whole crop;
    2. only what changed: where the painter merely repeated the picture, the sharper original stays;
    3. enlarged with steep edges;
    4. feathered inside the mask, so that pixels whose mask is 0 keep their bytes.

All arrays are (height, width, channels), colours in 0..1. It knows no model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from avatar.mask import FEATHER_PX, Bytes, Floats, Portrait, bounding_box, feather
from avatar.resampling import Enlarged, Filter, around, planes, resizing, smooth

BACKDROP = 1.0  # the painter sees transparent pictures on white
RIM = 1 / 32  # width of the rim in which tones are compared, of the crop's side
ALIKE, CHANGED = 12 / 255, 28 / 255  # colour differences taken for nothing, and taken for paint
REACH = 2  # pixels around a change that belong to it, at the painter's size
SOFT = 5 / 3  # and how softly it ends
BAND = 1 << 18  # pixels that are cut or laid over at a time, so that a large portrait needs little memory


@dataclass(frozen=True, slots=True)
class Cutting:
    """The crop at the painter's size: pixels (S, S, 3) in 0..1, mask (S, S) of 0 and 1."""

    pixels: Floats
    mask: Floats


def cut(portrait: Portrait, size: int) -> Cutting:
    """The crop around a portrait's mask, `size` pixels wide and high."""
    crop = portrait.crop
    sharply, touching = (resizing(crop.side, size, way) for way in (Filter.LANCZOS, Filter.BOX))
    pixels, mask = np.zeros((3, size, size), np.float32), np.zeros((size, size), np.float32)
    lines, down = _inside(crop.top, crop.side, portrait.mask.shape[0])
    columns, across = _inside(crop.left, crop.side, portrait.mask.shape[1])
    for rows in _bands(0, crop.side, crop.side):
        seen = on_backdrop(portrait.pixels[lines[rows, None], columns])  # (h, side, 3)
        pixels += sharply[:, rows] @ (planes(seen) @ sharply.T)
        allowed = (portrait.mask[lines[rows, None], columns] > 0) & (down[rows, None] & across)
        mask += touching[:, rows] @ (allowed @ touching.T)
    # Whatever the mask touches may change: a thin mask must not get lost on the way down.
    return Cutting(np.ascontiguousarray(np.clip(np.moveaxis(pixels, 0, -1), 0, 1)), (mask > 0).astype(np.float32))


def lay_over(portrait: Portrait, cutting: Cutting, painted: Floats) -> Image.Image:
    """The portrait with the painted crop (S, S, 3) laid over it, "RGB" or "RGBA" like the portrait.

    Every pixel whose mask is 0, and every alpha, equals the portrait's byte for byte.
    """
    crop, result = portrait.crop, portrait.pixels.copy()
    left, top, right, bottom = bounding_box(portrait.mask)  # nothing else can change
    across = slice(left - crop.left, right - crop.left)
    painted = painted + rim_shift(cutting, painted)
    enlarged = Enlarged(painted, crop.side, across)
    near = resizing(len(painted), crop.side, Filter.BILINEAR)
    changed = change(cutting, painted) @ near[across].T  # (S, w)
    for rows in _bands(top, bottom, right - left):
        down = slice(rows.start - crop.top, rows.stop - crop.top)
        share = _share(portrait, rows, slice(left, right)) * np.clip(near[down] @ changed, 0, 1)
        _blend(result[rows, left:right], enlarged.rows(down), share)
    return Image.fromarray(result)


def _share(portrait: Portrait, rows: slice, columns: slice) -> Floats:
    """How much of the painting the mask lets through there, (h, w) in 0..1; see feather."""
    height, width = portrait.mask.shape
    reach = FEATHER_PX + 1  # how far away a pixel can be that matters, and one more, which shows where the mask ends
    top, left = max(0, rows.start - reach), max(0, columns.start - reach)
    around_it = portrait.mask[top : min(height, rows.stop + reach), left : min(width, columns.stop + reach)]
    let = feather(around_it, portrait.crop.side)
    return let[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def _blend(pixels: Bytes, painted: Floats, share: Floats) -> None:
    """Lay painted planes (3, h, w) over pixels (h, w, 3 or 4), in place, where the share (h, w) is not 0."""
    if pixels.shape[-1] == 4:
        share = share * (pixels[..., 3] > 0)  # nothing can be seen there
    old = planes(on_backdrop(pixels))
    blended = off_backdrop(np.moveaxis(old + (painted - old) * share, 0, -1), pixels)
    new = np.clip(np.rint(blended * 255), 0, 255).astype(np.uint8)
    np.copyto(pixels[..., :3], new, where=share[..., None] > 0)


def rim_shift(cutting: Cutting, painted: Floats) -> Floats:
    """What to add to a painted crop so that its colours meet the picture's at the mask's rim; (S, S, 3), smooth.

    Measured where the painting just inside the mask's edge still shows what the picture shows there, and spread over
    the crop by normalised blurring. Strong differences are paint, not tone, and do not count.
    """
    size = len(painted)
    width = max(1, round(size * RIM))
    rim = cutting.mask * (around(cutting.mask, np.minimum, width) == 0)
    difference = cutting.pixels - painted
    weight = (rim * np.exp(-np.square(difference / 0.1).sum(-1)))[..., None]  # (S, S, 1)
    spread = max(1, size // 6)
    shift = smooth(difference * weight, spread) / (smooth(weight, spread) + np.float32(1e-4))
    return np.asarray(shift * cutting.mask[..., None], np.float32)


def change(cutting: Cutting, painted: Floats) -> Floats:
    """How much of each pixel is paint, (S, S) in 0..1: 0 where the painting repeats the picture, 1 where it differs.

    The difference is taken between slightly blurred pictures: a line that was only drawn softer is no change. (Against
    the true drawings of 24 faces this more than halved the error where nothing should have changed.)
    """
    difference = np.abs(smooth(painted - cutting.pixels, 1)).max(-1)
    level = np.clip((difference - ALIKE) / (CHANGED - ALIKE), 0, 1)
    near = around(np.rint(level * 255).astype(np.uint8), np.maximum, REACH)
    soft = Image.fromarray(np.ascontiguousarray(near)).filter(ImageFilter.GaussianBlur(SOFT))
    return np.asarray(np.asarray(soft) / 255, np.float32)


def on_backdrop(pixels: Bytes) -> Floats:
    """Bytes (H, W, 3 or 4) as colours (H, W, 3) in 0..1, transparency laid on the backdrop."""
    colours = pixels[..., :3].astype(np.float32) / 255
    if pixels.shape[-1] == 3:
        return np.asarray(colours, np.float32)
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return np.asarray(colours * alpha + BACKDROP * (1 - alpha), np.float32)


def off_backdrop(colours: Floats, like: Bytes) -> Floats:
    """Undo on_backdrop for pictures with transparency: the colours that look so through the alpha of `like`."""
    if like.shape[-1] == 3:
        return colours
    alpha = like[..., 3:].astype(np.float32) / 255
    return np.asarray((colours - BACKDROP * (1 - alpha)) / np.maximum(alpha, 1 / 255), np.float32)


def _inside(start: int, side: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The places start .. start + side of a picture's rows or columns, its border repeated beyond it; and whether each
    is in the picture."""
    places = np.arange(start, start + side)
    return np.clip(places, 0, length - 1), (places >= 0) & (places < length)


def _bands(start: int, stop: int, width: int) -> Iterator[slice]:
    """The rows from start to stop, some at a time."""
    step = max(1, BAND // width)
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))
