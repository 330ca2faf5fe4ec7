"""What keeps an entry asleep that something calls: for whom and when it is, its secondary keys, its timing.

Moment     where the conversation stands, and whose it is
obstacle   why an entry may not awaken now
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from persona.lore.entry import Condition, Entry, Logic
from persona.lore.outcome import Cause, Reason
from persona.lore.timed import Timed
from persona.naming import fold
from persona.turn import Role, Turn

Obstacle = tuple[Reason, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """`messages` and `replies` count the whole conversation; None = what is searched is the whole of it."""

    messages: int | None = None
    replies: int | None = None  # of the character
    names: frozenset[str] = frozenset()  # what the character is called; empty = entries for certain characters awaken
    tags: frozenset[str] = frozenset()  # the card's
    greeting: int | None = None  # which of the greetings began the conversation; None = nobody knows
    trigger: str = "normal"  # what is being written, in SillyTavern's words: normal, continue, swipe …

    def of(self, turns: Sequence[Turn]) -> Self:
        """With the counts of `turns` where there are none, and names as they are compared."""
        replies = sum(turn.role is Role.CHARACTER for turn in turns)
        return replace(
            self,
            messages=len(turns) if self.messages is None else self.messages,
            replies=replies if self.replies is None else self.replies,
            names=frozenset(map(fold, self.names)),
            tags=frozenset(map(fold, self.tags)),
        )


def obstacle(
    entry: Entry, cause: Cause, moment: Moment, timed: Timed, found: Callable[[int, int], bool]
) -> Obstacle | None:
    """Why `entry` stays asleep although something calls it; None if nothing does. `found(part, key)`: is it there?"""
    if (why := _for_others(entry, moment)) is not None:
        return Reason.FILTER, why
    if cause in (Cause.FORCED, Cause.KEPT):
        return None
    if entry.timing.once and entry.mark in timed.awake:
        return Reason.ONCE, "it awakened before"
    if (why := _too_early(entry, moment)) is not None:
        return Reason.DELAY, why
    if entry.mark in timed.cooldown and cause is not Cause.STICKY:
        left = timed.cooldown[entry.mark][1] - (moment.messages or 0)
        return Reason.COOLDOWN, f"it sleeps for {left} more message{'s' * (left != 1)}"
    if entry.forced is False:
        return Reason.FORBIDDEN, "@@dont_activate"
    return None if cause is Cause.STICKY else _conditions(entry, cause, found)


def _for_others(entry: Entry, moment: Moment) -> str | None:
    wanted = entry.filter
    if wanted.triggers and moment.trigger not in wanted.triggers:
        return f"it is for replies of the kind {', '.join(sorted(wanted.triggers))}"
    if wanted.greeting is not None and moment.greeting is not None and wanted.greeting != moment.greeting:
        return f"it is for greeting {wanted.greeting}"
    if (wanted.names or wanted.tags) and moment.names:
        meant = bool(wanted.names & moment.names or wanted.tags & moment.tags)
        if meant is wanted.exclude:
            return "it is for other characters"
    return None


def _too_early(entry: Entry, moment: Moment) -> str | None:
    timing, messages, replies = entry.timing, moment.messages or 0, moment.replies or 0
    if messages < timing.delay:
        return f"it waits for message {timing.delay}"
    if replies < timing.after:
        return f"it waits for the character's message {timing.after}"
    if timing.every and replies % timing.every:
        return f"it awakens at every {timing.every}. message of the character"
    return None


def _conditions(entry: Entry, cause: Cause, found: Callable[[int, int], bool]) -> Obstacle | None:
    for part, condition in enumerate(entry.conditions, start=1):
        if condition.always or cause is Cause.KEY:
            there = [found(part, at) for at in range(len(condition.keys))]
            if not holds(condition.logic, there):
                return Reason.CONDITION, _asked(condition)
    return None


def holds(logic: Logic, there: Sequence[bool]) -> bool:
    """Whether keys of which these are `there` are as a condition wants them."""
    match logic:
        case Logic.ANY:
            return any(there)
        case Logic.ALL:
            return all(there)
        case Logic.NOT_ANY:
            return not any(there)
        case Logic.NOT_ALL:
            return not all(there)


def _asked(condition: Condition) -> str:
    words = {Logic.ANY: "one of", Logic.ALL: "all of", Logic.NOT_ANY: "none of", Logic.NOT_ALL: "not all of"}
    return f"it wants {words[condition.logic]} {', '.join(key.written for key in condition.keys)}"[:120]
