"""One search for lore under way: rounds over what is called, until nothing new awakens.

A round asks of every entry that something calls: may it awaken (obstacles.py), does it draw well, does it win its group
(groups.py), is there room for it? What awakened is searched for further keys in the next round.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

from persona.lore.entry import Entry, Place
from persona.lore.groups import Candidate, losers
from persona.lore.obstacles import Moment, Obstacle, obstacle
from persona.lore.outcome import Active, Awakened, Cause, LeftOut, Reason, Why
from persona.lore.purse import Purse
from persona.lore.rules import LoreRules
from persona.lore.search import Ref, Search
from persona.lore.timed import Timed
from persona.lorebook import Lorebook

_PLACES = list(Place)
_EARLY = (Cause.CONSTANT, Cause.FORCED)  # get room first
_LASTING = (Cause.STICKY, Cause.KEPT)  # then these


class Awakening:
    """The state of one search; `run` it once."""

    def __init__(
        self,
        books: Sequence[Lorebook],
        rules: LoreRules,
        search: Search,
        moment: Moment,
        timed: Timed,
        chance: Random,
        text_of: Callable[[str], str],
        count: Callable[[str], int],
        budget: int,
    ) -> None:
        """timed: what lasts at this moment; the rest as in `Lore.awaken`, the macros' filling named `text_of`."""
        self._books, self._rules, self._search = books, rules, search
        self._moment, self._timed, self._chance = moment, timed, chance
        self._text_of, self._count = text_of, count
        limits = {at: book.token_budget for at, book in enumerate(books) if book.token_budget is not None}
        self._purse = Purse(budget, limits)
        self._feeding = [rules.recursive if book.recursive is None else book.recursive for book in books]
        self._awake: dict[Ref, Active] = {}
        self._out: dict[Ref, LeftOut] = {}  # in the end, less those that awakened after all
        self._settled: set[Ref] = set()  # left out for good
        self._lucky: set[Ref] = set()  # drew well; nobody draws twice
        self._further = 0  # messages searched beyond what books and rules say
        self._steps = 0
        self._fed: set[Ref] = set()  # whose texts were searched
        self._levels = sorted(set[int]().union(*(book.index.levels for book in books)))
        self._level = self._levels[0] if self._levels else 0
        self._unasked = list(self._called_before())

    def run(self, messages: int) -> Awakened:
        """The outcome, in a conversation of which so many `messages` may be searched."""
        self._look()
        while len(self._awake) < self._rules.min_activations and self._deeper(messages):
            self._look()
        shown = sorted((ref for ref, active in self._awake.items() if active.text.strip()), key=self._standing)
        entries = tuple(self._awake[ref] for ref in shown)
        return Awakened(
            entries=entries,
            left_out=tuple(self._out[ref] for ref in sorted(self._out) if ref not in shown),
            timed=self._timed.after(self._moment.messages or 0, (active.entry for active in self._awake.values())),
            tokens=sum(active.tokens for active in entries),
        )

    def _called_before(self) -> Iterator[Ref]:
        """Entries that need no key: constant ones, and those that last."""
        for at, book in enumerate(self._books):
            yield from ((at, number) for number in book.index.unasked)
            lasting = self._timed.sticky.keys() | self._timed.awake.keys()
            yield from ((at, book.index.marks[mark]) for mark in lasting if mark in book.index.marks)

    def _look(self) -> None:
        """Messages first, then what awakened texts say, as long as they say something new."""
        self._search.read([self._depth(at) for at in range(len(self._books))])
        self._round(texts=False)
        while self._steps < self._rules.steps and (self._feed() or self._next_level()):
            self._steps += 1
            self._round(texts=True)

    def _deeper(self, messages: int) -> bool:
        """Search one message more than so far; False where there is none, or it is too far back."""
        self._further += 1
        return self._rules.scan_depth + self._further <= min(messages, self._rules.most_depth)

    def _depth(self, book: int) -> int:
        own = self._books[book].scan_depth
        return self._further + (self._rules.scan_depth if own is None else own)

    def _feed(self) -> bool:
        """Search the texts that awakened since the last time; False where there are none."""
        new = [ref for ref in self._awake if ref not in self._fed]
        self._fed.update(new)
        into = [at for at, feeding in enumerate(self._feeding) if feeding]
        fed = [ref for ref in new if self._feeding[ref[0]] and not self._entry(ref).recursion.prevent]
        for ref in fed:
            self._search.add(self._awake[ref].text, self._entry(ref), into)
        return bool(fed)

    def _next_level(self) -> bool:
        """Let the next of the delayed entries take part; False where none is left, or no text was ever searched."""
        later = [level for level in self._levels if level > self._level]
        if not later or not any(not self._entry(ref).recursion.prevent for ref in self._fed):
            return False
        self._level = later[0]
        return True

    def _round(self, *, texts: bool) -> None:
        candidates = sorted(self._candidates(texts), key=self._rank)
        lucky = [candidate for candidate in candidates if self._draws(candidate)]
        taken = {name for active in self._awake.values() for name in active.entry.group.names}
        lost = losers(lucky, taken, self._chance)
        for candidate in lucky:
            if candidate.ref in lost:
                self._leave(candidate.ref, candidate.why, (Reason.GROUP, lost[candidate.ref]))
            else:
                self._admit(candidate)

    def _candidates(self, texts: bool) -> Iterator[Candidate]:
        for ref in dict.fromkeys((*self._unasked, *self._search.called())):
            if ref in self._awake or ref in self._settled:
                continue
            entry = self._entry(ref)
            if (why := self._why(ref, entry)) is None:
                continue
            found = partial(self._found, ref)
            stopped = self._recursion(entry, why.cause, texts) or obstacle(
                entry, why.cause, self._moment, self._timed, found
            )
            if stopped:
                self._leave(ref, why, stopped)
            else:
                yield Candidate(ref, entry, why, self._score(ref, entry))

    def _cause(self, entry: Entry) -> Cause | None:
        """Why an entry is called without any key."""
        if entry.forced:
            return Cause.FORCED
        if entry.mark in self._timed.sticky:
            return Cause.STICKY
        if entry.timing.keep and entry.mark in self._timed.awake:
            return Cause.KEPT
        return Cause.CONSTANT if entry.constant else None

    def _why(self, ref: Ref, entry: Entry) -> Why | None:
        if (cause := self._cause(entry)) is not None:
            return Why(cause)
        found = ((key, self._find(ref, 0, at)) for at, key in enumerate(entry.keys))
        said = [(key, why) for key, why in found if why is not None]
        if not said:
            return None
        key, why = min(said, key=lambda pair: (pair[1].message is None, pair[1].message or 0))
        return Why(why.cause, key.written, why.message, why.through, why.source)

    def _recursion(self, entry: Entry, cause: Cause, texts: bool) -> Obstacle | None:
        level = entry.recursion.level
        if not level or cause is Cause.STICKY or (texts and level <= self._level):
            return None
        return Reason.RECURSION, "it waits for what other entries say"

    def _find(self, ref: Ref, part: int, at: int) -> Why | None:
        own = self._entry(ref).scan_depth
        depth = self._depth(ref[0]) if own is None else own
        return self._search.find(ref, part, at, depth, texts=not self._entry(ref).recursion.exclude)

    def _found(self, ref: Ref, part: int, at: int) -> bool:
        return self._find(ref, part, at) is not None

    def _score(self, ref: Ref, entry: Entry) -> int:
        """How many of its keys were found."""
        parts = (entry.keys, *(condition.keys for condition in entry.conditions))
        return sum(self._found(ref, part, at) for part, keys in enumerate(parts) for at in range(len(keys)))

    def _draws(self, candidate: Candidate) -> bool:
        entry, ref = candidate.entry, candidate.ref
        if entry.probability >= 100 or candidate.why.cause in _LASTING or ref in self._lucky:
            return True
        if self._chance.random() * 100 < entry.probability:
            self._lucky.add(ref)
            return True
        self._settled.add(ref)
        self._leave(ref, candidate.why, (Reason.PROBABILITY, f"it awakens {entry.probability:g} times in a hundred"))
        return False

    def _admit(self, candidate: Candidate) -> None:
        """Awake it is, if there is room."""
        ref, entry = candidate.ref, candidate.entry
        text = self._text_of(entry.text)
        tokens = self._count(f"{text}\n") if text.strip() else 0
        if not tokens:
            self._leave(ref, candidate.why, (Reason.EMPTY, "it has no text"))
        elif not entry.ignore_budget:
            if not self._make_room(candidate, tokens):
                self._settled.add(ref)
                says = f"it needs {tokens} tokens, and {self._purse.left(ref[0])} are left"
                self._leave(ref, candidate.why, (Reason.BUDGET, says))
                return
            self._purse.spend(ref[0], tokens)
        standing = (entry.place, entry.depth, entry.role, entry.order)
        book = self._books[ref[0]]
        self._awake[ref] = Active(entry, text, *standing, tokens, candidate.why, book.label(), book.scope)

    def _make_room(self, candidate: Candidate, tokens: int) -> bool:
        """Whether there is room; those who go first (@@ignore_on_max_context) go for it where that helps."""
        book = candidate.ref[0]
        weak = [
            ref for ref, active in self._awake.items() if active.entry.first_to_go and not active.entry.ignore_budget
        ]
        back = [] if candidate.entry.first_to_go else [(ref[0], self._awake[ref].tokens) for ref in weak]
        if not self._purse.fits(book, tokens, back):
            return False
        while not self._purse.fits(book, tokens):
            ref = weak.pop()
            gone = self._awake.pop(ref)
            self._purse.spend(ref[0], -gone.tokens)
            self._settled.add(ref)
            self._leave(ref, gone.why, (Reason.BUDGET, "it goes first where there is not room for all"))
        return True

    def _leave(self, ref: Ref, why: Why, obstacle: Obstacle) -> None:
        if ref in self._out and self._out[ref].reason is obstacle[0]:
            return  # a later round says the same with less
        book = self._books[ref[0]]
        self._out[ref] = LeftOut(self._entry(ref), *obstacle, why, book.label(), book.scope)

    def _entry(self, ref: Ref) -> Entry:
        return self._books[ref[0]].entries[ref[1]]

    def _rank(self, candidate: Candidate) -> tuple[object, ...]:
        """Who gets room before whom."""
        entry, cause = candidate.entry, candidate.why.cause
        asked = 0 if cause in _EARLY else 1 if cause in _LASTING else 2
        return entry.first_to_go, asked, candidate.ref[0], -entry.weight, -entry.order, candidate.ref[1]

    def _standing(self, ref: Ref) -> tuple[object, ...]:
        """Who stands before whom in the prompt."""
        active = self._awake[ref]
        deep = -active.depth if active.position is Place.DEPTH else 0
        return _PLACES.index(active.position), deep, active.order, ref
