"""Pictures for members to look at: as large as a chat shows them, within what Discord takes of everybody."""

from pathlib import Path

from PIL import Image

from avatar.picture import open_picture, to_png

MOST_BYTES = 8_000_000  # Discord takes 10 MiB of a bot's file in a server without boosts
MOST_SIDE = 2048  # pixels; a chat shows no more, and a phone need not load it


def large_png(path: Path) -> bytes:
    """The whole picture in a file as PNG, as it is where that fits, else made smaller. Raises PortraitError."""
    picture = open_picture(path)
    if max(picture.size) <= MOST_SIDE and _is_small_png(path):
        return path.read_bytes()
    return fitting_png(picture)


def fitting_png(picture: Image.Image) -> bytes:
    """The picture as PNG, made smaller until it is small enough to post."""
    picture = _within(picture, MOST_SIDE)
    while len(png := to_png(picture)) > MOST_BYTES:
        picture = _within(picture, max(picture.size) * 3 // 4)
    return png


def _within(picture: Image.Image, side: int) -> Image.Image:
    """No side longer than `side`; the same picture where it fits."""
    if max(picture.size) <= side:
        return picture
    smaller = picture.copy()
    smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
    return smaller


def _is_small_png(path: Path) -> bool:
    with path.open("rb") as file:
        return path.stat().st_size <= MOST_BYTES and file.read(8) == b"\x89PNG\r\n\x1a\n"
