"""The picture of a character whose folder holds a card: the admin's own, the card's picture file, or the card's icon.

Knows which file it is; opening the picture is not done here.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from persona.cardfile import CardFile
from persona.cardtext import CardError
from persona.emotions import content_at

STEM = "base"
ENDINGS = (".png", ".webp", ".jpg")  # of the portrait; the earlier one counts
_MAGIC = {b"\x89PNG\r\n\x1a\n": ".png", b"\xff\xd8\xff": ".jpg", b"RIFF": ".webp"}


def likeness(folder: Path, source: Path, file: CardFile) -> Path | None:
    """The portrait of the character in `source`; None where there is none.

    An icon within the card is written beside it once, as base.png (.webp, .jpg). Raises CardError where it cannot be.
    """
    for ending in ENDINGS:
        if (base := folder / f"{STEM}{ending}").is_file():
            return base
    if file.picture:
        return source
    icon = icon_of(file)
    return None if icon is None else _kept(folder, *icon)


def icon_of(file: CardFile) -> tuple[str, bytes] | None:
    """The main icon that lies in a card: its ending and its bytes; None where there is none of a usable kind."""
    assets = file.data.get("assets")
    icons = [one for one in assets if _is_icon(one)] if isinstance(assets, list) else []
    for one in sorted(icons, key=lambda one: str(one.get("name", "")).lower() != "main"):
        try:
            content = content_at(file, str(one.get("uri", "")))
        except CardError:
            continue  # an address on the net, ccdefault:, or a file that is missing
        for magic, ending in _MAGIC.items():
            if content.startswith(magic):
                return ending, content
    return None


def _is_icon(one: Any) -> bool:
    return isinstance(one, Mapping) and str(one.get("type", "")).lower() == "icon"


def _kept(folder: Path, ending: str, content: bytes) -> Path:
    base, aside = folder / f"{STEM}{ending}", folder / f".{STEM}.{os.getpid()}"
    try:
        aside.write_bytes(content)  # written aside, then renamed: never half a file
        aside.replace(base)
    except OSError as error:
        raise CardError(f"{base} cannot be written ({error.strerror}), and the card's icon is to be there.") from error
    return base
