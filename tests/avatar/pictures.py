"""Pictures for the avatar tests, and what is asked of every face laid over one."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def face_picture(side: int) -> Image.Image:
    """Two eyes and a mouth on a disc."""
    picture = Image.new("RGB", (side, side), (90, 140, 200))
    draw = ImageDraw.Draw(picture)
    draw.ellipse(
        [side * 0.15, side * 0.15, side * 0.85, side * 0.9], fill=(250, 205, 150), outline=(40, 30, 30), width=2
    )
    for x in (0.38, 0.62):
        draw.ellipse([side * (x - 0.05), side * 0.38, side * (x + 0.05), side * 0.52], fill=(40, 30, 30))
    draw.arc([side * 0.38, side * 0.5, side * 0.62, side * 0.72], 20, 160, fill=(40, 30, 30), width=3)
    return picture


def face_mask(side: int) -> Image.Image:
    """White over eyes and mouth."""
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse([side * 0.26, side * 0.3, side * 0.74, side * 0.78], fill=255)
    return mask


def outside_is_untouched(base: Image.Image, face: Path, mask: Image.Image) -> bool:
    """Whether every pixel whose mask is 0, alpha included, is the base picture's byte for byte."""
    with Image.open(face) as painted:
        assert painted.size == base.size and painted.mode == base.mode
        same = (np.asarray(painted) == np.asarray(base)).all(-1)
    return bool(same[np.asarray(mask) == 0].all())
