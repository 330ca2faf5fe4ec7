"""Prompts as the starter painter reads them: one token, the sentence embedding of the prompt, kept on disk.

An expression's prompt never changes, so its embedding is computed once and the encoder is usually not loaded at all.
"""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avatar.shelf import write_whole
from emotion.encoder import WIDTH, load_encoder
from inference.carriers import MINILM


class Prompts:
    """Embeddings of prompts, remembered in `<cache>/prompts`."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "prompts"

    def remembered(self, prompt: str) -> Tensor | None:
        """The embedding (1, 384) float32 of a prompt met before; None when it is not known, or its file is damaged."""
        try:
            numbers = np.load(self._file(prompt), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        sound = numbers.shape == (WIDTH,) and numbers.dtype == np.float32 and bool(np.isfinite(numbers).all())
        return torch.from_numpy(numbers)[None] if sound else None

    def embed(self, prompt: str, siblings: Iterable[str], device: torch.device) -> Tensor:
        """The embedding (1, 384) float32 of a prompt, on the CPU; loads the encoder if it must (device thread only).

        A unit vector times the square root of its width, so that its numbers are about 1 wide, as the UNet expects.
        siblings: prompts that will be asked for soon; embedded with it, so that the encoder is loaded once for all.
        """
        known = self.remembered(prompt)
        if known is not None:
            return known
        wanted = [prompt, *sorted(p for p in {*siblings} - {prompt} if self.remembered(p) is None)]
        embeddings: Tensor = load_encoder(device=device).embed(wanted) * WIDTH**0.5  # (n, 384)
        for text, embedding in zip(wanted, embeddings, strict=True):
            self._remember(text, embedding)
        return embeddings[:1]

    def _remember(self, prompt: str, embedding: Tensor) -> None:
        buffer = io.BytesIO()
        np.save(buffer, embedding.numpy())
        write_whole(self._file(prompt), buffer.getvalue())

    def _file(self, prompt: str) -> Path:
        key = hashlib.sha256(f"{MINILM.sha256}\n{prompt}".encode()).hexdigest()
        return self._folder / f"{key}.npy"
