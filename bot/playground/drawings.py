"""Pictures the playground draws itself: default avatars and the bot's own face."""

import io
from functools import cache

from PIL import Image, ImageDraw

SIZE, SCALE = 256, 4  # drawn four times larger, then shrunk: smooth edges
COLOURS = ("#5865f2", "#3ba55d", "#e67e22", "#ed4245", "#eb459e", "#00a8b5")  # one per default avatar
DEFAULTS = len(COLOURS)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _canvas(colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (SIZE * SCALE, SIZE * SCALE), colour)
    return picture, ImageDraw.Draw(picture)


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: str) -> None:
    """A disc around (x, y), in parts of the picture's side."""
    side = SIZE * SCALE
    draw.ellipse([(x - radius) * side, (y - radius) * side, (x + radius) * side, (y + radius) * side], fill=fill)


@cache
def default_avatar(index: int) -> bytes:
    """Somebody's head and shoulders on one of six colours, as PNG."""
    picture, draw = _canvas(COLOURS[index % DEFAULTS])
    _disc(draw, 0.5, 0.98, 0.34, "#ffffff")
    _disc(draw, 0.5, 0.40, 0.205, COLOURS[index % DEFAULTS])
    _disc(draw, 0.5, 0.40, 0.17, "#ffffff")
    return _png(picture)


@cache
def bot_face() -> bytes:
    """A mask with one eyebrow raised, as PNG: the bot before it wears anybody's face."""
    picture, draw = _canvas("#8b6fd6")
    side = SIZE * SCALE
    draw.line([0, 0.30 * side, side, 0.30 * side], fill="#5b3f9e", width=int(0.05 * side))  # its ribbon
    draw.ellipse([0.2 * side, 0.10 * side, 0.8 * side, 0.88 * side], fill="#f6e7c8")
    for x in (0.37, 0.63):
        _disc(draw, x, 0.42, 0.062, "#2f2a4a")
        _disc(draw, x + 0.02, 0.40, 0.018, "#ffffff")
    draw.arc([0.28 * side, 0.31 * side, 0.46 * side, 0.43 * side], 195, 335, "#8a5a44", int(0.026 * side))
    draw.arc([0.54 * side, 0.27 * side, 0.72 * side, 0.39 * side], 195, 335, "#8a5a44", int(0.026 * side))
    draw.arc([0.34 * side, 0.42 * side, 0.66 * side, 0.70 * side], 25, 155, fill="#b5485d", width=int(0.034 * side))
    for x in (0.28, 0.72):
        _disc(draw, x, 0.54, 0.045, "#f0b8a8")
    return _png(picture)
