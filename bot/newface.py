"""Putting a new portrait or a new mask into a persona's folder: whole or not at all, the old one kept beside it.

`base.png` → `base.before-1.png`, `base.before-2.png`, …: numbered, never overwritten. Whether the folder may be
written to is asked before anything is changed. It knows no Discord and no page.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avatar.picture import PortraitError, open_picture, to_png
from avatar.shelf import write_whole
from bot.errors import MienError
from persona.card import BASE_FILE, MASK_FILE

LEAST_SIDE = 64  # pixels; a smaller picture has no room for a face


def is_writable(folder: Path) -> bool:
    """Whether files can be put into a persona's folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def require_writable(folder: Path) -> None:
    """Raises MienError where they cannot."""
    if not is_writable(folder):
        raise MienError(f"The folder {folder} is read-only: let Mien write there, or put the file there yourself.")


def keep_mask(folder: Path, mask: NDArray[np.uint8]) -> Path:
    """Write mask.png (H, W), 0 or 255, into a persona's folder; the old one stays as a backup."""
    return _keep(folder / MASK_FILE, to_png(Image.fromarray(mask, "L")))


def keep_portrait(folder: Path, portrait: Image.Image, mask: NDArray[np.uint8]) -> None:
    """Write base.png and the mask that belongs to it; the old ones stay as backups.

    The old mask leaves first: whoever looks in between finds a portrait without a mask, never with another's.
    """
    require_writable(folder)
    old = folder / MASK_FILE
    if old.is_file():
        old.rename(_backup(old))
    _keep(folder / BASE_FILE, to_png(portrait))
    write_whole(old, to_png(Image.fromarray(mask, "L")))


def read_portrait(path: Path) -> Image.Image:
    """A picture that somebody sent, as it can be painted on: "RGB" or "RGBA". PortraitError in one sentence."""
    picture = open_picture(path)
    if min(picture.size) < LEAST_SIDE:
        raise PortraitError(
            f"{path.name} is {picture.width} x {picture.height} pixels: "
            f"send one at least {LEAST_SIDE} pixels wide and high."
        )
    return picture


def _keep(path: Path, content: bytes) -> Path:
    """Write a file whole; what stood there before is kept under the next free number."""
    require_writable(path.parent)
    if path.is_file():
        write_whole(_backup(path), path.read_bytes())
    write_whole(path, content)
    return path


def _backup(path: Path) -> Path:
    number = 1
    while (found := path.with_name(f"{path.stem}.before-{number}{path.suffix}")).exists():
        number += 1
    return found
