"""The shelf: finished faces on disk, found again by a hash of everything that made them.

    <folder>/<first two digits of key>/<key>-<SHA-256 of the file>.png

A file's name says what it must contain, so what is read is checked, and a damaged face is dropped and painted again.
Several processes may share a shelf: files appear whole (written aside, then renamed) and vanish whole. The shelf is
bounded in bytes; the faces not worn for longest leave first. Where it cannot be written (full, read-only, no folder),
faces lie in memory until Mien ends. It knows no model and no persona.
"""

import atexit
import hashlib
import json
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from avatar.picture import is_plain_png, open_picture, to_png

log = logging.getLogger(__name__)

DISCORD_SIDE = 512  # pixels; larger avatars are shown no larger
DISCORD_BYTES = 1_000_000
_ABANDONED = 3600.0  # seconds after which a half-written file belongs to a process that died
_HEAD = 1024  # bytes of a PNG, among which stands whether it is animated
_SPARE_BYTES = 64 << 20  # of faces in memory
_MEMORY = Path("/dev/shm")  # a folder in memory on Linux; elsewhere the system's folder for temporary files serves


@dataclass(frozen=True, slots=True)
class Face:
    """One picture of a character.

    path: a file that Pillow opens; sha256: of that file; expression: the one it shows (a fallback shows another than
    was asked for); painted: now, by a model (False = from the shelf, or the base picture); focus: the middle of the
    face as fractions of width and height.
    """

    path: Path
    sha256: str
    expression: str
    painted: bool
    focus: tuple[float, float] = (0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A file on the shelf and the SHA-256 of its bytes."""

    path: Path
    sha256: str


def key_of(**made_from: str | int | float) -> str:
    """The key of a face: SHA-256 over everything it was made from, by name."""
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


class ShelfFull(Exception):
    """A face could be kept nowhere; str() is the sentence for the admin."""


class Shelf:
    """Finished faces in `folder` (made when first needed), at most `max_bytes` of them.

    Any process and any thread may use it: what another one takes away meanwhile is simply not there.
    """

    def __init__(self, folder: Path, max_bytes: int = 512 << 20) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._spare: Shelf | None = None  # in memory: faces that the folder could not take
        self._refused = False  # whether the folder could not take the last face

    def get(self, key: str) -> Shelved | None:
        """The face of a key, checked against its name and marked as just used; None if it is not there, or damaged."""
        for path in sorted(self._drawer(key).glob(f"{key}-*.png"), key=_used, reverse=True):
            sha256 = path.stem.removeprefix(f"{key}-")
            if _sha256(path) == sha256 and _touch(path):
                return Shelved(path, sha256)
            _drop(path)
        return None if self._spare is None else self._spare.get(key)

    def put(self, key: str, png: bytes) -> Shelved:
        """Put a face on the shelf and make room for it; what was there under the same key stays until it is unused.

        Raises ShelfFull where neither the folder nor memory could take it.
        """
        try:
            shelved = self._write(key, png)
        except OSError as error:
            return self._put_aside(key, png, error.strerror or str(error))
        self._refused = False
        return shelved

    def stock(self) -> tuple[int, int]:
        """How many faces and how many animations there are, those in memory included. Reads the head of each file."""
        there = [_moves(path) for path in self._files()]
        spare = (0, 0) if self._spare is None else self._spare.stock()
        return there.count(False) + spare[0], there.count(True) + spare[1]

    def _write(self, key: str, png: bytes) -> Shelved:
        sha256 = hashlib.sha256(png).hexdigest()
        path = self._drawer(key) / f"{key}-{sha256}.png"
        write_whole(path, png)
        self._trim(keep=path)
        return Shelved(path, sha256)

    def _put_aside(self, key: str, png: bytes, why: str) -> Shelved:
        """Keep a face in memory for want of a folder; said once, until the folder takes faces again."""
        try:
            self._spare = self._spare or Shelf(_folder_in_memory(), _SPARE_BYTES)
            shelved = self._spare._write(key, png)
        except OSError as error:
            places = f"{self.folder} ({why}) nor in memory ({error.strerror})"
            raise ShelfFull(f"A face could be kept neither in {places}: free some disk space.") from error
        if not self._refused:
            log.warning(
                "%s takes no faces (%s): they are kept in memory and painted again after a restart; free some disk "
                "space, or name another [bot] state",
                *(self.folder, why),
            )
        self._refused = True
        return shelved

    def _drawer(self, key: str) -> Path:
        return self.folder / key[:2]

    def _trim(self, keep: Path) -> None:
        """Drop the faces unused for longest until the rest fits; `keep` stays whatever its size."""
        sizes = {path: size for path in self._files() if (size := _size(path)) is not None}
        excess = sum(sizes.values()) - self._max_bytes
        for path in sorted(sizes, key=_used):
            if excess <= 0:
                break
            if path != keep:
                _drop(path)
                excess -= sizes[path]

    def _files(self) -> Iterator[Path]:
        for path in self.folder.glob("??/*"):
            if path.suffix == ".png":
                yield path
            elif path.name.startswith(".") and time.time() - _used(path) > _ABANDONED:
                _drop(path)


def _folder_in_memory() -> Path:
    """A new folder that is removed when this process ends. Raises OSError where there is none to be had."""
    folder = tempfile.mkdtemp(prefix="mien-faces-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that any process sees all of it or none: aside, then renamed over whatever was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f".{path.name[:40]}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def avatar_bytes(face: Face) -> bytes:
    """The face as Discord takes it: a square PNG around its focus, at most 512 px wide and smaller than 1 MB.

    Raises PortraitError when its file is no picture any more.
    """
    picture = open_picture(face.path)
    if picture.width == picture.height <= DISCORD_SIDE and _is_small(face.path) and is_plain_png(face.path):
        return face.path.read_bytes()
    square = _square(picture, face.focus)
    side = min(square.width, DISCORD_SIDE)
    while len(png := to_png(square.resize((side, side), Image.Resampling.LANCZOS))) >= DISCORD_BYTES:
        side = side * 3 // 4  # only noise is this large
    return png


def _is_small(path: Path) -> bool:
    return path.stat().st_size < DISCORD_BYTES


def _square(image: Image.Image, focus: tuple[float, float]) -> Image.Image:
    side = min(image.size)
    left = min(max(round(focus[0] * image.width - side / 2), 0), image.width - side)
    top = min(max(round(focus[1] * image.height - side / 2), 0), image.height - side)
    return image.crop((left, top, left + side, top + side))


def _sha256(path: Path) -> str | None:
    """None when another process has just taken the file away, or when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _touch(path: Path) -> bool:
    """Mark as used now; False when another process has just taken the file away."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not ours to mark: a face on a read-only disk is a face
    return True


def _drop(path: Path) -> None:
    """Take a file away; on a disk that only lets itself be read it stays."""
    with suppress(OSError):
        path.unlink()


def _moves(path: Path) -> bool | None:
    """Whether a PNG is animated: then acTL stands before its pixels. None where it cannot be read (any more)."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    return b"acTL" in head.partition(b"IDAT")[0]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _used(path: Path) -> float:
    """When the file was last used, unix seconds; 0 when another process has just taken it away."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
