"""The faces in character cards of other programs: `emotion` assets of V3, and the same for RisuAI's V2 cards.

Finds the bytes of each; whether they are pictures is not known here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from persona.cardfile import CardError, CardFile, decoded

KINDS = ("emotion", "expression")  # of assets; the second one is met in the wild
EMBEDDED = ("embeded://", "embedded://", "__asset:")  # the first is spelled so in the specification
MOST_ASSETS = 1000
MOST_BYTES = 256 << 20  # of all faces of a card together


@dataclass(frozen=True, slots=True)
class Asset:
    """One face of a card: its name there, and its bytes or why there are none."""

    name: str
    content: bytes = b""
    trouble: str = ""


def emotion_assets(file: CardFile) -> Iterator[Asset]:
    """Every face that a card holds, in its order; faces that are only addresses on the net are not fetched."""
    total = 0
    for number, (name, address) in enumerate(_addresses(file.data)):
        if number == MOST_ASSETS or total > MOST_BYTES:
            yield Asset(name, trouble="this and what follows is too much for one card")
            return
        try:
            content = content_at(file, address)
        except CardError as error:
            yield Asset(name, trouble=str(error))
            continue
        total += len(content)
        yield Asset(name, content)


def _addresses(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, address) of each face, as V3 lists them, and as RisuAI does in a V2 card's extensions."""
    assets = data.get("assets")
    for one in assets if isinstance(assets, list) else ():
        if isinstance(one, dict) and str(one.get("type", "")).lower() in KINDS:
            yield bare(str(one.get("name", "")), str(one.get("ext", ""))), str(one.get("uri", ""))
    extensions = data.get("extensions")
    risu = extensions.get("risuai") if isinstance(extensions, dict) else None
    emotions = risu.get("emotions") if isinstance(risu, dict) else None
    for one in emotions if isinstance(emotions, list) else ():
        if isinstance(one, list) and len(one) >= 2:
            yield str(one[0]), str(one[1])


def bare(name: str, ext: str) -> str:
    """A name without the ending that some programs leave on it."""
    ending = PurePosixPath(name).suffix.lower()
    known = (f".{ext.lower().lstrip('.')}", ".png", ".webp", ".jpg", ".jpeg", ".gif")
    return name[: -len(ending)] if ending and ending in known else name


def content_at(file: CardFile, address: str) -> bytes:
    """The bytes that an asset's address stands for. Raises CardError, also for what lies on the net."""
    lower = address.strip().lower()
    for prefix in EMBEDDED:
        if lower.startswith(prefix):
            path = address.strip()[len(prefix) :]
            if (found := file.files.read(path)) is None:
                raise CardError(f"{path[:80]} is not in the file")
            return found
    if lower.startswith("data:"):
        head, _, text = address.partition(",")
        if not head.lower().endswith(";base64"):
            raise CardError("its data: address is not base64")
        return decoded(text.encode(errors="replace"))
    if lower.startswith(("http://", "https://")):
        raise CardError("it is on the net, and Mien fetches nothing; download it into faces/")
    raise CardError(f"its address {address[:40]!r} is of no known form")
