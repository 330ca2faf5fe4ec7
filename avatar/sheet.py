"""A contact sheet: a persona's faces side by side, each with its name, for docs and `mien persona sheet`."""

from collections.abc import Collection, Sequence
from math import ceil
from pathlib import Path

from PIL import Image, ImageDraw

from avatar.lettering import Lettering
from avatar.picture import open_picture

PAPER, INK, PALE = (255, 255, 255), (34, 34, 38), (150, 150, 158)
FADED = 0.25  # how much of a picture is left that only keeps a face's place
GAP = 12  # pixels between tiles
LABEL = 36  # height of a label


def contact_sheet(
    faces: Sequence[tuple[str, Path]], tile: int = 256, columns: int = 5, awaited: Collection[str] = ()
) -> Image.Image:
    """Faces as (name, picture file), row by row, `tile` pixels wide each -> "RGB". Raises PortraitError.

    awaited: names of faces that are not there yet; their picture is shown faded, in a broken frame.
    """
    columns = max(1, min(columns, len(faces)))
    rows = ceil(len(faces) / columns)
    sheet = Image.new("RGB", (GAP + columns * (tile + GAP), GAP + rows * (tile + LABEL + GAP)), PAPER)
    for place, (name, path) in enumerate(faces):
        row, column = divmod(place, columns)
        corner = GAP + column * (tile + GAP), GAP + row * (tile + LABEL + GAP)
        picture = _tile(path, tile)
        sheet.paste(_keep_place(picture) if name in awaited else picture, corner)
        middle = corner[0] + tile // 2, corner[1] + tile + LABEL // 2
        _write(sheet, name, middle, tile, PALE if name in awaited else INK)
    return sheet


def _tile(path: Path, side: int) -> Image.Image:
    """The whole picture inside a square of paper."""
    picture = open_picture(path).convert("RGBA")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    tile = Image.new("RGBA", (side, side), PAPER)
    tile.alpha_composite(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return tile.convert("RGB")


def _keep_place(picture: Image.Image) -> Image.Image:
    """A square picture faded, in a broken frame: here will be a face."""
    faded = Image.blend(Image.new("RGB", picture.size, PAPER), picture, FADED)
    draw, end = ImageDraw.Draw(faded), picture.width - 1
    for start in range(0, end, 12):
        stop = min(start + 6, end)
        for line in ((start, 0, stop, 0), (start, end, stop, end), (0, start, 0, stop), (end, start, end, stop)):
            draw.line(line, PALE, 2)
    return faded


def _write(sheet: Image.Image, name: str, middle: tuple[int, int], width: int, ink: tuple[int, int, int]) -> None:
    """A name centred below its face, smaller if it is long."""
    lettering, size = Lettering(), 22.0
    name = lettering.legible(name)
    while size > 9 and lettering.length(name, size) > width:
        size -= 1
    shown = lettering.fitted(name, size, width)
    ImageDraw.Draw(sheet).text(middle, shown, ink, lettering.font(shown, size), anchor="mm")
