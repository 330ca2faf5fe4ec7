"""Cards going out: what a character or a persona becomes as V2 or V3, in a PNG, a CHARX or a JSON file.

What a card held that Mien knows nothing of goes out as it came in; fields that a specification requires are added, and
fields of the wrong shape are written as they were read. What only Mien knows stands in `extensions.mien`, so that a
persona that was exported comes back the same.
"""

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from persona.card import Card, Persona, card_of
from persona.cardfile import CardFile, Files
from persona.cardpng import ASSET_KEYWORD, with_texts
from persona.cardtext import MOST_TEXT_BYTES, CardError, dump
from persona.cardzip import CARD
from persona.character import Character, character_of
from persona.emotions import KINDS, bare, content_at
from persona.merge import MAPPED, OWN
from persona.naming import fold
from persona.repair import one_line

Spec = Literal[2, 3]
Form = Literal[".png", ".charx", ".json"]
_TEXTS = (
    *("name", "description", "personality", "scenario", "first_mes", "mes_example", "creator_notes"),
    *("system_prompt", "post_history_instructions", "creator", "character_version"),
)
_LISTS = ("alternate_greetings", "tags")
_KNOWN = (*_TEXTS, *_LISTS, "group_only_greetings", "extensions", "character_book", "nickname", "assets")


@dataclass(frozen=True)
class Pictures:
    """What goes out beside the words: PNGs, and the assets of the file that the card came in."""

    icon: bytes = b""
    faces: Mapping[str, bytes] = field(default_factory=dict)  # expression -> PNG
    before: Files = field(default_factory=Files)


def card_object(character: Character, spec: Spec = 3) -> dict[str, Any]:
    """The card as an object of V2 or V3 with every field that the specification requires; the raw card stays as it is.

    Fields of cards before V2 stay at the root, where older programs look for them.
    """
    raw = dict(character.raw)
    inner = raw.get("data")
    data = dict(inner) if isinstance(inner, dict) else {key: raw[key] for key in _KNOWN if key in raw}
    for key in _TEXTS:
        if not isinstance(data.get(key), str):
            data[key] = getattr(character, key)
    for key in _LISTS if spec == 2 else (*_LISTS, "group_only_greetings"):
        if not _is_texts(data.get(key)):
            data[key] = list(getattr(character, key))
    _only(data, "extensions", dict, {})
    _only(data, "character_book", dict, dict(character.book) if character.book else None)
    _only(data, "nickname", str, character.nickname or None)
    _only(data, "assets", list, None)
    name = f"chara_card_v{spec}"
    version = raw.get("spec_version") if raw.get("spec") == name else None
    return {**raw, "spec": name, "spec_version": version if isinstance(version, str) else f"{spec}.0", "data": data}


def persona_object(persona: Persona) -> dict[str, Any]:
    """A persona as a V3 card: the community's card that it came with, if it did, under what persona.toml says."""
    base = persona.character or Character(persona.card.name)
    card, data = persona.card, dict(card_object(base)["data"])
    was = card_of(base)
    before = _fields(was) if persona.character else {}
    data |= {key: value for key, value in _fields(card).items() if before.get(key) != value}
    if not one_line(data["name"]):  # else it would be called by its file
        data["name"] = card.name
    if not data.get("nickname"):
        data.pop("nickname", None)
    data["extensions"] = _extensions(card, was, data["extensions"])
    whole = {**card_object(base), "data": data}
    if own := _left(card, card_of(character_of(CardFile(whole), persona.slug))):
        data["extensions"][OWN] = own
    return whole


def write(whole: Mapping[str, Any], form: Form, pictures: Pictures, spec: Spec = 3) -> bytes:
    """The file that carries a card of V3. spec: 2 leaves out what only V3 has. Raises CardError."""
    if form == ".png":
        return _png(whole, pictures, spec)
    assets = _Assets("embeded://assets" if form == ".charx" else "data:", pictures)
    card = assets.into(whole)
    if form == ".json":
        if len(written := dump(_as(card, spec))) > MOST_TEXT_BYTES:
            raise CardError(f"With its pictures the card would be larger than {MOST_TEXT_BYTES >> 20} MiB: use .charx.")
        return written
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:  # pictures are packed already, so they are only stored
        archive.writestr(CARD, dump(_as(card, spec)), zipfile.ZIP_DEFLATED)
        for path, content in assets.files.items():
            archive.writestr(path, content)
    return out.getvalue()


def write_character(character: Character, form: Form, pictures: Pictures, spec: Spec = 3) -> bytes:
    """The same for a card that was read, nothing of it changed."""
    return write(card_object(character, spec), form, pictures, spec)


# --- the words -------------------------------------------------------------------------------------------------------


def _fields(card: Card) -> dict[str, Any]:
    """A card's fields as other programs read them; voice and examples go where those have a place for such."""
    fields = {field: getattr(card, key) for key, field in MAPPED.items()}
    return fields | {
        "personality": card.personality or card.voice,
        "mes_example": card.dialogue
        or "\n".join(f"<START>\n{{{{user}}}}: {one.user}\n{{{{char}}}}: {one.reply}" for one in card.examples),
    }


def _extensions(card: Card, was: Card, extensions: Mapping[str, Any]) -> dict[str, Any]:
    """The extensions with note and talkativeness where they are not what they were, without what Mien once wrote."""
    found = {key: value for key, value in extensions.items() if key != OWN}
    if card.note is not None and card.note != was.note:
        old = found.get("depth_prompt")
        note = {"prompt": card.note.text, "depth": card.note.depth, "role": card.note.role}
        found["depth_prompt"] = {**old, **note} if isinstance(old, dict) else note
    if card.talkativeness != was.talkativeness:
        found["talkativeness"] = card.talkativeness
    return found


def _left(card: Card, read: Card) -> dict[str, Any]:
    """The keys of persona.toml that a card without them would not bring back."""
    ours, theirs = card.model_dump(exclude_unset=True), read.model_dump(exclude_unset=True)
    if card.note == read.note:  # which of its keys were written makes no difference
        theirs["note"] = ours.get("note")
    keys = [key for key in Card.model_fields if ours.get(key) != theirs.get(key)]
    return {key: ours[key] if key in ours else card.model_dump(include={key})[key] for key in keys}


def _only(data: dict[str, Any], key: str, kind: type, otherwise: Any) -> None:
    """Leave a field of its right kind alone; else write it as it was read, or not at all."""
    if not isinstance(data.get(key), kind):
        data.pop(key, None)
        if otherwise is not None:
            data[key] = otherwise


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _as(card: Mapping[str, Any], spec: Spec) -> Mapping[str, Any]:
    name = f"chara_card_v{spec}"
    return card if card["spec"] == name else {**card, "spec": name, "spec_version": f"{spec}.0"}


# --- the pictures ----------------------------------------------------------------------------------------------------


class _Assets:
    """Gives each picture an address in the new file; `files` are those that lie beside the card there."""

    def __init__(self, where: str, pictures: Pictures) -> None:
        self.where, self.pictures = where, pictures
        self.files: dict[str, bytes] = {}

    def into(self, whole: Mapping[str, Any]) -> dict[str, Any]:
        """The card with its assets at their new addresses: those it had, then the portrait and the faces."""
        data = dict(whole["data"])
        given = {fold(name) for name in self.pictures.faces}
        old = [one for one in data.get("assets", ()) if not self._replaced(one, given)]
        assets = [self._moved(one) for one in old]
        if self.where == "__asset:":  # the picture itself is the icon
            if any(map(_is_main_icon, data.get("assets", ()))):
                assets.insert(0, {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"})
        elif self.pictures.icon:
            assets.insert(0, self._asset("icon", "main", "png", self.pictures.icon))
        assets += [self._asset("emotion", name, "png", png) for name, png in self.pictures.faces.items()]
        if assets:
            data["assets"] = assets
        risu = data["extensions"].get("risuai")
        if isinstance(risu, dict):
            lists = {key: self._rows(risu[key]) for key in ("emotions", "additionalAssets") if key in risu}
            data["extensions"] = {**data["extensions"], "risuai": {**risu, **lists}}
        return {**whole, "data": data}

    def _replaced(self, one: Any, given: set[str]) -> bool:
        if not isinstance(one, dict):
            return False
        kind, name = str(one.get("type", "")).lower(), str(one.get("name", ""))
        if kind in KINDS:
            return fold(bare(name, str(one.get("ext", "")))) in given
        return bool(self.pictures.icon) and _is_main_icon(one)

    def _rows(self, rows: Any) -> Any:
        """RisuAI's lists of [name, address, …] in cards of V2."""
        if not isinstance(rows, list):
            return rows
        whole = (isinstance(row, list) and len(row) >= 2 and isinstance(row[1], str) for row in rows)
        return [
            [row[0], self._address("x_risuai", row[1]), *row[2:]] if fits else row
            for row, fits in zip(rows, whole, strict=True)
        ]

    def _moved(self, one: Any) -> Any:
        if not isinstance(one, dict) or not isinstance(one.get("uri"), str):
            return one
        return {**one, "uri": self._address(str(one.get("type", "")), one["uri"], str(one.get("ext", "")))}

    def _address(self, kind: str, address: str, ext: str = "") -> str:
        """A new address for what lay beside the card; any other address stays."""
        try:
            content = content_at(CardFile({}, self.pictures.before), address)
        except CardError:
            return address
        return address if address.startswith("data:") else self._placed(kind, ext or "png", content)

    def _asset(self, kind: str, name: str, ext: str, content: bytes) -> dict[str, str]:
        return {"type": kind, "uri": self._placed(kind, ext, content), "name": name, "ext": ext}

    def _placed(self, kind: str, ext: str, content: bytes) -> str:
        letters = "".join(letter for letter in ext.lower() if letter.isascii() and letter.isalnum())[:8] or "bin"
        if self.where == "data:":
            return f"data:image/{letters};base64,{base64.b64encode(content).decode()}"
        if self.where == "__asset:":
            path = str(len(self.files))
            self.files[path] = content
            return f"__asset:{path}"
        folder = kind.lower() if kind.isascii() and kind.isidentifier() else "other"
        path = f"assets/{folder}/images/{len(self.files):03d}.{letters}"
        self.files[path] = content
        return f"embeded://{path}"


def _is_main_icon(one: Any) -> bool:
    return isinstance(one, dict) and [str(one.get(key, "")).lower() for key in ("type", "name")] == ["icon", "main"]


def _png(whole: Mapping[str, Any], pictures: Pictures, spec: Spec) -> bytes:
    """The portrait with the card in it, as V2 and, unless that is all that is wanted, as V3."""
    if not pictures.icon:
        raise CardError("A card in a PNG needs a portrait, and there is none.")
    assets = _Assets("__asset:", pictures)
    card = assets.into(whole)
    texts: Sequence[tuple[str, bytes]] = [
        *((f"{ASSET_KEYWORD}:{path}", base64.b64encode(content)) for path, content in assets.files.items()),
        ("chara", base64.b64encode(dump(_as(card, 2)))),
        *([("ccv3", base64.b64encode(dump(_as(card, 3))))] if spec == 3 else ()),
    ]
    return with_texts(pictures.icon, texts)
