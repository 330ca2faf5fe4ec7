"""Which job's step goes next. Chooses and nothing else: no device, no thread, no torch, and the clock is handed in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Place(Generic[T]):
    """One member's place: its priority, and when and at which turn it last had the device."""

    member: T
    priority: int
    since: float  # clock, seconds
    turn: int


class Schedule(Generic[T]):
    """The members that have a step to run, and whose turn it is.

    The smallest priority number goes first. Members of equal priority take turns, whoever waited most turns first.
    Waiting ages: every `ageing` seconds without a step count as one priority, so that nobody starves; one step later
    the member is as patient as before.
    """

    def __init__(self, ageing: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._ageing = ageing
        self._clock = clock
        self._places: dict[T, _Place[T]] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._places)

    def add(self, member: T, priority: int) -> None:
        """Let `member` (hashable, not yet in the schedule) take part from now on."""
        assert member not in self._places, "a member has one place"
        self._turn += 1
        self._places[member] = _Place(member, priority, self._clock(), self._turn)

    def remove(self, member: T) -> bool:
        """Take `member` out; False when it was not in."""
        return self._places.pop(member, None) is not None

    def next(self) -> T:
        """Whose step goes now; it stays in the schedule and its waiting starts anew. IndexError when empty."""
        if not self._places:
            raise IndexError("nobody has a step to run")
        now = self._clock()
        place = min(self._places.values(), key=lambda waiting: (self._urgency(waiting, now), waiting.turn))
        self._turn += 1
        place.turn = self._turn
        return place.member

    def stepped(self, member: T) -> None:
        """The step of `member` has ended: its waiting is counted from here."""
        place = self._places.get(member)
        if place is not None:
            place.since = self._clock()

    def drain(self) -> list[T]:
        """Take everybody out."""
        members = list(self._places)
        self._places.clear()
        return members

    def _urgency(self, place: _Place[T], now: float) -> int:
        return place.priority - int((now - place.since) / self._ageing)
