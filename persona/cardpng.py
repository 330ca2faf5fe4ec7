"""The chunks of a PNG: the texts in which cards and their assets lie, and the way back.

Reads from an open file and skips whatever is no text, so that a picture of any size costs no memory. Checksums are not
looked at: programs that change a text often forget them.
Source: PNG Specification, Third Edition (W3C), sections 5.3, 11.3.3; SillyTavern and RisuAI for the keywords.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from persona.cardtext import CardError

MAGIC = b"\x89PNG\r\n\x1a\n"
CARD_KEYWORDS = ("ccv3", "chara")  # the earlier one counts, as in SillyTavern
ASSET_KEYWORD = "chara-ext-asset_"  # followed by ":path", in older files by the path alone
MOST_CHUNKS = 100_000
KEYWORD_BYTES = 79
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


@dataclass(frozen=True, slots=True)
class Text:
    """A text chunk: where what follows its keyword lies in the file. keyword: those of cards in lower case."""

    keyword: str
    kind: bytes
    start: int
    length: int
    whole: bool  # False: the file ends within it

    def read(self, file: BinaryIO, most: int) -> bytes:
        """The text, unpacked; at most `most` bytes. Raises CardError."""
        if self.length > most:
            raise CardError(f"{self.keyword} in the picture is larger than {most >> 20} MiB.")
        file.seek(self.start)
        return _unpacked(self.keyword, self.kind, file.read(self.length), most)


def texts(file: BinaryIO) -> Iterator[Text]:
    """Every text chunk of a PNG, also those after the pixels and those after the end."""
    size = file.seek(0, 2)
    for at, length, kind in _chunks(file, size):
        if kind in _TEXTS:
            file.seek(at + 8)
            keyword, end, _ = file.read(min(length, KEYWORD_BYTES + 1)).partition(b"\0")
            name, skipped = keyword.decode("latin-1"), len(keyword) + len(end)
            name = name.lower() if name.lower() in CARD_KEYWORDS else name
            yield Text(name, kind, at + 8 + skipped, length - skipped, at + 8 + length <= size)


def with_texts(png: bytes, written: Sequence[tuple[str, bytes]]) -> bytes:
    """The PNG with these tEXt chunks right before its end, as SillyTavern writes them, in place of an old card's.

    All other chunks stay as they are. Raises CardError for what is no whole PNG.
    """
    parts, end = [MAGIC], False
    view = memoryview(png)
    for at, length, kind in _chunks_of(png):
        if kind == b"IEND":
            parts += [_chunk(keyword.encode("latin-1") + b"\0" + text) for keyword, text in written]
            parts += [bytes(view[at : at + length + 12])]
            end = True
            break
        if kind in _TEXTS and _is_cards(png[at + 8 : at + 8 + min(length, KEYWORD_BYTES + 1)]):
            continue
        parts.append(bytes(view[at : at + length + 12]))
    if not png.startswith(MAGIC) or not end:
        raise CardError("the portrait is no whole PNG, so no card can be put into it.")
    return b"".join(parts)


def _is_cards(body: bytes) -> bool:
    keyword = body.partition(b"\0")[0].decode("latin-1").lower()
    return keyword in CARD_KEYWORDS or keyword.startswith(ASSET_KEYWORD)


def _chunk(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + b"tEXt" + body + struct.pack(">I", zlib.crc32(b"tEXt" + body))


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[int, int, bytes]]:
    """(offset, length of the body, kind) of each chunk. Raises CardError for more than any picture has."""
    at, count = len(MAGIC), 0
    while at + 8 <= size:
        if (count := count + 1) > MOST_CHUNKS:
            raise CardError("the picture has more chunks than any picture.")
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        yield at, length, kind
        at += length + 12


def _chunks_of(png: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = len(MAGIC)
    while at + 12 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        yield at, length, kind
        at += length + 12


def _unpacked(keyword: str, kind: bytes, rest: bytes, most: int) -> bytes:
    packed = kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if not packed:
        return rest
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(rest, most)
    except zlib.error as error:
        raise CardError(f"{keyword} in the picture cannot be unpacked ({error}).") from error
    if unpacker.unconsumed_tail:
        raise CardError(f"{keyword} in the picture is larger than {most >> 20} MiB.")
    return text
