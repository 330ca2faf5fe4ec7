"""The faces in character cards of other programs: `emotion` assets of V3, and the same for RisuAI's V2 cards.

Reading finds the bytes of each; whether they are pictures is not known here. Writing makes a minimal valid V3 card of a
persona, with a face for each expression, that SillyTavern and RisuAI take.
"""

import base64
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from persona.card import Persona
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
            content = _content(file, address)
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
            yield _bare(str(one.get("name", "")), str(one.get("ext", ""))), str(one.get("uri", ""))
    extensions = data.get("extensions")
    risu = extensions.get("risuai") if isinstance(extensions, dict) else None
    emotions = risu.get("emotions") if isinstance(risu, dict) else None
    for one in emotions if isinstance(emotions, list) else ():
        if isinstance(one, list) and len(one) >= 2:
            yield str(one[0]), str(one[1])


def _bare(name: str, ext: str) -> str:
    """A name without the ending that some programs leave on it."""
    ending = PurePosixPath(name).suffix.lower()
    known = (f".{ext.lower().lstrip('.')}", ".png", ".webp", ".jpg", ".jpeg", ".gif")
    return name[: -len(ending)] if ending and ending in known else name


def _content(file: CardFile, address: str) -> bytes:
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


# --- writing ---------------------------------------------------------------------------------------------------------


def charx(persona: Persona, icon: bytes, faces: Mapping[str, bytes]) -> bytes:
    """A CHARX file: the persona's card with its portrait and faces. icon, faces: PNG."""
    paths = {name: f"assets/emotion/images/{number:02d}_{_slug(name)}.png" for number, name in enumerate(faces)}
    assets = [_asset("icon", "main", f"embeded://{ICON}")]
    assets += [_asset("emotion", name, f"embeded://{path}") for name, path in paths.items()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:  # pictures are packed already, so they are only stored
        archive.writestr("card.json", _dump(v3_card(persona, assets)), zipfile.ZIP_DEFLATED)
        archive.writestr(ICON, icon)
        for name, path in paths.items():
            archive.writestr(path, faces[name])
    return out.getvalue()


def json_card(persona: Persona, icon: bytes, faces: Mapping[str, bytes]) -> bytes:
    """The same as one JSON file, with the pictures as data: addresses."""
    assets = [_asset("icon", "main", _data(icon))]
    assets += [_asset("emotion", name, _data(png)) for name, png in faces.items()]
    return _dump(v3_card(persona, assets))


def v3_card(persona: Persona, assets: list[dict[str, str]]) -> dict[str, Any]:
    """Every field that the specification requires; what a persona has no word for is empty."""
    card, now = persona.card, int(time.time())
    return {
        "spec": "chara_card_v3",
        "spec_version": "3.0",
        "data": {
            "name": card.name,
            "description": card.description,
            "personality": card.voice,
            "scenario": card.scenario,
            "first_mes": card.greeting,
            "mes_example": "\n".join(
                f"<START>\n{{{{user}}}}: {one.user}\n{{{{char}}}}: {one.reply}" for one in card.examples
            ),
            "creator_notes": "",
            "system_prompt": "",
            "post_history_instructions": "",
            "alternate_greetings": [],
            "group_only_greetings": [],
            "tags": [],
            "creator": "",
            "character_version": "",
            "extensions": {},
            "assets": assets,
            "creation_date": now,
            "modification_date": now,
        },
    }


ICON = "assets/icon/images/main.png"


def _asset(kind: str, name: str, address: str) -> dict[str, str]:
    return {"type": kind, "uri": address, "name": name, "ext": "png"}


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _dump(card: Mapping[str, Any]) -> bytes:
    return json.dumps(card, ensure_ascii=False, indent=1).encode()


def _slug(name: str) -> str:
    """A name for a file in an archive that any system can unpack."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "face"
