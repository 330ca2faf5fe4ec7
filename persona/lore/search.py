"""What is being said, searched for the keys of several books: messages, texts of the card, texts of awakened entries.

Every text is folded and read once, for all books together. Patterns see the messages as SillyTavern shows them to
patterns: the newest first, each behind a \\x01. All patterns of one search share a limit of time.
"""

import logging
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial

from persona.lore.entry import Entry, Key
from persona.lore.index import Folded, Index, Slot
from persona.lore.outcome import Cause, Why
from persona.lore.patterns import MOST_SECONDS, Pattern, PatternError, compile_key

log = logging.getLogger(__name__)

Ref = tuple[int, int]  # number of the book, number of the entry in it
SECONDS = 1.0  # for all patterns of one search; a second is noticed, and no bot hangs for it
_MACRO = re.compile(r"\{\{[^{}]*\}\}")


class Search:
    """`messages` are the newest first; the entries that something called are found out text by text."""

    def __init__(
        self,
        books: Sequence[Index],
        messages: Sequence[str],
        sources: Mapping[str, str],
        fill: Callable[[str], str],
    ) -> None:
        self._books, self._messages, self._fill = books, messages, fill
        self._said: dict[Ref, dict[tuple[int, int], int]] = {}  # entry -> (part, key) -> the newest message with it
        self._told: dict[Ref, dict[tuple[int, int], Why]] = {}  # the same of other texts
        self._read = 0  # messages that were searched for words
        self._until = time.perf_counter() + SECONDS
        for name, text in sources.items():
            self._tell(text, Why(Cause.KEY, source=name), partial(_listens, name))

    def read(self, depths: Sequence[int]) -> None:
        """Search the messages: of each book, as many as its entry in `depths`, or more where an entry asks for more."""
        deepest = max((max(d, book.deepest) for d, book in zip(depths, self._books, strict=True)), default=0)
        for number in range(self._read, min(deepest, len(self._messages))):
            folded = Folded.of(self._messages[number])
            for at, book in enumerate(self._books):
                for entry, part, key in book.search(folded, self._fill):
                    self._said.setdefault((at, entry), {}).setdefault((part, key), number)
        self._read = max(self._read, deepest)
        self._match(depths)

    def add(self, text: str, through: Entry, into: Collection[int]) -> None:
        """Search the text of an awakened entry for keys of the books `into`."""
        self._tell(text, Why(Cause.KEY, through=through), lambda entry: entry is not through, into)

    def called(self) -> Iterator[Ref]:
        """Every entry of which some key was found somewhere."""
        yield from self._said.keys() | self._told.keys()

    def find(self, ref: Ref, part: int, at: int, depth: int, *, texts: bool = True) -> Why | None:
        """Where a key was found: in the newest `depth` messages, else (`texts`) in other texts; without the key."""
        number = self._said.get(ref, {}).get((part, at))
        if number is not None and number < depth:
            return Why(Cause.KEY, message=number)
        told = self._told.get(ref, {}).get((part, at))
        return told if told is not None and (texts or told.through is None) else None

    def _tell(self, text: str, why: Why, listens: Callable[[Entry], bool], into: Collection[int] | None = None) -> None:
        folded = Folded.of(text)
        for at, book in enumerate(self._books):
            if into is not None and at not in into:
                continue
            patterns = (slot for slot, pattern in self._patterns(book) if self._at(pattern, text) is not None)
            for number, part, key in (*book.search(folded, self._fill), *patterns):
                if listens(book.entries[number]):
                    self._told.setdefault((at, number), {}).setdefault((part, key), why)

    def _match(self, depths: Sequence[int]) -> None:
        """Patterns in the messages; one that was found stays found."""
        joined: dict[int, str] = {}
        for at, book in enumerate(self._books):
            for (number, part, key), pattern in self._patterns(book):
                own = book.entries[number].scan_depth
                depth = min(depths[at] if own is None else own, len(self._messages))
                said = self._said.setdefault((at, number), {})
                if depth == 0 or (part, key) in said:
                    continue
                text = joined.setdefault(depth, "\n".join(f"\x01{line}" for line in self._messages[:depth]))
                if (start := self._at(pattern, text)) is not None:
                    said[part, key] = max(0, text.count("\x01", 0, start + 1) - 1)

    def _patterns(self, book: Index) -> Iterator[tuple[Slot, Pattern]]:
        yield from book.patterns
        for slot, key, ignore_case in book.macro_patterns:
            assert key.pattern is not None, "only patterns are kept there"
            filled = _MACRO.sub(lambda found: re.escape(self._fill(found[0])), key.pattern)
            if (pattern := _compiled(Key(key.written, filled, key.flags), ignore_case)) is not None:
                yield slot, pattern

    def _at(self, pattern: Pattern, text: str) -> int | None:
        return pattern.search(text, min(MOST_SECONDS, self._until - time.perf_counter()))


def _listens(source: str, entry: Entry) -> bool:
    return source in entry.sources


@lru_cache(maxsize=256)
def _compiled(key: Key, ignore_case: bool) -> Pattern | None:
    """A pattern with a member's name in it; kept, because there are few members and one reply asks for each often."""
    try:
        return compile_key(key, ignore_case=ignore_case)
    except PatternError:
        return None
