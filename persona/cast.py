"""Every persona under the roots, fresh from disk: a save counts at the next question, a broken one changes nothing."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from persona.card import (
    BASE_FILE,
    CARD_FILE,
    MASK_FILE,
    Persona,
    PersonaError,
    check_adapter,
    folders,
    read_folder,
)
from persona.faces import FOLDER as FACES
from persona.form import SUFFIX
from persona.naming import fold
from persona.tomlfile import TomlError

log = logging.getLogger(__name__)
Stamp = tuple[tuple[str, tuple[int, int, int] | None], ...]  # of each file: modification time (ns), size and inode


@dataclass(slots=True)
class _Seat:
    stamp: Stamp
    persona: Persona | None  # the last good one
    error: PersonaError | TomlError | None = None  # why the newest save is not it


class Cast:
    """Looks at the disk on every question (a few stat calls per persona), so it needs no watcher.

    A folder that does not load is told to the log, once for each save of it.
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

    def _look(self) -> None:
        present = dict.fromkeys((*folders(self._roots), *self._lingering()))
        self._seats = {folder: self._seat(folder) for folder in present}

    def _lingering(self) -> list[Path]:
        """Folders whose persona.toml is gone for the moment (editors replace files in two steps)."""
        return [folder for folder in self._seats if folder.is_dir()]

    def _seat(self, folder: Path) -> _Seat:
        old, stamp = self._seats.get(folder), _stamp(folder)
        if old and old.stamp == stamp:
            return old
        try:
            persona = read_folder(folder)
            if self._adapters is not None:
                check_adapter(persona, self._adapters)
            return _Seat(stamp, persona, None)
        except (PersonaError, TomlError) as error:
            kept = "; the last good version stays" if old and old.persona else ""
            log.warning("%s%s", error, kept)
            return _Seat(stamp, old.persona if old else None, error)


def _stamp(folder: Path) -> Stamp:
    always = (folder / name for name in (CARD_FILE, BASE_FILE, MASK_FILE))
    others = (*sorted(folder.glob(f"*{SUFFIX}")), *sorted((folder / FACES).glob("[!.]*")))
    return tuple((file.name, _file_stamp(file)) for file in (*always, *others))


def _file_stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _rank(persona: Persona, wanted: str) -> int:
    names = (fold(persona.card.name), fold(persona.slug))
    if any(name.startswith(wanted) for name in names):
        return 0
    if any(word.startswith(wanted) for name in names for word in name.split()):
        return 1
    return 2 if any(wanted in name for name in names) else 3
