"""How long it takes to find what awakens in large lorebooks: ours against a loop of one `re.search` for each key.

Books of 1,000 and 10,000 entries with two or three keys each (a tenth of them of two words), and ten messages of fifty
words; about thirty entries are named. The plain loop asks `(?:^|\\W)key(?:$|\\W)` of the messages' text, every pattern
compiled beforehand, and then does nothing more; ours finds the keys, decides what awakens within a budget, and says
why. Before anything is timed, both must have found the same entries. The ratio told is that of the largest book. Among
the figures: a loop of `key in text`, which knows no words; building the automaton, once for a book; and the largest
book with a pattern (`/…/i`) in every hundredth entry.

    python -m bench.lore [--json] [--record] [--rounds 5]
"""

import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from time import perf_counter

from bench.report import finish, interleaved, parser
from persona.lore.engine import Lore
from persona.lore.index import Index
from persona.lore.rules import LoreRules
from persona.lorebook import Lorebook
from persona.turn import Role, Turn

SIZES = (1_000, 10_000)
MESSAGES, WORDS, NAMED = 10, 50, 30
PATTERNS = 100  # with patterns: every how manieth entry has one
SYLLABLES = ("ka", "lo", "mi", "ren", "tor", "vel", "an", "dra", "sul", "bri", "en", "os", "tha", "wyn", "gar", "il")


@dataclass(frozen=True, slots=True)
class Case:
    """A book as JSON rows, the talk, and the numbers of the entries that the talk names."""

    rows: list[dict[str, object]]
    turns: list[Turn]

    def book(self) -> Lorebook:
        return Lorebook.of_world_info({"entries": self.rows})


def words(chance: Random, number: int) -> list[str]:
    """So many different made-up words, always the same for a seed."""
    found: dict[str, None] = {}
    while len(found) < number:
        found["".join(chance.choices(SYLLABLES, k=chance.randint(2, 5)))] = None
    return list(found)


def case(entries: int, patterns: int = 0) -> Case:
    """`patterns`: every how manieth key is a pattern; 0 = none."""
    chance = Random(entries)
    known = words(chance, entries * 3 + 2000)
    keys, filler = known[: entries * 3], known[entries * 3 :]
    rows: list[dict[str, object]] = []
    for number in range(entries):
        own = keys[number * 3 : number * 3 + chance.randint(2, 3)]
        if number % 10 == 0:
            own[0] = f"{own[0]} {own[1]}"
        if patterns and number % patterns == 0:
            own[0] = f"/{own[0]}s?/i"
        rows.append({"key": own, "content": f"Entry {number} says what it knows.", "order": number})
    talk = chance.choices(filler, k=MESSAGES * WORDS)
    for row in chance.sample(rows, NAMED):
        talk[chance.randrange(len(talk))] = str(row["key"][-1]).title()  # type: ignore[index]
    lines = [" ".join(talk[at : at + WORDS]) for at in range(0, len(talk), WORDS)]
    return Case(rows, [Turn(Role.USER, f"Member{at % 4}", line, 0.0) for at, line in enumerate(lines)])


def loop(given: Case) -> Callable[[], list[int]]:
    """The plain way: one search for each key, until one of the entry's is there."""
    compiled = [
        [re.compile(rf"(?:^|\W){re.escape(str(key))}(?:$|\W)", re.IGNORECASE) for key in row["key"]]  # type: ignore[attr-defined]
        for row in given.rows
    ]

    def search() -> list[int]:
        text = "\n".join(f"{turn.name}: {turn.text}" for turn in reversed(given.turns))
        return [number for number, keys in enumerate(compiled) if any(key.search(text) for key in keys)]

    return search


def substrings(given: Case) -> Callable[[], list[int]]:
    """The quickest plain way, which knows no words: it finds "cat" in "concatenate"."""
    keys = [[str(key).lower() for key in row["key"]] for row in given.rows]  # type: ignore[attr-defined]

    def search() -> list[int]:
        text = "\n".join(f"{turn.name}: {turn.text}" for turn in reversed(given.turns)).lower()
        return [number for number, own in enumerate(keys) if any(key in text for key in own)]

    return search


def ours(given: Case) -> Callable[[], list[int]]:
    """The whole way, from messages to what stands in the prompt."""
    book, rules = given.book(), LoreRules(scan_depth=MESSAGES, recursive=False)

    def search() -> list[int]:
        lore = Lore([book], rules)
        awakened = lore.awaken(given.turns, count=lambda text: len(text) // 4, budget=100_000, chance=Random(0))
        return sorted(int(active.order) for active in awakened.entries)

    return search


def built(given: Case) -> float:
    """Seconds to compile a book's keys."""
    entries = given.book().entries
    start = perf_counter()
    Index(entries)
    return perf_counter() - start


def measured(name: str, given: Case, rounds: int) -> tuple[float, dict[str, float | int]]:
    """The loop's time over ours, and the figures; SystemExit if they found different entries."""
    plain, fast = loop(given), ours(given)
    if plain() != fast():
        raise SystemExit(f"the two ways disagree about {name} entries")
    theirs, mine = interleaved(plain, fast, rounds)
    parts, _ = interleaved(substrings(given), fast, rounds)
    ratio = statistics.median(theirs) / statistics.median(mine)
    return ratio, {
        f"{name}, loop ms": milliseconds(statistics.median(theirs)),
        f"{name}, substrings ms": milliseconds(statistics.median(parts)),
        f"{name}, ms": milliseconds(statistics.median(mine)),
        f"{name}, best ms": milliseconds(min(mine)),
        f"{name}, ratio": round(ratio, 1),
        f"{name}, built ms": milliseconds(built(given)),
        f"{name}, awake": len(fast()),
    }


def milliseconds(seconds: float) -> float:
    return round(seconds * 1e3, 2)


def main() -> None:
    options = parser(__doc__ or "").parse_args()
    figures: dict[str, float | int | str] = {}
    for size in SIZES:
        ratio, found = measured(f"{size} entries", case(size), options.rounds)
        figures |= found
    fast = ours(case(SIZES[-1], PATTERNS))
    patterned, _ = interleaved(fast, fast, options.rounds)
    figures[f"{SIZES[-1]} entries, {SIZES[-1] // PATTERNS} patterns, ms"] = milliseconds(statistics.median(patterned))
    finish("lore", ratio, figures, options)


if __name__ == "__main__":
    main()
