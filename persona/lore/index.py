"""All keys of one book, compiled: which of them are in a text, in one pass however many there are.

Plain keys go into two Aho-Corasick automata, one over folded text and one that keeps case apart; patterns are searched
one by one, each with a time limit; keys that hold macros ({{char}}) are known only when the macros are filled in.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ahocorasick_rs import AhoCorasick, Implementation

from persona.finding import Finding
from persona.lore.entry import Entry, Key
from persona.lore.patterns import Pattern, PatternError, compile_key
from persona.lore.words import fold, stands_alone

Slot = tuple[int, int, int]  # number of the entry; 0 = its keys, 1 … = its conditions; number of the key there


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as both automata read it, folded once for all books."""

    lower: str
    cased: str

    @classmethod
    def of(cls, text: str) -> "Folded":
        return cls(fold(text), fold(text, case=True))


@dataclass(slots=True)
class _Words:
    """Plain keys of one kind, and who is asking for each."""

    slots: dict[str, list[tuple[Slot, bool]]] = field(default_factory=lambda: defaultdict(list))  # bool: whole words
    automaton: AhoCorasick | None = None
    found: list[list[tuple[Slot, bool]]] = field(default_factory=list)

    def compile(self) -> None:
        if self.slots:
            kind = Implementation.ContiguousNFA  # a tenth of a DFA's memory, and quick to build
            self.automaton = AhoCorasick(list(self.slots), implementation=kind, store_patterns=False)
            self.found = list(self.slots.values())

    def search(self, text: str) -> Iterator[Slot]:
        if self.automaton is None:
            return
        seen: set[tuple[int, bool]] = set()
        for number, start, end in self.automaton.find_matches_as_indexes(text, overlapping=True):
            if (number, True) in seen:
                continue
            whole = stands_alone(text, start, end)
            if not whole and (number, False) in seen:
                continue
            seen.add((number, whole))
            yield from (slot for slot, wants_whole in self.found[number] if whole or not wants_whole)


class Index:
    """The compiled keys of `entries`; `findings` says which of them can never match."""

    def __init__(self, entries: Sequence[Entry], *, case_sensitive: bool = False, whole_words: bool = True) -> None:
        self.findings: dict[int, list[Finding]] = {}  # by the number of the entry
        self.patterns: list[tuple[Slot, Pattern]] = []
        self.macro_patterns: list[tuple[Slot, Key, bool]] = []  # patterns with macros; with: upper and lower case equal
        self.entries = tuple(entries)
        self.deepest = max((entry.scan_depth or 0 for entry in entries if entry.enabled), default=0)
        awake = [(number, entry) for number, entry in enumerate(entries) if entry.enabled]
        self.unasked = [number for number, entry in awake if entry.constant or entry.forced]  # called without a key
        self.levels = {entry.recursion.level for _, entry in awake} - {0}
        self.marks = {entry.mark: number for number, entry in awake}
        self._macros: list[tuple[Slot, Key, bool, bool]] = []  # words with macros; with: case kept apart, whole words
        self._lower, self._cased = _Words(), _Words()
        for number, entry in enumerate(entries):
            if entry.enabled:
                case = case_sensitive if entry.case_sensitive is None else entry.case_sensitive
                whole = whole_words if entry.whole_words is None else entry.whole_words
                for slot, key in _slots(number, entry):
                    self._add(slot, key, case, whole)
        self._lower.compile()
        self._cased.compile()

    def _add(self, slot: Slot, key: Key, case: bool, whole: bool) -> None:
        if key.pattern is not None:
            ignore_case = not key.written.startswith("/") and not case
            if "{{" in key.pattern:
                self.macro_patterns.append((slot, key, ignore_case))
                return
            try:
                self.patterns.append((slot, compile_key(key, ignore_case=ignore_case)))
            except PatternError as error:
                self._tell(slot, f"the key “{key.written:.60}” never matches: {error}")
        elif "{{" in key.written:
            self._macros.append((slot, key, case, whole))
        elif folded := fold(key.written, case=case):
            (self._cased if case else self._lower).slots[folded].append((slot, whole))
        else:
            self._tell(slot, "is an empty key, which never awakens the entry")

    def _tell(self, slot: Slot, says: str) -> None:
        number, part, at = slot
        path = f"{'keys' if part == 0 else 'secondary_keys'}[{at}]"
        self.findings.setdefault(number, []).append(Finding("error", path, says))

    def search(self, text: Folded, fill: Callable[[str], str]) -> Iterator[Slot]:
        """The plain keys that are in `text`, some perhaps twice; `fill` puts values for the macros in keys."""
        yield from self._lower.search(text.lower)
        yield from self._cased.search(text.cased)
        for slot, key, case, whole in self._macros:
            if _has(text.cased if case else text.lower, fold(fill(key.written), case=case), whole):
                yield slot


def _slots(number: int, entry: Entry) -> Iterator[tuple[Slot, Key]]:
    for part, keys in enumerate((entry.keys, *(condition.keys for condition in entry.conditions))):
        yield from (((number, part, at), key) for at, key in enumerate(keys))


def _has(text: str, key: str, whole: bool) -> bool:
    at = text.find(key) if key else -1
    while at >= 0 and whole and not stands_alone(text, at, at + len(key)):
        at = text.find(key, at + 1)
    return at >= 0
