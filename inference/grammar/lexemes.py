"""Cuts the rules of a grammar into lexemes and rules over them, in the form that llguidance reads.

llguidance reads text in two layers: a lexer that always takes the longest lexeme it can (a table look-up per byte),
and a parser over lexemes (slower). GBNF has no lexemes: any way of reading a text counts. So a cut is right only if
taking the longest never loses a reading, which is so when no word of a lexeme, followed by a character that may come
after that lexeme, begins a word of a lexeme allowed in the same place. Where that cannot be shown the lexeme is split,
down to single characters if need be, whose cut is always right. A grammar without recursion is one lexeme.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from inference.grammar.parts import Chars, Either, Part, Repeat, Rule, Sequence
from inference.grammar.regular import check_ends, flatten, inside, is_regular, regex, times

COPIES = 32  # a repetition of more counts as endless in the test for conflicts, which may then split needlessly
MOST_PAIRS = 100_000  # that the test for one conflict looks at before it supposes one


def as_lark(rules: Mapping[str, Part]) -> str:
    """The grammar of `rules`, which begins with `root`, in llguidance's Lark. Raises GrammarError if it never ends."""
    check_ends(rules)
    flat = flatten(rules)
    automata = Automata(flat.values())
    split: set[Part] = set()
    while found := conflicts(cut := Cut(flat, automata, frozenset(split))):
        split |= found
    return cut.lark()


@dataclass(frozen=True, slots=True)
class Automaton:
    """A regular part as its positions: places of a character in it (Glushkov 1961), repetitions written out.

    sets: the characters of each position, as a bit mask of atoms. first, last: positions where a word may begin, end.
    after: the positions that may follow each. empty: whether the empty text is a word.
    """

    sets: tuple[int, ...]
    first: frozenset[int]
    last: frozenset[int]
    after: tuple[frozenset[int], ...]
    empty: bool

    @property
    def begins(self) -> int:
        """The atoms with which a word may begin."""
        return self.union(self.first)

    def union(self, positions: Iterable[int]) -> int:
        """The atoms of any of these positions."""
        atoms = 0
        for position in positions:
            atoms |= self.sets[position]
        return atoms


class Automata:
    """The automata of a grammar's regular parts, over common atoms: sets of characters that no part tells apart."""

    def __init__(self, parts: Iterable[Part]) -> None:
        edges = {edge for part in parts for first, last in _ranges(part) for edge in (first, last + 1)}
        self._edges = sorted(edges)
        self._known: dict[Part, Automaton] = {}
        self._meetings: dict[tuple[Part, Part], tuple[int, bool]] = {}

    def of(self, part: Part) -> Automaton:
        """The automaton of a regular part."""
        if part not in self._known:
            builder = _Builder(self._edges)
            empty, first, last = builder.add(part)
            after = tuple(map(frozenset, builder.after))
            self._known[part] = Automaton(tuple(builder.sets), frozenset(first), frozenset(last), after, empty)
        return self._known[part]

    def meeting(self, one: Part, other: Part) -> tuple[int, bool]:
        """Atoms that after a word of `one` continue towards a word of `other`; whether they have a word in common."""
        if (one, other) not in self._meetings:
            self._meetings[one, other] = _meeting(self.of(one), self.of(other))
        return self._meetings[one, other]


def _ranges(part: Part) -> set[tuple[int, int]]:
    return set(part.ranges) if isinstance(part, Chars) else set().union(*map(_ranges, inside(part)))


def _meeting(one: Automaton, other: Automaton) -> tuple[int, bool]:
    pairs = {(p, q) for p in one.first for q in other.first if one.sets[p] & other.sets[q]}
    waiting, atoms, common = list(pairs), 0, False
    while waiting:
        if len(pairs) > MOST_PAIRS:
            return -1, True  # every atom: a conflict is supposed
        p, q = waiting.pop()
        if p in one.last:
            atoms |= other.union(other.after[q])
            common |= q in other.last
        more = {(i, j) for i in one.after[p] for j in other.after[q] if one.sets[i] & other.sets[j]} - pairs
        pairs |= more
        waiting += more
    return atoms, common


class _Builder:
    """Positions as they are found; `add` returns (empty, first, last) of a part."""

    def __init__(self, edges: list[int]) -> None:
        self.edges = edges
        self.sets: list[int] = []
        self.after: list[set[int]] = []

    def add(self, part: Part) -> tuple[bool, set[int], set[int]]:
        if isinstance(part, Chars):
            return self.character(part)
        if isinstance(part, Either):
            found = [self.add(inner) for inner in part.parts]
            empty = any(each[0] for each in found)
            return empty, set().union(*(each[1] for each in found)), set().union(*(each[2] for each in found))
        if isinstance(part, Repeat):
            return self.repeat(part)
        whole: tuple[bool, set[int], set[int]] = (True, set(), set())
        for inner in inside(part):
            whole = self.joined(whole, self.add(inner))
        return whole

    def character(self, part: Chars) -> tuple[bool, set[int], set[int]]:
        atoms = 0
        for first, last in part.ranges:
            low, high = bisect_right(self.edges, first) - 1, bisect_right(self.edges, last) - 1
            atoms |= (1 << high + 1) - (1 << low)
        self.sets.append(atoms)
        self.after.append(set())
        place = len(self.sets) - 1
        return False, {place}, {place}

    def repeat(self, part: Repeat) -> tuple[bool, set[int], set[int]]:
        least, most = part.least, part.most
        if max(least, most or 0) > COPIES:
            least, most = min(least, 1), None
        whole: tuple[bool, set[int], set[int]] = (True, set(), set())
        for _ in range(least):
            whole = self.joined(whole, self.add(part.part))
        if most is None:
            _, first, last = self.add(part.part)
            for place in last:
                self.after[place] |= first
            return self.joined(whole, (True, first, last))
        return self.chain(whole, part.part, most - least)

    def chain(self, whole: tuple[bool, set[int], set[int]], part: Part, copies: int) -> tuple[bool, set[int], set[int]]:
        """`whole`, then up to so many copies of `part`: each comes only after the one before, x(x(x)?)?."""
        empty, first, ends = whole
        last = set(ends)
        for number in range(copies):
            _, begins, more = self.add(part)
            for place in ends:
                self.after[place] |= begins
            if empty and not number:
                first = first | begins
            last |= more
            ends = more
        return empty, first, last

    def joined(
        self, one: tuple[bool, set[int], set[int]], other: tuple[bool, set[int], set[int]]
    ) -> tuple[bool, set[int], set[int]]:
        for place in one[2]:
            self.after[place] |= other[1]
        first = one[1] | other[1] if one[0] else one[1]
        last = one[2] | other[2] if other[0] else other[2]
        return one[0] and other[0], first, last


@dataclass(frozen=True)
class Cut:
    """A grammar cut into lexemes: its largest regular parts, but none of those in `split`."""

    rules: Mapping[str, Part]
    automata: Automata
    split: frozenset[Part]

    def is_lexeme(self, part: Part) -> bool:
        return is_regular(part) and part not in self.split

    def pieces(self, sequence: Sequence) -> list[Part]:
        """Its parts, neighbours that are regular joined into one lexeme."""
        groups: list[list[Part]] = []
        for part in sequence.parts:
            if groups and is_regular(part) and is_regular(groups[-1][0]):
                groups[-1].append(part)
            else:
                groups.append([part])
        found: list[Part] = []
        for group in groups:
            whole = group[0] if len(group) == 1 else Sequence(tuple(group))
            found += group if whole in self.split else [whole]
        return found

    @cached_property
    def order(self) -> tuple[set[Part], dict[Part, set[Part]]]:
        """The lexemes that may come first, and those that may come after each."""
        ends: dict[str, tuple[bool, set[Part], set[Part]]] = {name: (False, set(), set()) for name in self.rules}
        after: dict[Part, set[Part]] = {}
        while True:
            found = {name: self._ends(part, ends, after) for name, part in self.rules.items()}
            if found == ends:
                return ends["root"][1], after
            ends = found

    def _ends(
        self, part: Part, ends: Mapping[str, tuple[bool, set[Part], set[Part]]], after: dict[Part, set[Part]]
    ) -> tuple[bool, set[Part], set[Part]]:
        """Whether `part` may be empty, its first and its last lexemes; notes in `after` what follows what in it."""
        if isinstance(part, Rule):
            return ends[part.name]
        if self.is_lexeme(part):
            automaton = self.automata.of(part)
            here: set[Part] = {part} if automaton.sets else set()
            for lexeme in here:
                after.setdefault(lexeme, set())
            return automaton.empty, here, here
        if isinstance(part, Either):
            found = [self._ends(inner, ends, after) for inner in part.parts]
            empty = any(each[0] for each in found)
            return empty, set().union(*(each[1] for each in found)), set().union(*(each[2] for each in found))
        if isinstance(part, Repeat):
            empty, first, last = self._ends(part.part, ends, after)
            if part.most != 1:
                for lexeme in last:
                    after[lexeme] |= first
            return empty or not part.least, first, last
        assert isinstance(part, Sequence)
        empty, first, last = True, set[Part](), set[Part]()
        for inner in self.pieces(part):
            more = self._ends(inner, ends, after)
            for lexeme in last:
                after[lexeme] |= more[1]
            first = first | more[1] if empty else first
            last = last | more[2] if more[0] else more[2]
            empty = empty and more[0]
        return empty, first, last

    def lark(self) -> str:
        """In llguidance's Lark."""
        lexemes: dict[Part, str] = {}
        rules = {name: f"r{number}" for number, name in enumerate(self.rules)}
        lines = [f"{rules[name]}: {self._lark(part, rules, lexemes)}" for name, part in self.rules.items()]
        lines += [f"{name}: /{regex(part)}/" for part, name in lexemes.items()]
        return "\n".join([f"start: {rules['root']}", *lines, ""])

    def _lark(self, part: Part, rules: Mapping[str, str], lexemes: dict[Part, str]) -> str:
        if isinstance(part, Rule):
            return rules[part.name]
        if self.is_lexeme(part):
            automaton = self.automata.of(part)
            if not automaton.sets:
                return '""'
            name = lexemes.setdefault(part, f"T{len(lexemes)}")
            return f"{name}?" if automaton.empty else name  # a lexeme of llguidance is never empty
        if isinstance(part, Sequence):
            return " ".join(self._lark(inner, rules, lexemes) for inner in self.pieces(part))
        if isinstance(part, Either):
            return f"({' | '.join(self._lark(inner, rules, lexemes) for inner in part.parts)})"
        assert isinstance(part, Repeat)
        return f"({self._lark(part.part, rules, lexemes)}){times(part)}"


def conflicts(cut: Cut) -> set[Part]:
    """The lexemes by which taking the longest could lose a reading."""
    first, after = cut.order
    following = dict.fromkeys(after, 0)
    for part, parts in after.items():
        for each in parts:
            following[part] |= cut.automata.of(each).begins
    together = {(one, other) for one in first for other in first}  # lexemes allowed in the same place
    waiting, found = list(together), set[Part]()
    while waiting:
        one, other = waiting.pop()
        if one == other and not after[one]:
            continue  # nothing follows, as is so for a grammar of one lexeme
        atoms, common = cut.automata.meeting(one, other)
        if atoms & following[one]:
            found.add(other)
        if common:
            more = {(i, j) for i in after[one] for j in after[other]} - together
            together |= more
            waiting += more
    return found
