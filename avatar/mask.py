"""A portrait: the base picture, and the mask that says which of its pixels may change.

Chooses the square crop that is painted, and how much of the painting each pixel takes. White in a mask means "may
change", as in inpainting tools. It knows no model.
"""

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avatar.picture import PortraitError, holds_more, open_picture
from avatar.proposal import propose
from avatar.proposals import Proposals

log = logging.getLogger(__name__)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

CONTEXT = 1 / 8  # how much of the mask's longer side the crop shows around it, on each side
CONTEXT_PX = (32, 64)  # and its limits, in pixels of a picture 512 wide; scaled with the picture
PORTRAITS_KEPT = 8
FEATHER = 1 / 48  # of the crop's side: the width over which the painting fades out inside the mask
FEATHER_PX = 24  # and at most this


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of the picture, in pixels; it may reach beyond a picture that is too narrow for it."""

    left: int
    top: int
    side: int


@dataclass(frozen=True)
class Portrait:
    """pixels (H, W, 3 or 4) RGB or RGBA; mask (H, W), 0 = must not change; digest = SHA-256 over both.

    sources: the files it was read from, the base picture first; named: SHA-256 of the base picture's file.
    """

    pixels: Bytes
    mask: Bytes
    digest: str
    sources: tuple[Path, ...]
    named: str = ""

    @property
    def image(self) -> Image.Image:
        """The base picture, "RGB" or "RGBA"."""
        return Image.fromarray(self.pixels)

    @cached_property
    def crop(self) -> Crop:
        """The square around the mask that is painted."""
        return crop_around(self.mask)

    @cached_property
    def focus(self) -> tuple[float, float]:
        """The middle of the mask as fractions of width and height: where the face is."""
        left, top, right, bottom = bounding_box(self.mask)
        return (left + right) / 2 / self.mask.shape[1], (top + bottom) / 2 / self.mask.shape[0]

    def remarks(self) -> Iterator[str]:
        """Sentences for the admin about what can be used but may not be what was meant. Raises PortraitError."""
        for path in self.sources:
            if holds_more(path):
                yield f"{path} holds more than one picture (it may be animated): only the first is used."
        if self.mask.all():
            yield (
                f"{self.sources[-1]} is black nowhere, so the whole picture is painted anew: paint black what must "
                "stay as it is."
            )


def open_portrait(base: Path, mask: Path | None, proposals: Proposals | None = None) -> Portrait:
    """Read a base picture and its mask; PortraitError says in one sentence what is wrong with which file.

    Without a mask one of the `proposals` is taken, or made and kept there; not kept if `proposals` is None.
    """
    picture = open_picture(base)
    named = digest_of(base)
    if mask is None and proposals is not None:
        mask = proposals.get(picture, named)
    allowed = propose(picture) if mask is None else _open_mask(mask, base, picture.size)
    digest = hashlib.sha256(f"{named} {hashlib.sha256(allowed.tobytes()).hexdigest()}".encode())
    sources = (base,) if mask is None else (base, mask)
    return Portrait(np.asarray(picture), np.asarray(allowed), digest.hexdigest(), sources, named)


def _eroded(mask: Bytes) -> Bytes:
    """The smallest of each pixel's 3 x 3 neighbours, (H, W); beyond the border its pixels repeat."""
    wide = np.pad(mask, 1, mode="edge")
    rows = np.minimum(np.minimum(wide[:-2], wide[1:-1]), wide[2:])
    return np.minimum(np.minimum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def _open_mask(mask: Path, base: Path, size: tuple[int, int]) -> Image.Image:
    allowed = grey(open_picture(mask))
    if allowed.size != size:
        raise PortraitError(
            f"{mask} is {allowed.width} x {allowed.height} pixels but {base.name} is "
            f"{size[0]} x {size[1]}: make the mask the same size."
        )
    if allowed.getbbox() is None:
        raise PortraitError(f"{mask} is black all over: paint white where the face may change.")
    return allowed


class Portraits:
    """Portraits opened before, read again when one of their files has changed; proposed masks go to `proposals`."""

    def __init__(self, proposals: Proposals) -> None:
        self._proposals = proposals
        self._opened: dict[tuple[Path, Path | None], tuple[object, Portrait]] = {}
        self._said: set[str] = set()

    def open(self, base: Path, mask: Path | None) -> Portrait:
        """See open_portrait. May be called from any thread: at worst a file is read twice."""
        known = self._opened.pop((base, mask), None)
        if known is None or known[0] != self._stamps(known[1], mask):
            portrait = open_portrait(base, mask, self._proposals)
            known = self._stamps(portrait, mask), portrait
            self._say(portrait)
        self._opened[base, mask] = known
        while len(self._opened) > PORTRAITS_KEPT:
            self._opened.pop(next(iter(self._opened)), None)
        return known[1]

    def _stamps(self, portrait: Portrait, mask: Path | None) -> object:
        """What changes when the portrait must be read again: also when a better proposal has come."""
        better = () if mask is not None else (self._proposals.file(portrait.named),)
        return stamps((*portrait.sources, *better))

    def _say(self, portrait: Portrait) -> None:
        for remark in portrait.remarks():
            if remark not in self._said:
                log.warning("%s", remark)
                self._said.add(remark)


def stamps(paths: tuple[Path, ...]) -> object:
    """What changes when a file does; None in place of a file that is gone."""
    return [(found.st_size, found.st_mtime_ns) if (found := _stat(path)) else None for path in paths]


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def bounding_box(mask: Bytes) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is not zero in mask (H, W), right and bottom exclusive."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def crop_around(mask: Bytes) -> Crop:
    """The mask's bounding box with some context around it, square, inside the picture where that is possible."""
    height, width = mask.shape
    left, top, right, bottom = bounding_box(mask)
    longer, scale = max(right - left, bottom - top), max(width, height) / 512
    context = min(max(longer * CONTEXT, CONTEXT_PX[0] * scale), CONTEXT_PX[1] * scale)
    # Never smaller than the mask; no larger than the picture's shorter side unless the mask needs it.
    side = max(longer, min(round(longer + 2 * context), width, height))
    return Crop(_place(left, right, side, width), _place(top, bottom, side, height), side)


def feather(mask: Bytes, side: int) -> Floats:
    """How much of the painting each pixel takes, (H, W) in 0..1: 0 where the mask is 0, full a little inside its edge.

    The mean of ever stronger erosions: it only ever shrinks the mask, so nothing leaks out of it, and the picture's own
    border is no edge.
    """
    layers = min(max(1, round(side * FEATHER)), FEATHER_PX)
    total = np.zeros(mask.shape, np.float32)
    for _ in range(layers):
        total += mask
        mask = _eroded(mask)
    return total / np.float32(255 * layers)


def digest_of(path: Path) -> str:
    """SHA-256 of a picture's file. Raises PortraitError."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise PortraitError(f"{path} is missing: put a picture there.") from error
    except OSError as error:
        raise PortraitError(f"{path} cannot be read ({error.strerror}).") from error


def grey(mask: Image.Image) -> Image.Image:
    """A mask as "L"; where a mask has transparency, transparent counts as black."""
    if mask.mode == "RGBA":
        mask = Image.alpha_composite(Image.new("RGBA", mask.size, (0, 0, 0, 255)), mask)
    return mask.convert("L")


def _place(start: int, end: int, side: int, length: int) -> int:
    """Where a stretch of `side` begins so that start..end lies in its middle, moved inside 0..length if it fits."""
    middle = (start + end - side) // 2
    return min(max(middle, 0), length - side) if side <= length else (length - side) // 2
