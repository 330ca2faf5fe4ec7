"""New portraits that somebody sent and nobody has decided on yet: files under the state folder that outlive a restart.

    <state>/uploads/<token>/portrait.png, mask.png, persona

An upload is decided on once: it becomes the persona's portrait (bot/newface.py), or it goes. What nobody decided on for
a day goes, too.
"""

import asyncio
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from avatar.mask import Portrait, open_portrait
from avatar.picture import PortraitError, to_png
from avatar.shelf import write_whole
from bot.errors import MienError
from bot.newface import keep_portrait, read_portrait, require_writable
from persona.card import Persona
from persona.cast import Cast

Propose = Callable[[Image.Image], Awaitable[Image.Image]]
KEPT_SECONDS = 24 * 3600.0
GONE = "This portrait was decided on already, or waited for longer than a day: use /face upload again."


@dataclass(frozen=True)
class Uploads:
    """The undecided portraits in `folder`."""

    folder: Path

    async def take(self, persona: Persona, name: str, content: bytes, propose: Propose) -> tuple[str, Portrait]:
        """Keep a file that was sent; returns its token, and the portrait with the mask proposed for it.

        Raises PortraitError for what is no usable picture, MienError where the persona's folder is read-only, and what
        `propose` raises; nothing is kept then.
        """
        require_writable(persona.folder)
        token = secrets.token_hex(8)
        place = self.folder / token
        try:
            picture = await asyncio.to_thread(self._receive, place, name, content)
            mask = await propose(picture)
            return token, await asyncio.to_thread(_keep, place, persona.slug, mask)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def _receive(self, place: Path, name: str, content: bytes) -> Image.Image:
        """The picture that was sent, kept as portrait.png."""
        self._forget_old()
        sent = place / f"sent-{Path(name).name[-60:]}"
        write_whole(sent, content)
        try:
            picture = read_portrait(sent)
        except PortraitError as error:  # whoever sent it knows the file by its name
            raise PortraitError(str(error).replace(str(sent), name).replace(sent.name, name)) from error
        sent.unlink()
        write_whole(place / "portrait.png", to_png(picture))
        return picture

    def use(self, token: str, cast: Cast) -> Persona:
        """Put the portrait into its persona's folder; the old one stays there as a backup."""
        place = self._place(token)
        persona = cast.get((place / "persona").read_text("utf-8"))
        portrait = open_portrait(place / "portrait.png", place / "mask.png")
        keep_portrait(persona.folder, portrait.image, np.asarray(portrait.mask))
        shutil.rmtree(place, ignore_errors=True)
        return persona

    def drop(self, token: str) -> None:
        """Let the portrait go; the old one stays."""
        shutil.rmtree(self._place(token), ignore_errors=True)

    def _place(self, token: str) -> Path:
        place = self.folder / token
        if not (place / "persona").is_file():
            raise MienError(GONE)
        return place

    def _forget_old(self) -> None:
        """Uploads of more than a day ago."""
        if not self.folder.is_dir():
            return
        for place in self.folder.iterdir():
            if time.time() - place.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(place, ignore_errors=True)


def _keep(place: Path, slug: str, mask: Image.Image) -> Portrait:
    write_whole(place / "mask.png", to_png(mask))
    write_whole(place / "persona", slug.encode())  # at last: without it there is nothing to decide on
    return open_portrait(place / "portrait.png", place / "mask.png")
