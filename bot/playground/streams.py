"""How gateway payloads become frames: plain text, or one compressed stream per connection."""

import importlib
import importlib.util
import zlib
from typing import Protocol


class Encoder(Protocol):
    def encode(self, text: str) -> str | bytes:
        """One payload → one websocket frame: str as text, bytes as binary."""


class PlainText:
    def encode(self, text: str) -> str:
        return text


class ZlibStream:
    """One deflate stream; every payload ends with the sync flush 00 00 ff ff."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj()

    def encode(self, text: str) -> bytes:
        return self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)


class ZstdStream:
    """One zstd stream; clients ask for it only where they have the zstandard package, and so only then is it loaded."""

    def __init__(self) -> None:
        zstandard = importlib.import_module("zstandard")
        self._stream = zstandard.ZstdCompressor().compressobj()
        self._flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK

    def encode(self, text: str) -> bytes:
        return bytes(self._stream.compress(text.encode()) + self._stream.flush(self._flush))


def encoder_for(compress: str | None) -> Encoder | None:
    """The encoder of a `compress=` query; None when it cannot be honoured."""
    if compress is None:
        return PlainText()
    if compress == "zlib-stream":
        return ZlibStream()
    if compress == "zstd-stream" and importlib.util.find_spec("zstandard"):
        return ZstdStream()
    return None
