"""A picture of a mask: the portrait, what may change in it tinted, and the square that is painted drawn around."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from avatar.mask import Portrait

TINT = np.array([235, 60, 90], np.float32)  # of what may change
STRENGTH = 0.45
BACKDROP = 128  # behind transparent portraits
SIDE = 1024  # longer side of the picture at most


def overlay(portrait: Portrait, side: int = SIDE) -> Image.Image:
    """ "RGB", at most `side` pixels wide and high; never larger than the portrait."""
    crop, width = portrait.crop, portrait.pixels.shape[1]
    picture = _tinted(portrait)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    scale = picture.width / width
    box = [crop.left * scale, crop.top * scale, (crop.left + crop.side) * scale - 1, (crop.top + crop.side) * scale - 1]
    pen = max(1, round(max(picture.size) / 256))
    draw = ImageDraw.Draw(picture)
    draw.rectangle(box, outline="black", width=3 * pen)
    draw.rectangle([box[0] + pen, box[1] + pen, box[2] - pen, box[3] - pen], outline="white", width=pen)
    return picture


def _tinted(portrait: Portrait) -> Image.Image:
    grey = Image.new("RGBA", portrait.image.size, (BACKDROP, BACKDROP, BACKDROP, 255))
    pixels = np.asarray(Image.alpha_composite(grey, portrait.image.convert("RGBA")).convert("RGB"))
    share = (portrait.mask / 255 * STRENGTH)[..., None]
    tinted = pixels * (1 - share) + TINT * share
    tinted[_edge(portrait.mask)] = TINT
    return Image.fromarray(tinted.astype(np.uint8))


def _edge(mask: np.ndarray) -> np.ndarray:
    """Where the mask ends, (H, W) bool, as wide as can be seen."""
    width = 2 * max(1, max(mask.shape) // 512) + 1
    inside = Image.fromarray(np.where(mask > 0, np.uint8(255), np.uint8(0)))
    return np.asarray((np.asarray(inside) > 0) & (np.asarray(inside.filter(ImageFilter.MinFilter(width))) == 0))
