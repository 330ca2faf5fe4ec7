"""A lorebook: what a character knows about places, people and things, told to the model only when it is talked about.

    Lorebook        the entries of one book, and how the whole book is to be searched
    read_lorebook   a file of any of the formats: a card's book (V2, V3), lorebook_v3, SillyTavern's world info, TOML

Which entries awaken in a conversation is decided by `Lore` (persona/lore/engine.py).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from persona.finding import Finding
from persona.lore.entry import Entry, Scope
from persona.lore.index import Index
from persona.lore.reading import card_entry, world_entry
from persona.lore.tomlbook import BookTable
from persona.lore.values import maybe_flag, maybe_whole, rows, table, text
from persona.tomlfile import Problem, TomlError, load_toml, read_text

BOOK_FILES = ("lorebook.toml", "lorebook.json")  # found beside persona.toml without being named
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Lorebook:
    """Entries stand in the order of the file. None = the book does not say, so the rules of the search do."""

    entries: tuple[Entry, ...] = ()
    name: str = ""
    scope: Scope = Scope.PERSONA
    scan_depth: int | None = None  # messages searched for keys
    token_budget: int | None = None  # of all entries of this book together
    recursive: bool | None = None  # whether its texts may awaken each other
    path: Path | None = None  # the file it came from

    @classmethod
    def of_card_book(cls, book: Mapping[str, Any], *, scope: Scope = Scope.CHARACTER) -> Self:
        """The `character_book` of a V2 or V3 card; whatever is not understood in it is as if it were not there."""
        return cls(
            entries=_entries(book, card_entry),
            name=text(book.get("name")),
            scope=scope,
            scan_depth=maybe_whole(book.get("scan_depth")),
            token_budget=maybe_whole(book.get("token_budget")),
            recursive=maybe_flag(book.get("recursive_scanning")),
        )

    @classmethod
    def of_v3(cls, document: Mapping[str, Any], *, scope: Scope = Scope.PERSONA) -> Self:
        """A stand-alone `{spec: "lorebook_v3", data: …}`."""
        return cls.of_card_book(table(document.get("data")), scope=scope)

    @classmethod
    def of_world_info(cls, document: Mapping[str, Any], *, scope: Scope = Scope.PERSONA) -> Self:
        """A world info file of SillyTavern."""
        return cls(entries=_entries(document, world_entry), name=text(document.get("name")), scope=scope)

    @cached_property
    def index(self) -> Index:
        """The keys, compiled once for as long as this book is in use."""
        return Index(self.entries)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What in the book is not used or never awakens anything, in the order of the file."""
        return tuple(_findings(self.entries, self.index.findings))

    def of(self, scope: Scope) -> Self:
        """The same book as somebody else's."""
        return replace(self, scope=scope)

    def label(self) -> str:
        """What to call the book in front of people."""
        return self.name or (self.path.name if self.path else f"the {self.scope} book")


def read_lorebook(path: Path, *, scope: Scope = Scope.PERSONA) -> Lorebook:
    """The book in a file: TOML by its ending, else JSON of any shape (a whole card's JSON, too).

    Raises TomlError for a file that cannot be read, is no lorebook, or is TOML with mistakes.
    """
    if path.suffix.lower() == ".toml":
        return _of_toml(path, scope)
    book = _shaped(_document(path), scope)
    if book is None:
        raise _broken(path, "expected a lorebook, and there are no entries in it")
    return replace(book, path=path, name=book.name or path.stem)


def _of_toml(path: Path, scope: Scope) -> Lorebook:
    table = load_toml(path, BookTable)
    entries = tuple(replace(row.entry(), where=f"entries[{number}]") for number, row in enumerate(table.entries))
    return Lorebook(entries, table.name or path.stem, scope, table.scan_depth, table.budget, table.recursive, path)


def _shaped(document: Mapping[str, Any], scope: Scope) -> Lorebook | None:
    """Told by shape, not by what the file calls itself: copies are often renamed and half converted."""
    for holder in (document, table(document.get("data"))):
        if isinstance(holder.get("character_book"), dict):
            return Lorebook.of_card_book(holder["character_book"], scope=scope)
        if "entries" in holder:
            first = next((row for _, row in rows(holder["entries"])), {})
            cards = "keys" in first or (isinstance(holder["entries"], list) and "key" not in first)
            return (Lorebook.of_card_book if cards else Lorebook.of_world_info)(holder, scope=scope)
    return None


def _document(path: Path) -> Mapping[str, Any]:
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise _broken(path, f"larger than {MOST_BYTES >> 20} MiB, so it is not read")
    written = read_text(path)
    try:
        found = json.loads(written)
    except json.JSONDecodeError as error:
        raise TomlError([Problem(path, error.lineno, "", f"not valid JSON: {error.msg}", error.colno)]) from error
    except (RecursionError, ValueError) as error:
        says = "brackets are nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
        raise _broken(path, says) from error
    if not isinstance(found, dict):
        raise _broken(path, "expected a lorebook, a JSON object")
    return found


def _broken(path: Path, says: str) -> TomlError:
    return TomlError([Problem(path, 0, "", says)])


def _entries(book: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Entry]) -> tuple[Entry, ...]:
    return tuple(replace(read(row), where=f"entries[{name}]") for name, row in rows(book.get("entries")))


def _findings(entries: Sequence[Entry], keys: Mapping[int, Sequence[Finding]]) -> Iterator[Finding]:
    for number, entry in enumerate(entries):
        own = [*entry.findings, *keys.get(number, ())]
        if entry.enabled and not (entry.keys or entry.constant or entry.forced):
            own.append(Finding("error", "", "has no keys, so nothing ever awakens it"))
        if entry.enabled and not entry.text.strip():
            own.append(Finding("warning", "content", "is empty, so it says nothing when it awakens"))
        yield from (replace(found, where=f"{entry.where}.{found.where}".rstrip(".")) for found in own)
