"""A contact sheet: a persona's faces side by side, each with its name, for docs and `mien persona sheet`."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from avatar.picture import open_picture

PAPER, INK = (255, 255, 255), (34, 34, 38)
GAP = 12  # pixels between tiles
LABEL = 36  # height of a label


def contact_sheet(faces: Sequence[tuple[str, Path]], tile: int = 256, columns: int = 5) -> Image.Image:
    """Faces as (name, picture file), row by row, `tile` pixels wide each -> "RGB". Raises PortraitError."""
    columns = max(1, min(columns, len(faces)))
    rows = ceil(len(faces) / columns)
    sheet = Image.new("RGB", (GAP + columns * (tile + GAP), GAP + rows * (tile + LABEL + GAP)), PAPER)
    for place, (name, path) in enumerate(faces):
        row, column = divmod(place, columns)
        corner = GAP + column * (tile + GAP), GAP + row * (tile + LABEL + GAP)
        sheet.paste(_tile(path, tile), corner)
        _write(sheet, name, corner[0] + tile // 2, corner[1] + tile + LABEL // 2, tile)
    return sheet


def _tile(path: Path, side: int) -> Image.Image:
    """The whole picture inside a square of paper."""
    picture = open_picture(path).convert("RGBA")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    tile = Image.new("RGBA", (side, side), PAPER)
    tile.alpha_composite(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return tile.convert("RGB")


def _write(sheet: Image.Image, name: str, middle: int, height: int, width: int) -> None:
    """A name centred below its face, smaller if it is long."""
    draw, size = ImageDraw.Draw(sheet), 22.0
    while size > 9 and draw.textlength(name, ImageFont.load_default(size)) > width:
        size -= 1
    draw.text((middle, height), name, INK, ImageFont.load_default(size), anchor="mm")
