"""Character cards of the community as files: PNG, CHARX, WebP, JPEG, JSON, YAML and TOML.

Only what holds the card and its assets is read here, by what a file is and not by how it is called; what the fields of
a card mean is decided by whoever asks (persona/repair.py).
A card is a stranger's file: everything in it is bounded, and no path of it ever becomes a path on disk.
"""

import base64
import binascii
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from persona import cardpicture, cardpng, cardzip
from persona.cardpng import ASSET_KEYWORD, CARD_KEYWORDS, Text
from persona.cardtext import (
    MOST_TEXT_BYTES,
    NOT_UTF8,
    decode,
    parse_json,
    parse_toml,
    parse_yaml,
    require_readable,
)
from persona.cardtext import CardError as CardError
from persona.cardzip import plain, unzip
from persona.finding import Finding
from persona.tomlfile import shown

MOST_FILE_BYTES = 512 << 20  # of which only the card is read, and one asset at a time
MOST_ASSET_BYTES = 16 << 20
ENCRYPTED = b"rcc||"  # what RisuAI's locked cards begin with
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_PLAIN: dict[str, Callable[[str, str], Mapping[str, Any]]] = {
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
    ".toml": parse_toml,
}


class Files:
    """What lies beside a card in its file: here, nothing."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file beside the card; None if there is none. CardError if it is too large or damaged."""
        return None


@dataclass(frozen=True)
class CardFile:
    """`card` is the object as it was written; `files` finds what lies beside it, by its path there."""

    card: Mapping[str, Any]
    files: Files = field(default_factory=Files)
    findings: tuple[Finding, ...] = ()
    picture: bool = False  # the file itself is the character's picture

    @property
    def data(self) -> Mapping[str, Any]:
        """The card's own fields, as cards since V2 hold them; of a V1 card all of it."""
        data = self.card.get("data")
        return data if isinstance(data, dict) else self.card


@dataclass(frozen=True)
class Zipped(Files):
    archive: zipfile.ZipFile
    names: Mapping[str, zipfile.ZipInfo]

    def read(self, path: str) -> bytes | None:
        info = self.names.get(plain(path))
        return None if info is None else unzip(self.archive, info, MOST_ASSET_BYTES)


@dataclass(frozen=True)
class Chunked(Files):
    path: Path
    chunks: Mapping[str, Text]

    def read(self, path: str) -> bytes | None:
        if (found := self.chunks.get(plain(path))) is None:
            return None
        with self.path.open("rb") as file:
            return decoded(found.read(file, MOST_ASSET_BYTES * 4 // 3 + 1024))


def read_card(path: Path) -> CardFile:
    """The card in a file, whatever of its forms it has. Raises CardError."""
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) > MOST_FILE_BYTES:
                raise CardError(f"{shown(path)} is larger than {MOST_FILE_BYTES >> 20} MiB, so it is not read.")
            return _read(path, file)
    except FileNotFoundError as error:
        raise CardError(f"There is no card {shown(path)}.") from error
    except OSError as error:
        raise CardError(f"{shown(path)} cannot be read ({error.strerror or error}).") from error


def ending_of(path: Path) -> str:
    """What a card that can be read should end in, by what it is: ".png", ".charx", ".json" …"""
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(cardpng.MAGIC):
        return ".png"
    if cardpicture.is_picture(head):
        return ".webp" if head.startswith(b"RIFF") else ".jpg"
    if head.startswith(cardzip.MAGIC) or not _is_text(head, path):
        return ".charx"
    return ".json" if decode(head)[0][:1] == "{" else path.suffix.lower()


def _read(path: Path, file: BinaryIO) -> CardFile:
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    if head.startswith(cardpng.MAGIC):
        return _from_png(path, file)
    if cardpicture.is_picture(head):
        return _from_picture(path, file)
    if head.startswith(cardzip.MAGIC) or (not _is_text(head, path) and cardzip.ends_as_zip(file)):
        return _from_zip(path)
    if _is_text(head, path):
        file.seek(0)
        return _from_text(path, file.read(MOST_TEXT_BYTES + 1))
    raise CardError(f"{shown(path)} is no character card: there are PNG, CHARX, WebP, JPEG, JSON, YAML and TOML cards.")


def _is_text(head: bytes, path: Path) -> bool:
    return path.suffix.lower() in (".json", *_PLAIN) or decode(head)[0][:1] == "{"


def _from_text(path: Path, content: bytes) -> CardFile:
    whose = f"the card in {shown(path)}"
    require_readable(content, whose)
    text, unicode = decode(content)
    parse = parse_json if text[:1] == "{" else _PLAIN.get(path.suffix.lower(), parse_json)
    return CardFile(parse(text, whose), findings=() if unicode else (Finding("warning", "", f"the text {NOT_UTF8}"),))


def _from_zip(path: Path) -> CardFile:
    archive, names = cardzip.open_zip(path, shown(path))
    inner = _from_text(path.with_suffix(".json"), cardzip.card_text(archive, names, shown(path)))
    return CardFile(inner.card, Zipped(archive, names), inner.findings)


def _from_png(path: Path, file: BinaryIO) -> CardFile:
    texts = list(cardpng.texts(file))
    cards = [text for keyword in CARD_KEYWORDS for text in texts if text.keyword == keyword]
    if not cards:
        if cardzip.ends_as_zip(file):
            return _from_zip(path)
        raise CardError(f"{shown(path)} is a picture without a card in it; take the original file, not a preview.")
    card, findings = _first_whole(path, file, cards)
    own = (text for text in texts if text.keyword.startswith(ASSET_KEYWORD))
    assets = {plain(text.keyword.removeprefix(ASSET_KEYWORD).removeprefix(":")): text for text in own}
    return CardFile(card, Chunked(path, assets), tuple(findings), picture=True)


def _first_whole(path: Path, file: BinaryIO, cards: list[Text]) -> tuple[Mapping[str, Any], list[Finding]]:
    """The first card that can be read, `ccv3` before `chara`, and what is to be said of it; else the first error."""
    findings, errors = list[Finding](), list[CardError]()
    for text in cards:
        try:
            if not text.whole:
                raise CardError(f"{shown(path)} is cut off within its card; take the original file.")
            card, said = _card_in(path, text.read(file, MOST_TEXT_BYTES))
        except CardError as error:
            errors.append(error)
            findings.append(Finding("warning", text.keyword, f"a chunk {text.keyword} is left out: {error}"))
            continue
        if sum(other.keyword == text.keyword for other in cards) > 1:
            findings.append(Finding("warning", text.keyword, f"there are several {text.keyword} chunks; one is used"))
        return card, findings + said
    raise errors[0]


def _card_in(path: Path, content: bytes) -> tuple[Mapping[str, Any], list[Finding]]:
    """The card that a text of a picture holds: base64 of JSON, or plain JSON. Raises CardError."""
    if content.lstrip()[:5].lower() == ENCRYPTED:
        raise CardError(f"the card in {shown(path)} is locked by RisuAI: export it without a lock.")
    if decode(content[:64])[0][:1] != "{":
        content = decoded(content, MOST_TEXT_BYTES)
    file = _from_text(path.with_suffix(".json"), content)
    return file.card, list(file.findings)


def _from_picture(path: Path, file: BinaryIO) -> CardFile:
    for comment in cardpicture.comments(file):
        if _may_be_a_card(comment):
            card, findings = _card_in(path, comment)
            return CardFile(card, findings=tuple(findings), picture=True)
    if cardzip.ends_as_zip(file):  # as RisuAI hides a CHARX behind a JPEG
        return _from_zip(path)
    raise CardError(f"{shown(path)} is a picture without a card in it; take the original file, not a preview.")


def _may_be_a_card(comment: bytes) -> bool:
    """A camera's own remarks are none."""
    try:
        return decode(comment[:64])[0][:1] == "{" or decode(decoded(comment[:64]))[0][:1] == "{"
    except CardError:
        return False


def decoded(text: bytes, most: int = MOST_ASSET_BYTES) -> bytes:
    """What base64 stands for, of either alphabet, with or without its padding and line breaks. Raises CardError."""
    if len(text) > most * 4 // 3 + 1024:
        raise CardError(f"something in the card is larger than {most >> 20} MiB.")
    try:  # more padding than is due is no error, less is
        return base64.b64decode(text.translate(_URL_SAFE) + b"==", validate=False)
    except (binascii.Error, ValueError) as error:
        raise CardError(f"something in the card is not base64 ({error}).") from error
