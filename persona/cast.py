"""Every persona under the roots, fresh from disk: a save counts at the next question, a broken one changes nothing."""

import logging
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from persona.card import Persona, PersonaError, check_adapter, folders, read_folder
from persona.faces import FOLDER as FACES
from persona.naming import fold
from persona.tomlfile import TomlError

log = logging.getLogger(__name__)
Stamp = tuple[tuple[str, int, int, int], ...]  # of each file: name, modification time (ns), size and inode
READ = (".toml", ".json", ".yaml", ".yml", ".gbnf", ".charx", ".png", ".webp", ".jpg", ".jpeg")  # whatever may count
KEPT = "; the last good version stays"
TRIES = 3  # at reading a folder that is being written to


@dataclass(slots=True)
class _Seat:
    stamp: Stamp
    persona: Persona | None  # the last good one
    error: PersonaError | TomlError | None = None  # why the newest save is not it


class Cast:
    """Looks at the disk on every question (a few stat calls per persona), so it needs no watcher.

    A folder that does not load is told to the log, once for each save of it, and once more when it is in order again.
    """

    def __init__(self, roots: Sequence[Path], adapters: Collection[str] | None = None) -> None:
        """adapters: those that a card may name; None = any."""
        self._roots = tuple(roots)
        self._adapters = adapters
        self._seats: dict[Path, _Seat] = {}

    def all(self) -> list[Persona]:
        """Every persona that has ever loaded and still has a folder; of two with one slug the earlier root wins."""
        self._look()
        by_slug: dict[str, Persona] = {}
        for seat in self._seats.values():
            if seat.persona:
                by_slug.setdefault(fold(seat.persona.slug), seat.persona)
        return sorted(by_slug.values(), key=lambda persona: fold(persona.card.name))

    def names(self) -> list[str]:
        """The characters' names, sorted."""
        return [persona.card.name for persona in self.all()]

    def get(self, name: str) -> Persona:
        """By slug or by the character's name, whatever the case.

        Raises PersonaError for an unknown one (listing the known); for one that never loaded, what is wrong with it.
        """
        personas, wanted = self.all(), fold(name)
        for persona in personas:
            if fold(persona.slug) == wanted:
                return persona
        for persona in personas:
            if fold(persona.card.name) == wanted:
                return persona
        for folder, seat in self._seats.items():
            if fold(folder.name) == wanted and seat.error:
                raise seat.error
        known = ", ".join(persona.slug for persona in personas) or "none"
        raise PersonaError(f"there is no persona {name!r}; known are: {known}")

    def match(self, prefix: str, limit: int = 25) -> list[Persona]:
        """For autocomplete: those whose name starts with `prefix`, then those with a word that does, then the rest."""
        wanted = fold(prefix)
        ranked = [(_rank(persona, wanted), persona) for persona in self.all()]
        return [persona for rank, persona in sorted(ranked, key=lambda pair: pair[0]) if rank < 3][:limit]

    def troubles(self) -> dict[Path, str]:
        """Every folder whose newest save does not load, and what is wrong with it."""
        self._look()
        return {
            folder: f"{seat.error}{KEPT if seat.persona else ''}"
            for folder, seat in self._seats.items()
            if seat.error is not None
        }

    def _look(self) -> None:
        present = dict.fromkeys((*folders(self._roots), *self._lingering()))
        self._seats = {folder: self._seat(folder) for folder in present}

    def _lingering(self) -> list[Path]:
        """Folders whose persona.toml is gone for the moment (editors replace files in two steps)."""
        return [folder for folder in self._seats if folder.is_dir()]

    def _seat(self, folder: Path) -> _Seat:
        old = self._seats.get(folder)
        for _ in range(TRIES):
            stamp = _stamp(folder)
            if old and old.stamp == stamp:
                return old
            seat = self._read(folder, stamp, old)
            if _stamp(folder) == stamp:  # else a save came in between: it may be half of each
                _tell(folder, old, seat)
                return seat
        return old or seat

    def _read(self, folder: Path, stamp: Stamp, old: _Seat | None) -> _Seat:
        try:
            persona = read_folder(folder)
            if self._adapters is not None:
                check_adapter(persona, self._adapters)
            return _Seat(stamp, persona)
        except (PersonaError, TomlError) as error:
            return _Seat(stamp, old.persona if old else None, error)


def _tell(folder: Path, old: _Seat | None, new: _Seat) -> None:
    """What changed, to the log. Files that the mistake does not stand in may be saved meanwhile without a word."""
    before, now = (str(seat.error) if seat and seat.error else "" for seat in (old, new))
    if now and now != before:
        log.warning("%s%s", now, KEPT if new.persona else "")
    elif before and not now:
        log.info("%s is in order again", folder.name)


def _stamp(folder: Path) -> Stamp:
    return tuple(sorted(stamp for place in (folder, folder / FACES) for stamp in _stamps(place)))


def _stamps(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    """Of every file in a folder that may count; hidden ones are what editors leave."""
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if not entry.name.startswith(".") and entry.name.lower().endswith(READ):
                    with suppress(OSError):  # gone since
                        stat = entry.stat()
                        yield entry.name, stat.st_mtime_ns, stat.st_size, stat.st_ino
    except OSError:
        return


def _rank(persona: Persona, wanted: str) -> int:
    names = (fold(persona.card.name), fold(persona.slug))
    if any(name.startswith(wanted) for name in names):
        return 0
    if any(word.startswith(wanted) for name in names for word in name.split()):
        return 1
    return 2 if any(wanted in name for name in names) else 3
