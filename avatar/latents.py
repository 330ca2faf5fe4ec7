"""What an autoencoder made of a portrait's crop, kept on disk: the crop never changes, so it is encoded once.

    <folder>/<SHA-256 of the pixels, their size, and the autoencoder>.safetensors

A file that cannot be read is no file. It knows no model and no persona.
"""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from avatar.shelf import write_whole

log = logging.getLogger(__name__)

MOST_FILES = 512  # of 64 KiB (SD) to 1 MiB (Flux); those written longest ago leave


@dataclass(frozen=True, slots=True)
class Latents:
    """Codes in `folder`. revision: of the autoencoder, and of what it computes in."""

    folder: Path
    revision: str

    def file(self, pixels: Tensor) -> Path:
        """Where the codes of pixels (3, S, S) belong."""
        digest = hashlib.sha256(f"{self.revision} {tuple(pixels.shape)}".encode())
        digest.update(pixels.float().contiguous().cpu().numpy().tobytes())
        return self.folder / f"{digest.hexdigest()}.safetensors"

    def get(self, file: Path) -> Tensor | None:
        """Codes (C, h, w) float32 on the CPU; None where they are not known, or damaged."""
        try:
            codes = load_file(file).get("codes")
        except (OSError, ValueError, SafetensorError):
            return None
        return codes if codes is not None and bool(codes.isfinite().all()) else None

    def keep(self, file: Path, codes: Tensor) -> None:
        """Remember codes (C, h, w); what cannot be written is encoded again."""
        try:
            write_whole(file, save({"codes": codes.float().cpu().contiguous()}))
            self._trim()
        except OSError as error:
            log.warning("what the autoencoder made of a portrait could not be kept: %s", error)

    def _trim(self) -> None:
        files = list(self.folder.glob("*.safetensors"))
        for file in sorted(files, key=lambda one: one.stat().st_mtime)[: max(0, len(files) - MOST_FILES)]:
            file.unlink(missing_ok=True)
