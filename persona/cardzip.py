"""CHARX: a zip file that holds `card.json` and the card's pictures, perhaps behind a program or a picture.

An archive is a stranger's: how many files it lists, how they are packed and how large each becomes is bounded before it
is opened, and no path in it ever becomes a path on disk.
Source: character-card-spec-v3 (f3a86af0); .ZIP File Format Specification 6.3.10 (PKWARE), sections 4.3.12 to 4.3.16.
"""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from persona.cardtext import MOST_TEXT_BYTES, CardError

MAGIC = b"PK\x03\x04"
CARD = "card.json"
MOST_FILES = 20_000
MOST_INDEX_BYTES = 8 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, RuntimeError, ValueError, EOFError, IndexError)
_END, _END64 = b"PK\x05\x06", b"PK\x06\x07"
_END_BYTES, _END64_BYTES = 22, 20


def ends_as_zip(file: BinaryIO) -> bool:
    """Whether a file ends with the index of a zip file."""
    return _END in _tail(file)


def open_zip(path: Path, whose: str) -> tuple[zipfile.ZipFile, Mapping[str, zipfile.ZipInfo]]:
    """The archive, and what lies in it by its path there. Raises CardError."""
    with path.open("rb") as file:
        _require_small_index(_tail(file), whose)
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise CardError(f"{whose} is a damaged zip file ({error}): export the card again.") from error
    return archive, {plain(info.filename): info for info in archive.infolist() if info.filename.strip("/")}


def card_text(archive: zipfile.ZipFile, names: Mapping[str, zipfile.ZipInfo], whose: str) -> bytes:
    """The bytes of card.json. Raises CardError."""
    if CARD not in names:
        raise CardError(f"{whose} has no {CARD} in it, so it is no CHARX card.")
    return unzip(archive, names[CARD], MOST_TEXT_BYTES)


def unzip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """One file of an archive, never more than `most` bytes, whatever the archive claims. Raises CardError."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others take what memory they like
        raise CardError(f"{info.filename[:80]} in the card is packed in a way that cards do not use.")
    try:
        with archive.open(info) as file:
            content = file.read(most + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        RuntimeError,
        ValueError,
        struct.error,
        EOFError,
        IndexError,
    ) as error:
        raise CardError(f"{info.filename[:80]} in the card cannot be unpacked ({error}).") from error
    if len(content) > most:
        raise CardError(f"{info.filename[:80]} in the card is larger than {most >> 20} MiB.")
    return content


def plain(path: str) -> str:
    """A path inside a card as it is looked up there; never used on disk."""
    return path.strip().replace("\\", "/").removeprefix("./").lstrip("/")


def _tail(file: BinaryIO) -> bytes:
    size = file.seek(0, 2)
    file.seek(max(0, size - 65535 - _END_BYTES - _END64_BYTES))
    return file.read()


def _require_small_index(tail: bytes, whose: str) -> None:
    """Python reads an archive's whole index before anything can be asked of it, so its size is looked up first."""
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise CardError(f"{whose} is a damaged zip file (its end is missing): download it again.")
    entries, size = struct.unpack("<HI", tail[at + 10 : at + 16])
    if _END64 in tail[:at][-_END64_BYTES:] or entries > MOST_FILES or size > MOST_INDEX_BYTES:
        raise CardError(f"{whose} lists more files than any card has.")
