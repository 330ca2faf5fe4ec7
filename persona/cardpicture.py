"""Cards in the metadata of WebP and JPEG pictures.

SillyTavern once wrote WebP cards: the card's JSON, or its bytes as decimal numbers with commas, in EXIF's UserComment.
Other programs put base64 there, or into XMP, or into a comment of a JPEG.
Sources: WebP container specification (Google), JPEG (ITU-T T.81, annex B), Exif 2.32 (CIPA DC-008), XMP part 3 (Adobe).
"""

import html
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from persona.cardtext import MOST_TEXT_BYTES, CardError

MOST_PARTS = 10_000  # chunks of a WebP, segments of a JPEG, entries of an EXIF directory
_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_USER_COMMENT, _DESCRIPTION, _EXIF_DIRECTORY = 0x9286, 0x010E, 0x8769
_CODES = (b"ASCII\0\0\0", b"UNICODE\0", b"JIS\0\0\0\0\0", b"\0\0\0\0\0\0\0\0")  # how a UserComment is encoded
_XMP_CARD = re.compile(
    r"<(?:\w+:)?(?:ccv3|chara|UserComment)(?:\s[^<>]*)?>\s*(?:<rdf:Alt>\s*<rdf:li[^<>]*>)?([^<]+)<"
    r"|\b(?:\w+:)?(?:ccv3|chara|UserComment)=\"([^\"<]+)\"",
    re.IGNORECASE,
)


def is_picture(head: bytes) -> bool:
    """Whether a file with this beginning (12 bytes or more) is a WebP or a JPEG."""
    return (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[:3] == b"\xff\xd8\xff"


def comments(file: BinaryIO) -> Iterator[bytes]:
    """What may be a card in the picture's metadata, the likeliest first; base64 or JSON. Raises CardError."""
    head = file.read(12)
    parts = dict.fromkeys(("exif", "xmp", "comment"), b"")
    for kind, content in _webp(file) if head[:4] == b"RIFF" else _jpeg(file):
        parts[kind] = parts[kind] or content
    for comment in _exif(parts["exif"].removeprefix(b"Exif\0\0")):
        yield _as_bytes(comment)
    for element, attribute in _XMP_CARD.findall(parts["xmp"].decode(errors="replace")):
        yield html.unescape(element or attribute).strip().encode()
    if parts["comment"]:
        yield parts["comment"]


def _webp(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    at = 12
    for _ in range(MOST_PARTS):
        file.seek(at)
        if len(head := file.read(8)) < 8:
            return
        kind, length = head[:4], struct.unpack("<I", head[4:])[0]
        if kind in (b"EXIF", b"XMP "):
            yield ("exif" if kind == b"EXIF" else "xmp"), _bounded(file, length)
        at += 8 + length + length % 2


def _jpeg(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    at = 2
    for _ in range(MOST_PARTS):
        file.seek(at)
        if len(head := file.read(4)) < 4 or head[0] != 0xFF or head[1] == 0xDA:  # the pixels begin
            return
        length = struct.unpack(">H", head[2:])[0]
        if head[1] in (0xE1, 0xFE):
            body = file.read(max(length - 2, 0))
            if head[1] == 0xFE:
                yield "comment", body
            elif body.startswith(b"Exif\0\0"):
                yield "exif", body
            elif body.startswith(_XMP_HEAD):
                yield "xmp", body.removeprefix(_XMP_HEAD)
        at += 2 + max(length, 2)


def _bounded(file: BinaryIO, length: int) -> bytes:
    if length > MOST_TEXT_BYTES:
        raise CardError(f"the picture's metadata are larger than {MOST_TEXT_BYTES >> 20} MiB.")
    return file.read(length)


def _exif(tiff: bytes) -> Iterator[bytes]:
    """The UserComment, then the description, of an EXIF block; nothing where the block is damaged."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return
    found = dict(_directory(tiff, order, struct.unpack(f"{order}I", tiff[4:8])[0]))
    pointer = found.get(_EXIF_DIRECTORY)
    if pointer and len(pointer) == 4:
        found |= dict(_directory(tiff, order, struct.unpack(f"{order}I", pointer)[0]))
    for tag in (_USER_COMMENT, _DESCRIPTION):
        if tag in found:
            yield _without_code(found[tag], order)


def _directory(tiff: bytes, order: str, at: int) -> Iterator[tuple[int, bytes]]:
    """(tag, value) of the entries whose values are bytes or an address; offsets are counted from the block's begin."""
    if at + 2 > len(tiff):
        return
    count = struct.unpack(f"{order}H", tiff[at : at + 2])[0]
    for number in range(min(count, MOST_PARTS)):
        entry = tiff[at + 2 + number * 12 : at + 14 + number * 12]
        if len(entry) < 12:
            return
        tag, kind, length = struct.unpack(f"{order}HHI", entry[:8])
        if tag == _EXIF_DIRECTORY:
            yield tag, entry[8:]
        elif tag in (_USER_COMMENT, _DESCRIPTION) and kind in (1, 2, 7):
            start = struct.unpack(f"{order}I", entry[8:])[0]
            yield tag, entry[8 : 8 + length] if length <= 4 else tiff[start : start + length]


def _without_code(comment: bytes, order: str) -> bytes:
    for code in _CODES:
        if comment.startswith(code):
            rest = comment[8:]
            if code == b"UNICODE\0" and b"\0" in rest[:2]:  # UTF-16 in the block's byte order, or in the other one
                little = rest[:1] != b"\0"
                return rest.decode("utf-16-le" if little else "utf-16-be", errors="replace").strip("\0").encode()
            return rest
    return comment


def _as_bytes(comment: bytes) -> bytes:
    """The bytes that a list of decimal numbers stands for; any other comment as it is."""
    if not re.fullmatch(rb"\s*\d{1,3}(?:\s*,\s*\d{1,3})+\s*\0*", comment):
        return comment.strip(b"\0")
    return bytes(int(number) & 255 for number in comment.strip(b"\0 \t\r\n").split(b","))
