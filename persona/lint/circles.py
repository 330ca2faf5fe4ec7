"""Entries of a lorebook that awaken each other: whoever calls one of them calls them all."""

from collections.abc import Iterator, Sequence

from persona.lore.entry import Entry
from persona.lore.index import Folded, Index


def circles(entries: Sequence[Entry]) -> list[list[int]]:
    """Numbers of the entries in each circle of two or more; constant entries are awake anyway and end a circle.

    Patterns are left out: to search every text for every pattern would cost more than it is worth.
    """
    index = Index([_called(entry) for entry in entries])
    calls = [_calls(at, entry, entries, index) for at, entry in enumerate(entries)]
    return [sorted(group) for group in components(calls) if len(group) > 1]


def _called(entry: Entry) -> Entry:
    """What counts for being called: the plain keys, if anything may call it."""
    if not entry.enabled or entry.constant or entry.recursion.exclude:
        return Entry(text="", enabled=False)
    keys = tuple(key for key in entry.keys if key.pattern is None and "{{" not in key.written)
    return Entry(text="", keys=keys, case_sensitive=entry.case_sensitive, whole_words=entry.whole_words)


def _calls(at: int, entry: Entry, entries: Sequence[Entry], index: Index) -> list[int]:
    if not entry.enabled or entry.constant or entry.recursion.prevent:
        return []
    found = {number for number, part, _ in index.search(Folded.of(entry.text), lambda key: key) if part == 0}
    return sorted(found - {at})


def components(calls: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """The strongly connected components of a graph (Tarjan 1972), without recursion. calls: node -> nodes."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    waiting: list[int] = []
    inside: set[int] = set()
    for root in range(len(calls)):
        work = [] if root in order else [(root, 0)]
        while work:
            node, at = work.pop()
            if at == 0:
                order[node] = low[node] = len(order)
                waiting.append(node)
                inside.add(node)
            if at < len(calls[node]):
                work.append((node, at + 1))
                after = calls[node][at]
                if after not in order:
                    work.append((after, 0))
                elif after in inside:
                    low[node] = min(low[node], order[after])
                continue
            if low[node] == order[node]:
                yield _taken(node, waiting, inside)
            if work:
                outer = work[-1][0]
                low[outer] = min(low[outer], low[node])


def _taken(node: int, waiting: list[int], inside: set[int]) -> list[int]:
    """What was found since `node`, taken from those that wait."""
    at = waiting.index(node)
    group = waiting[at:]
    del waiting[at:]
    inside.difference_update(group)
    return group
