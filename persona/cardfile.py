"""Character cards of other programs as files: a CHARX zip, a PNG that carries a card, plain JSON.

Only what holds the card and its assets is read here; what the fields of a card mean is decided by whoever asks.
Formats: character-card-spec-v3 (f3a86af0); the chunk names and address forms that SillyTavern and RisuAI write.
A card is a stranger's file: everything in it is bounded, and no path of it ever becomes a path on disk.
"""

import base64
import binascii
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from persona.tomlfile import shown

MOST_FILE_BYTES = 512 << 20
MOST_JSON_BYTES = 128 << 20  # data: addresses make a card's JSON large
MOST_ASSET_BYTES = 16 << 20
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
CARD_CHUNKS = ("ccv3", "chara")  # the earlier one counts
ASSET_CHUNK = "chara-ext-asset_"  # followed by ":path", in older files by the path alone


class CardError(ValueError):
    """A card cannot be read or written; str() is the sentence for the admin."""


@dataclass(frozen=True)
class CardFile:
    """`card` is the JSON object; `files` finds what lies beside it in the file, by its path there."""

    card: Mapping[str, Any]
    files: "Files"

    @property
    def data(self) -> Mapping[str, Any]:
        """The card's own fields, as cards since V2 hold them; of a V1 card all of it."""
        data = self.card.get("data")
        return data if isinstance(data, dict) else self.card


class Files:
    """Nothing lies beside the card."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file beside the card; None if there is none. CardError if it is too large or damaged."""
        return None


@dataclass(frozen=True)
class Zipped(Files):
    archive: zipfile.ZipFile
    names: Mapping[str, zipfile.ZipInfo] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        info = self.names.get(plain(path))
        return None if info is None else unzip(self.archive, info, MOST_ASSET_BYTES)


@dataclass(frozen=True)
class Chunked(Files):
    chunks: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        found = self.chunks.get(plain(path))
        return None if found is None else decoded(found)


def read_card(path: Path) -> CardFile:
    """The card in a file, whatever of the three forms it has. Raises CardError."""
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise CardError(f"{shown(path)} is larger than {MOST_FILE_BYTES >> 20} MiB, so it is not read.")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise CardError(f"There is no card {shown(path)}.") from error
    except OSError as error:
        raise CardError(f"{shown(path)} cannot be read ({error.strerror}).") from error
    if content.startswith(PNG_MAGIC):
        return _from_png(path, content)
    if content.lstrip()[:1] == b"{":
        return CardFile(_json(path, content), Files())
    if b"PK\x03\x04" in content:  # perhaps behind a program or a picture that unpacks it
        return _from_zip(path, content)
    raise CardError(f"{shown(path)} is no character card: there are CHARX, PNG and JSON cards.")


def _from_zip(path: Path, content: bytes) -> CardFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CardError(f"{shown(path)} is a damaged zip file ({error}): export the card again.") from error
    names = {plain(info.filename): info for info in archive.infolist() if not info.is_dir()}
    if "card.json" not in names:
        raise CardError(f"{shown(path)} has no card.json in it, so it is no CHARX card.")
    return CardFile(_json(path, unzip(archive, names["card.json"], MOST_JSON_BYTES)), Zipped(archive, names))


def unzip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """One file of an archive, never more than `most` bytes, whatever the archive claims. Raises CardError."""
    try:
        with archive.open(info) as file:
            content = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise CardError(f"{info.filename} in the card cannot be unpacked ({error}).") from error
    if len(content) > most:
        raise CardError(f"{info.filename} in the card is larger than {most >> 20} MiB.")
    return content


def _from_png(path: Path, content: bytes) -> CardFile:
    texts = dict(_texts(content))
    found = next((texts[name] for name in CARD_CHUNKS if name in texts), None)
    if found is None:
        raise CardError(f"{shown(path)} is a picture without a card in it; take the original file, not a preview.")
    own = {name.removeprefix(ASSET_CHUNK).removeprefix(":"): text for name, text in texts.items()}
    return CardFile(_json(path, decoded(found, MOST_JSON_BYTES)), Chunked({plain(name): own[name] for name in own}))


def _texts(png: bytes) -> Iterator[tuple[str, bytes]]:
    """The text chunks of a PNG by keyword (those of cards in lower case), also those after the pixels."""
    at = len(PNG_MAGIC)
    while at + 8 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, _, rest = body.partition(b"\0")
            name = keyword.decode("latin-1")
            yield name.lower() if name.lower() in CARD_CHUNKS else name, _text(kind, rest)
        at += length + 12


def _text(kind: bytes, rest: bytes) -> bytes:
    """The text of a chunk behind its keyword; empty if it cannot be unpacked."""
    packed = kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:]
        rest = rest.partition(b"\0")[2].partition(b"\0")[2]
    if not packed:
        return rest
    try:
        return zlib.decompressobj().decompress(rest, MOST_JSON_BYTES)
    except zlib.error:
        return b""


def decoded(text: bytes, most: int = MOST_ASSET_BYTES) -> bytes:
    """What base64 stands for, with or without its padding. Raises CardError."""
    if len(text) > most * 4 // 3 + 1024:
        raise CardError(f"something in the card is larger than {most >> 20} MiB.")
    try:
        return base64.b64decode(text + b"==", validate=False)  # more padding than is due is no error, less is
    except (binascii.Error, ValueError) as error:
        raise CardError(f"something in the card is not base64 ({error}).") from error


def _json(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        card = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CardError(f"the card in {shown(path)} is not valid JSON ({str(error).splitlines()[0][:100]}).") from error
    if not isinstance(card, dict):
        raise CardError(f"the card in {shown(path)} is not a JSON object.")
    return card


def plain(path: str) -> str:
    """A path inside a card as it is looked up there; never used on disk."""
    return path.strip().replace("\\", "/").removeprefix("./").lstrip("/")
