"""New portraits that somebody sent and nobody has decided on yet: files under the state folder that outlive a restart.

    <state>/uploads/<token>/portrait.png, mask.png, persona

An upload is decided on once: it becomes the persona's portrait (bot/newface.py), or it goes. What nobody decided on for
a day goes, too.
"""

import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avatar.mask import Portrait, open_portrait
from avatar.picture import PortraitError, to_png
from avatar.proposal import propose
from avatar.shelf import write_whole
from bot.errors import MienError
from bot.newface import keep_portrait, read_portrait, require_writable
from persona.card import Persona
from persona.cast import Cast

KEPT_SECONDS = 24 * 3600.0
GONE = "This portrait was decided on already, or waited for longer than a day: use /face upload again."


@dataclass(frozen=True)
class Uploads:
    """The undecided portraits in `folder`."""

    folder: Path

    def take(self, persona: Persona, name: str, content: bytes) -> tuple[str, Portrait]:
        """Keep a file that was sent; returns its token, and the portrait with the mask proposed for it.

        Raises PortraitError for what is no usable picture, MienError where the persona's folder is read-only.
        """
        require_writable(persona.folder)
        self._forget_old()
        token = secrets.token_hex(8)
        place = self.folder / token
        sent = place / f"sent-{Path(name).name[-60:]}"
        try:
            write_whole(sent, content)
            picture = read_portrait(sent)
            write_whole(place / "portrait.png", to_png(picture))
            write_whole(place / "mask.png", to_png(propose(picture)))
            write_whole(place / "persona", persona.slug.encode())
            sent.unlink()
        except BaseException as error:
            shutil.rmtree(place, ignore_errors=True)
            if isinstance(error, PortraitError):  # whoever sent it knows the file by its name
                raise PortraitError(str(error).replace(str(sent), name).replace(sent.name, name)) from error
            raise
        return token, open_portrait(place / "portrait.png", place / "mask.png")

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
