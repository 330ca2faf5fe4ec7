"""What will surprise in a lorebook: keys that are never found, entries that never awaken, circles, missing room.

What the reader of lorebooks remarks (persona/lorebook.py) comes first; here is what is seen by trying.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from persona.finding import Level
from persona.lint import texts
from persona.lint.character import Measure
from persona.lint.circles import circles
from persona.lint.notice import Notice
from persona.lore.entry import Entry, Key, Logic, Place
from persona.lore.index import Folded, Index
from persona.lore.patterns import PatternError, compile_key
from persona.lore.words import fold
from persona.lorebook import Lorebook

SLOW = 0.05  # seconds that a pattern may take for a text of 2,000 characters
PROBED = 1.0  # seconds spent on trying the patterns of one book
LONGEST_CIRCLE = 5  # entries of a circle that are named
_REPEATED = re.compile(r"(?<!\\)[+*}]")
_SAMPLES = ("a", "ab", " a", "1", "aA1 ", "\n")


@dataclass(frozen=True)
class Looked:
    """A book, the path that its findings begin with, and how long texts are."""

    book: Lorebook
    prefix: str
    measure: Measure

    def notices(self) -> Iterator[Notice]:
        for found in self.book.findings:  # an entry that does nothing is no reason to refuse a card
            level: Level = "note" if found.level == "note" else "warning"
            yield Notice(level, "lore", self.prefix + found.where, found.says)
        heard = _found_in_themselves(self.book.entries)
        deadline = time.perf_counter() + PROBED
        for number, entry in enumerate(self.book.entries):
            yield from self._entry(number, entry, heard, deadline)
        yield from self._room()
        yield from self._circles()

    def _entry(self, number: int, entry: Entry, found: set[tuple[int, int, int]], deadline: float) -> Iterator[Notice]:
        where = f"{self.prefix}{entry.where}"
        if not entry.enabled:
            yield Notice("note", "lore-disabled", where, f"“{entry.name:.40}” is switched off, so it is never used")
            return
        yield from self._keys(number, entry, found, deadline)
        yield from _never(where, entry, self.book)
        yield from texts.prompt(f"{where}.content", entry.text)
        if entry.place is Place.OUTLET and not entry.outlet:
            says = "stands in an outlet without a name, so nothing shows it"
            yield Notice("warning", "lore-outlet", where, says, "name the outlet, or choose another position")

    def _keys(self, number: int, entry: Entry, found: set[tuple[int, int, int]], deadline: float) -> Iterator[Notice]:
        for at, key in enumerate(entry.keys):
            where = f"{self.prefix}{entry.where}.keys[{at}]"
            if key.pattern is not None:
                yield from _pattern(where, key, deadline)
            elif "{{" not in key.written and fold(key.written):
                if (number, 0, at) not in found:
                    says = f"“{key.written:.40}” is not found even in itself, so it never awakens the entry"
                    yield Notice("warning", "key-never", where, says, "write it without signs at its ends")
                elif "," in key.written:
                    says = f"“{key.written:.40}” is one key with a comma in it; it awakens only as a whole"
                    yield Notice("warning", "key-comma", where, says, "write a list of keys")
                elif len(fold(key.written)) == 1 and key.written.isascii():
                    says = f"“{key.written}” is a single letter, which is in many messages"
                    yield Notice("note", "key-short", where, says)

    def _room(self) -> Iterator[Notice]:
        """Constant entries that alone need more room than there is."""
        budget = self.book.token_budget
        constant = [entry for entry in self.book.entries if entry.enabled and entry.constant]
        tokens = sum(self.measure.count(entry.text) for entry in constant if not entry.ignore_budget)
        if budget and tokens > budget:
            says = f"the constant entries take {self.measure.said(tokens)}, and the book may take {budget:,}"
            yield Notice("warning", "lore-budget", self.prefix.rstrip("."), says, "shorten them, or raise its budget")
        elif tokens > self.measure.context // 4:
            says = f"the constant entries take {self.measure.said(tokens)} of {self.measure.context:,}"
            yield Notice(
                "warning", "lore-constant", self.prefix.rstrip("."), says, "give keys to what is rarely needed"
            )

    def _circles(self) -> Iterator[Notice]:
        """Entries that awaken each other: whoever is called calls them all."""
        if self.book.recursive is False:
            return
        for circle in circles(self.book.entries):
            names = ", ".join(f"“{self.book.entries[at].name:.30}”" for at in circle[:LONGEST_CIRCLE])
            more = f" and {len(circle) - LONGEST_CIRCLE} more" if len(circle) > LONGEST_CIRCLE else ""
            tokens = sum(self.measure.count(self.book.entries[at].text) for at in circle)
            says = f"{names}{more} awaken each other: one of them brings all, {self.measure.said(tokens)}"
            advice = "set prevent_recursion for what should not call others"
            level: Level = "warning" if tokens > self.measure.context // 4 else "note"
            yield Notice(level, "lore-circle", f"{self.prefix}{self.book.entries[circle[0]].where}", says, advice)


def _found_in_themselves(entries: Sequence[Entry]) -> set[tuple[int, int, int]]:
    """The plain keys that are found in a text which is nothing but the key."""
    index = Index(entries)
    index.patterns.clear()  # a pattern need not match its own text
    said = {key.written for entry in entries if entry.enabled for key in entry.keys if key.pattern is None}
    found: set[tuple[int, int, int]] = set()
    for text in said:
        found.update(index.search(Folded.of(f". {text} ."), lambda key: key))
    return found


def _pattern(where: str, key: Key, deadline: float) -> Iterator[Notice]:
    """A pattern that matches everything, or takes very long; one that does not compile was remarked already."""
    try:
        pattern = compile_key(key)
    except PatternError:
        return
    if pattern.search("") is not None:
        says = f"“{key.written:.60}” matches the empty text, so it awakens the entry with every message"
        yield Notice("warning", "key-everything", where, says, "make it match a word, or make the entry constant")
    if len(_REPEATED.findall(key.pattern or "")) < 2:
        return
    letters = sorted(set(re.findall(r"\w", key.pattern or "")))[:4]
    for sample in (*letters, *_SAMPLES):
        start = time.perf_counter()
        if start > deadline:
            return
        pattern.search((sample * 2000)[:2000] + "\x01", SLOW)
        if time.perf_counter() - start >= SLOW:
            says = f"“{key.written:.60}” takes longer than {SLOW * 1000:.0f} ms for a long message"
            advice = "write it without one repetition inside another; Mien stops it after a fifth of a second"
            yield Notice("warning", "key-slow", where, says, advice)
            return


def _never(where: str, entry: Entry, book: Lorebook) -> Iterator[Notice]:
    """Why an entry that has keys is never awake."""
    if entry.constant or entry.forced:
        return
    depth = book.scan_depth if entry.scan_depth is None else entry.scan_depth
    if entry.probability == 0:
        yield Notice("warning", "lore-never", where, "its probability is 0, so it never awakens", "raise it")
    elif depth == 0 and not entry.sources and book.recursive is False:
        says = "no message is searched for its keys (scan depth 0), so it never awakens"
        yield Notice("warning", "lore-never", where, says, "set the scan depth to 1 or more")
    elif entry.recursion.level and book.recursive is False:
        says = "it waits for other entries' texts, and the book does not search them"
        yield Notice("warning", "lore-never", where, says, "switch its recursion on")
    elif entry.recursion.level and entry.recursion.exclude:
        yield Notice("warning", "lore-never", where, "only other entries may awaken it, and they may not")
    for condition in entry.conditions:
        if _excluded(entry, condition.logic, condition.keys):
            says = "its secondary keys are in every one of its keys, and must not be there: it never awakens"
            yield Notice("warning", "lore-never", where, says, "take them out, or choose another logic")


def _excluded(entry: Entry, logic: Logic, keys: Sequence[Key]) -> bool:
    """Whether a condition that some (NOT ANY) or all (NOT ALL) keys are missing fails wherever the entry is called."""
    if logic not in (Logic.NOT_ANY, Logic.NOT_ALL) or any(key.pattern for key in (*entry.keys, *keys)):
        return False
    index = Index([Entry(text="", keys=tuple(keys), whole_words=entry.whole_words)])
    wanted = any if logic is Logic.NOT_ANY else all

    def fails(called_by: Key) -> bool:
        there = {at for _, _, at in index.search(Folded.of(called_by.written), lambda key: key)}
        return wanted(at in there for at in range(len(keys)))

    return bool(keys) and bool(entry.keys) and all(map(fails, entry.keys))
