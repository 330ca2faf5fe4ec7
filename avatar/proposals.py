"""Masks that were proposed for portraits, kept as files that an admin may look at, correct, or take as mask.png.

    <folder>/<SHA-256 of the base picture>.png                  the finder's (avatar/proposal.py)
    <folder>/<SHA-256 of the base picture>-<revision>.png       a segmentation model's (avatar/proposer.py)

The finder answers on the spot. A model does not: until it has spoken about a portrait, the finder's proposal counts.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from avatar.picture import to_png
from avatar.proposal import propose
from avatar.shelf import write_whole

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proposals:
    """The proposals in `folder`. revision: of the segmentation model that makes them, "" = the finder does."""

    folder: Path
    revision: str = ""

    def file(self, named: str) -> Path:
        """Where the proposal for a picture lies when it was made. named: the SHA-256 of the picture's file."""
        return self.folder / (f"{named}-{self.revision[:16]}.png" if self.revision else f"{named}.png")

    def get(self, picture: Image.Image, named: str) -> Path | None:
        """The proposal that counts now; None where the finder's cannot be kept (a full disk)."""
        if self.revision and (found := self.file(named)).is_file():
            return found
        path = Proposals(self.folder).file(named)
        return path if path.is_file() or self.keep(path, propose(picture)) else None

    def keep(self, path: Path, mask: Image.Image) -> bool:
        """Write a proposal; False where that cannot be done, which is told to the log."""
        try:
            write_whole(path, to_png(mask))
        except OSError as error:
            log.warning("the proposed mask could not be kept in %s (%s): free some disk space", path, error.strerror)
            return False
        return True
