"""Which job's step goes next. Chooses and nothing else: no device, no thread, no torch, and the clock is handed in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

ROUNDS = 128  # between two steps that only waiting made urgent: fewer than one token in a hundred waits for one


@dataclass(slots=True)
class _Place(Generic[T]):
    """One member's place: its priority, and at which turn it last had the device."""

    member: T
    priority: int
    turn: int


@dataclass(slots=True)
class _Wait:
    """Since when a priority has had no step: clock in seconds, and the number of the round."""

    since: float
    round: int


class Schedule(Generic[T]):
    """The members that have a step to run, and whose turn it is.

    The smallest priority number goes first. Members of equal priority take turns, whoever waited most turns first.

    Waiting ages, so that nobody starves: a priority that had no step for `ageing` seconds counts as one more urgent,
    and after as long again as two; one step of any of its members later it is as patient as before. So that such
    steps stay rare between others, it takes `longest` seconds rather than `ageing` until there have been ROUNDS rounds
    of the others as well. A round is over when somebody has a second turn: one token, for all replies together.
    """

    def __init__(self, ageing: float = 2.0, longest: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._ageing = ageing
        self._longest = longest
        self._clock = clock
        self._places: dict[T, _Place[T]] = {}
        self._waits: dict[int, _Wait] = {}  # by priority
        self._turn = 0
        self._round = 0
        self._had_turn: set[T] = set()  # in this round

    def __len__(self) -> int:
        return len(self._places)

    def add(self, member: T, priority: int) -> None:
        """Let `member` (hashable, not yet in the schedule) take part from now on."""
        assert member not in self._places, "a member has one place"
        if all(place.priority != priority for place in self._places.values()):
            self._waits[priority] = _Wait(self._clock(), self._round)
        self._turn += 1
        self._places[member] = _Place(member, priority, self._turn)

    def remove(self, member: T) -> bool:
        """Take `member` out; False when it was not in."""
        self._had_turn.discard(member)
        return self._places.pop(member, None) is not None

    def next(self) -> T:
        """Whose step goes now; it stays in the schedule. IndexError when empty."""
        if not self._places:
            raise IndexError("nobody has a step to run")
        now = self._clock()
        urgencies = {priority: priority - self._age(wait, now) for priority, wait in self._waits.items()}
        place = min(self._places.values(), key=lambda waiting: (urgencies[waiting.priority], waiting.turn))
        self._turn += 1
        place.turn = self._turn
        self._count_round(place.member)
        return place.member

    def stepped(self, member: T) -> None:
        """The step of `member` has ended: the waiting of its priority is counted from here."""
        place = self._places.get(member)
        if place is not None:
            self._waits[place.priority] = _Wait(self._clock(), self._round)

    def drain(self) -> list[T]:
        """Take everybody out."""
        members = list(self._places)
        self._places.clear()
        return members

    def _age(self, wait: _Wait, now: float) -> int:
        """By how much more urgent waiting has made a priority."""
        often_enough = self._round - wait.round >= ROUNDS
        return int((now - wait.since) / (self._ageing if often_enough else self._longest))

    def _count_round(self, member: T) -> None:
        if member in self._had_turn:
            self._had_turn.clear()
            self._round += 1
        self._had_turn.add(member)
