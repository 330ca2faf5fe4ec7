"""What a grammar is made of: characters, sequences, alternatives, repetitions, names of rules. And GrammarError."""

from dataclasses import dataclass, field
from typing import TypeAlias

HIGHEST = 0x10FFFF  # the last code point of Unicode
SURROGATES = (0xD800, 0xDFFF)  # code points that no UTF-8 text has


class GrammarError(ValueError):
    """A grammar that cannot be used: one sentence that says where the mistake is and what was expected.

    line: where the mistake is, counted from 1; 0 if it has no place.
    """

    def __init__(self, sentence: str, line: int = 0) -> None:
        super().__init__(sentence)
        self.line = line


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of a set: code points as ascending, separate (first, last) pairs."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Its parts one after another; none of them is the empty text."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of its parts."""

    parts: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Its part `least` to `most` times; most None is without end."""

    part: "Part"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What the rule of this name says. line, column: where it is referred to."""

    name: str
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


Part: TypeAlias = Chars | Sequence | Either | Repeat | Rule


def charset(ranges: list[tuple[int, int]], negated: bool = False) -> Chars:
    """The set of code points in any (or, negated, in none) of `ranges`, without those that no text has."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    if not negated:
        return Chars(tuple(merged))
    edges = [-1, *(edge for pair in sorted([*merged, SURROGATES]) for edge in pair), HIGHEST + 1]
    gaps = [(last + 1, first - 1) for last, first in zip(edges[::2], edges[1::2], strict=True)]
    return Chars(tuple((first, last) for first, last in gaps if first <= last))


ANY = charset([], negated=True)


def text_of(text: str) -> Sequence:
    """Exactly `text`."""
    return Sequence(tuple(Chars(((ord(character), ord(character)),)) for character in text))
