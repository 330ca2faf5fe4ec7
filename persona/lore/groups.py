"""Inclusion groups: of the entries of one group that something called, one awakens.

Who is still awake from before (sticky) wins; then who matched most keys, of those that ask for it; then the highest
order, of those that override; then a lot by weights. An entry of several groups must win in each.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from persona.lore.entry import Entry
from persona.lore.outcome import Cause, Why
from persona.lore.search import Ref


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may awaken; `score` is the number of its keys that were found."""

    ref: Ref
    entry: Entry
    why: Why
    score: int


def losers(candidates: Sequence[Candidate], taken: Collection[str], chance: Random) -> Mapping[Ref, str]:
    """Who must give way, and to whom, in a few words. `taken`: groups of which an entry is awake already."""
    lost: dict[Ref, str] = {}
    for name in sorted({name for candidate in candidates for name in candidate.entry.group.names}):
        members = [c for c in candidates if name in c.entry.group.names and c.ref not in lost]
        if name in taken:
            lost |= {member.ref: f"an entry of the group {name} is awake already" for member in members}
        elif len(members) > 1:
            winner = _winner(members, chance)
            says = f"{winner.entry.name or 'another'} won in the group {name}"
            lost |= {member.ref: says for member in members if member is not winner}
    return lost


def _winner(members: Sequence[Candidate], chance: Random) -> Candidate:
    sticky = [member for member in members if member.why.cause is Cause.STICKY]
    left = sticky or _best(members)
    overriding = [member for member in left if member.entry.group.override]
    if overriding:
        return max(overriding, key=lambda member: member.entry.order)
    weights = [member.entry.group.weight for member in left]
    return chance.choices(left, weights)[0] if sum(weights) > 0 else left[0]


def _best(members: Sequence[Candidate]) -> Sequence[Candidate]:
    """Those that do not give way to somebody with more keys."""
    most = max(member.score for member in members)
    return [member for member in members if member.score == most or not member.entry.group.scoring]
