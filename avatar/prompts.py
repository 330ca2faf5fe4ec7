"""Prompts as the starter painter reads them: one token, the sentence embedding of the prompt, kept on disk.

An expression's prompt never changes, so its embedding is computed once and the encoder is usually not loaded at all.
"""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avatar.conditioning import Conditioning
from avatar.shelf import write_whole
from emotion.minilm import WIDTH, SentenceEncoder, read_minilm
from inference.carriers import MINILM
from inference.job import Steps
from inference.residency import Residency

BATCH = 8  # prompts in one step: some 40 ms of one core


class Prompts:
    """Embeddings of prompts, remembered in `<cache>/prompts`."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "prompts"

    def remembered(self, prompt: str) -> Conditioning | None:
        """The embedding of a prompt met before, one token; None when it is not known, or its file is damaged."""
        try:
            numbers = np.load(self._file(prompt), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        sound = numbers.shape == (WIDTH,) and numbers.dtype == np.float32 and bool(np.isfinite(numbers).all())
        return Conditioning(torch.from_numpy(numbers)[None]) if sound else None

    def embed(self, prompt: str, siblings: Iterable[str], residency: Residency) -> Steps[Any, Conditioning]:
        """Steps that give the embedding of a prompt, one token of 384; the encoder is loaded if it must be.

        A unit vector times the square root of its width, so that its numbers are about 1 wide, as the UNet expects.
        siblings: prompts that will be asked for soon; embedded with it, so that the encoder is loaded once for all.
        """
        known = self.remembered(prompt)
        if known is not None:
            return known
        wanted = [prompt, *sorted(p for p in {*siblings} - {prompt} if self.remembered(p) is None)]
        encoder = SentenceEncoder(read_minilm())
        guest = residency.invite("text encoder", encoder.bert)
        embeddings: list[Tensor] = []
        try:
            for texts in (wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)):
                yield None
                with residency.hosting(guest):
                    embeddings.append(encoder.embed(texts) * WIDTH**0.5)  # (n, 384)
                for text, embedding in zip(texts, embeddings[-1], strict=True):
                    self._remember(text, embedding)
        finally:
            residency.dismiss(guest)  # what it said is remembered, so it will hardly be needed again
        return Conditioning(embeddings[0][:1])

    def _remember(self, prompt: str, embedding: Tensor) -> None:
        buffer = io.BytesIO()
        np.save(buffer, embedding.numpy())
        write_whole(self._file(prompt), buffer.getvalue())

    def _file(self, prompt: str) -> Path:
        key = hashlib.sha256(f"{MINILM.sha256}\n{prompt}".encode()).hexdigest()
        return self._folder / f"{key}.npy"
