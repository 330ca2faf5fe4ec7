"""Whoever proposes masks: the segmentation model where one is configured, on the device; else the finder, on the spot.

A model is loaded only for a portrait without a mask that it was never asked about. Where it sees no face, the finder's
proposal takes its place and the log says so. Knows no persona but its pictures.
"""

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from avatar.mask import digest_of
from avatar.maskmodel import mask_folder, mask_revision
from avatar.picture import open_picture
from avatar.proposal import propose
from avatar.proposals import Proposals
from avatar.segmentation import Segmenter
from inference.gpu import Gpu
from inference.job import Priority, Steps
from persona.card import Persona

log = logging.getLogger(__name__)


class Proposer:
    """model: "starter" or the folder of a segmentation model, ModelMissing for an unusable one; folder: where
    proposals are kept."""

    def __init__(self, gpu: Gpu, model: str, folder: Path) -> None:
        found = mask_folder(model)
        self._gpu = gpu
        self._segmenter = None if found is None else Segmenter(found)
        self._together = asyncio.Lock()  # one portrait at a time: whoever waits finds it proposed
        self.proposals = Proposals(folder, mask_revision(model))

    async def propose(self, picture: Image.Image, priority: Priority = Priority.PORTRAIT) -> Image.Image:
        """A mask "L" for a picture "RGB" or "RGBA", 0 or 255. Raises ModelMissing, and what jobs raise."""
        if self._segmenter is not None:
            await asyncio.to_thread(_import_transformers)
            found = await self._gpu.submit(self._steps(picture), priority).result()
            if found is not None:
                return found
            log.warning("the mask model in %s sees no face, so the finder proposes", self._segmenter.folder)
        return await asyncio.to_thread(propose, picture)

    async def prepare(self, persona: Persona, priority: Priority = Priority.PORTRAIT) -> None:
        """See to it that the model was asked about a persona's portrait, if it has no mask. Raises PortraitError, and
        what `propose` raises."""
        if self._segmenter is None or persona.mask is not None:
            return
        file = self.proposals.file(await asyncio.to_thread(digest_of, persona.base))
        async with self._together:
            if not file.is_file():
                mask = await self.propose(await asyncio.to_thread(open_picture, persona.base), priority)
                await asyncio.to_thread(partial(self.proposals.keep, file, mask))

    def _steps(self, picture: Image.Image) -> Steps[Any, Image.Image | None]:
        assert self._segmenter is not None, "only asked where there is one"
        return (yield from self._segmenter.propose(picture, self._gpu.residency))


def _import_transformers() -> None:
    """It takes seconds, so not on the device's thread, where replies would wait."""
    from transformers import AutoModelForSemanticSegmentation  # noqa: F401
