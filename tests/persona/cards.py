"""Cards of every form, made by the tests that read them."""

import base64
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from persona.cardpng import MAGIC


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*before: bytes, after: tuple[bytes, ...] = ()) -> bytes:
    """A red pixel, with chunks before and after its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    return MAGIC + head + b"".join(before) + body + b"".join(after) + chunk(b"IEND", b"")


def text(keyword: str, content: bytes) -> bytes:
    return chunk(b"tEXt", keyword.encode() + b"\0" + content)


def packed_text(keyword: str, content: bytes) -> bytes:
    return chunk(b"zTXt", keyword.encode() + b"\0\0" + zlib.compress(content))


def international(keyword: str, content: bytes, packed: bool) -> bytes:
    flag = b"\1\0" if packed else b"\0\0"
    return chunk(
        b"iTXt", keyword.encode() + b"\0" + flag + b"en\0card\0" + (zlib.compress(content) if packed else content)
    )


def coded(card: Any) -> bytes:
    return base64.b64encode(json.dumps(card).encode())


def v2(**fields: Any) -> dict[str, Any]:
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Wren", "first_mes": "Hello.", **fields}}


def v3(**fields: Any) -> dict[str, Any]:
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "Wren", "first_mes": "Hello.", **fields}}


def charx(card: Any, files: dict[str, bytes] | None = None, before: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", card if isinstance(card, bytes) else json.dumps(card))
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return before + out.getvalue()


def exif(comment: bytes, order: str = "<") -> bytes:
    """An EXIF block whose UserComment, in the EXIF directory, is `comment`."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    first = struct.pack(f"{order}HHHIII", 1, 0x8769, 4, 1, 26, 0)
    second = struct.pack(f"{order}HHHIII", 1, 0x9286, 7, len(comment), 26 + 18, 0)
    return head + first + second + comment


def webp(**parts: bytes) -> bytes:
    """Chunks of a WebP; nobody looks at its pixels."""
    body = b"WEBP"
    for kind, content in {"VP8 ": b"pixels", **parts}.items():
        body += kind.encode() + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    made = b"".join(struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body for kind, body in segments)
    return b"\xff\xd8" + made + b"\xff\xda\0\2pixels\xff\xd9"


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name
