"""The lorebooks of a persona folder: the one inside its community card, `lorebook.toml` or `.json`, and those named.

Each file is read anew only with the folder (persona/cast.py looks at all files of it), and all mistakes in them are
told at once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from persona.lore.entry import Scope
from persona.lorebook import BOOK_FILES, Lorebook, read_lorebook
from persona.tomlfile import Problem, TomlError


def read_lore(folder: Path, named: Sequence[str] = (), book: Mapping[str, Any] | None = None) -> tuple[Lorebook, ...]:
    """The card's `book` first, then files; TomlError for files that are missing or no lorebooks.

    named: files of the folder that `lore` in persona.toml names, besides those that are found by their names.
    """
    books = [Lorebook.of_card_book(book)] if book is not None else []
    problems: list[Problem] = []
    for file in book_files(folder, named):
        try:
            books.append(read_lorebook(file, scope=Scope.PERSONA))
        except TomlError as error:
            problems += error.problems
    if problems:
        raise TomlError(problems)
    return tuple(books)


def book_files(folder: Path, named: Sequence[str]) -> list[Path]:
    """The files that hold a folder's lore, named ones where they are missing, too; TomlError for a name outside it."""
    outside = [name for name in named if Path(name).name != name or "\\" in name or name == ".."]
    if outside:
        says = f"expected the name of a file beside persona.toml, got {outside[0]!r}"
        raise TomlError([Problem(folder / "persona.toml", 0, "lore", says)])
    found = [name for name in BOOK_FILES if (folder / name).is_file()]
    return [folder / name for name in dict.fromkeys((*found, *named))]
