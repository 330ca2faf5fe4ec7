"""Prompts as a painter's text encoders read them, kept on disk.

An expression's prompt never changes, so it is read once, and the encoders are usually not loaded at all.
"""

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from avatar.conditioning import Conditioning
from avatar.encoders import Encoders, Read, Reading
from avatar.shelf import write_whole
from inference.job import Steps
from inference.residency import Residency

log = logging.getLogger(__name__)

BATCH = 8  # prompts in one step: some 40 ms of one core for the starter's


class Prompts:
    """Conditionings of prompts, remembered in `<cache>/prompts`.

    negative: what every conditioning is to lead away from; None = the painter is not guided.
    """

    def __init__(self, cache: Path, encoders: Encoders, negative: str | None = None) -> None:
        self._folder = cache / "prompts"
        self._encoders = encoders
        self._negative = negative

    def remembered(self, prompt: str) -> Conditioning | None:
        """The conditioning of a prompt met before; None when it is not known, or its file is damaged."""
        try:
            parts = load_file(self._file(prompt))
        except (OSError, ValueError, SafetensorError):
            return None
        sound = "tokens" in parts and all(bool(part.isfinite().all()) for part in parts.values())
        return Conditioning(parts["tokens"].float(), _floating(parts.get("pooled"))) if sound else None

    def embed(self, prompt: str, siblings: Iterable[str], residency: Residency) -> Steps[Any, Conditioning]:
        """Steps that give the conditioning of a prompt, on the CPU; the encoders are loaded if they must be.

        siblings: prompts that will be asked for soon; read with it, so that an encoder is loaded once for all.
        """
        needed = [prompt] if self._negative is None else [prompt, self._negative]
        known = {text: self.remembered(text) for text in needed}
        if not all(known.values()):
            wanted = [text for text in dict.fromkeys([*needed, *sorted({*siblings})]) if self.remembered(text) is None]
            known |= yield from self._read(wanted, residency)
        told, unwanted = (known[text] for text in (needed[0], needed[-1]))
        assert told is not None and unwanted is not None, "all of them were read"
        if self._negative is None:
            return told
        return Conditioning(
            told.tokens, told.pooled, self._encoders.emptied(unwanted) if not self._negative else unwanted
        )

    def _read(self, texts: list[str], residency: Residency) -> Steps[Any, dict[str, Conditioning]]:
        """Have each encoder read all the texts, one encoder after the other, and remember what they read."""
        reads: list[list[Read]] = [[] for _ in texts]
        for stage in self._encoders.stages:
            reading = stage()
            yield None
            for read, sofar in zip((yield from _read_with(reading, texts, residency)), reads, strict=True):
                sofar.append(read)
        told = {text: self._encoders.join(all_of_it) for text, all_of_it in zip(texts, reads, strict=True)}
        for text, conditioning in told.items():
            self._remember(text, conditioning)
        return {text: Conditioning(each.tokens.float(), _floating(each.pooled)) for text, each in told.items()}

    def _remember(self, prompt: str, told: Conditioning) -> None:
        parts: dict[str, Tensor] = {"tokens": told.tokens}
        if told.pooled is not None:
            parts["pooled"] = told.pooled
        try:
            write_whole(self._file(prompt), save({name: part.contiguous() for name, part in parts.items()}))
        except OSError as error:  # a full disk: it will be read again
            log.warning("a prompt's embedding could not be kept: %s", error)

    def _file(self, prompt: str) -> Path:
        key = hashlib.sha256(f"{self._encoders.revision}\n{prompt}".encode()).hexdigest()
        return self._folder / f"{key}.safetensors"


def _floating(part: Tensor | None) -> Tensor | None:
    return None if part is None else part.float()


def _read_with(reading: Reading, texts: list[str], residency: Residency) -> Steps[Any, list[Read]]:
    """Have one encoder read the texts, some at a time; then it goes, for it will hardly be needed again."""
    guest = residency.invite("text encoder", reading.module)
    reads: list[Read] = []
    try:
        for some in (texts[start : start + BATCH] for start in range(0, len(texts), BATCH)):
            yield from residency.bring(guest)
            with residency.hosting(guest):
                reads += reading.read(some)
            yield None
    finally:
        residency.dismiss(guest)
    return reads
