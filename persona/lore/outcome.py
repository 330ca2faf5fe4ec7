"""What came of looking for lore: which entries are awake and why, which were left out and why, what lasts.

Awakened   the whole: `entries` in the order of the prompt
Active     an entry that is awake
LeftOut    an entry that something called, and why it does not speak
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from persona.lore.entry import Entry, Place, Scope
from persona.lore.timed import Timed


class Cause(StrEnum):
    """Why an entry is awake."""

    KEY = "key"
    CONSTANT = "constant"
    STICKY = "sticky"  # it awakened a few messages ago
    KEPT = "kept"  # it awakened once (@@keep_activate_after_match)
    FORCED = "activate"  # @@activate


class Reason(StrEnum):
    """Why an entry that something called does not speak."""

    BUDGET = "budget"
    PROBABILITY = "probability"
    GROUP = "group"
    COOLDOWN = "cooldown"
    DELAY = "delay"  # the conversation is too short, or not at the right message
    CONDITION = "condition"  # its secondary keys
    RECURSION = "recursion"  # it waits for, or does not listen to, other entries' texts
    ONCE = "once"  # it awakened before (@@dont_activate_after_match)
    FILTER = "filter"  # it is for other characters, greetings or kinds of reply
    FORBIDDEN = "dont_activate"  # @@dont_activate
    EMPTY = "empty"  # it has no text; it may still have won its group


@dataclass(frozen=True, slots=True)
class Why:
    """`key` as the book writes it. It stood in a message, in the text of another entry (`through`) or in a `source`."""

    cause: Cause
    key: str = ""
    message: int | None = None  # 0 = the newest
    through: Entry | None = None
    source: str = ""  # see persona.lore.entry.SOURCES


@dataclass(frozen=True, slots=True)
class Active:
    entry: Entry
    text: str  # macros are filled in, decorators are gone
    position: Place
    depth: int  # messages before the end of the history, for Place.DEPTH
    role: str  # system, user or assistant, for Place.DEPTH
    order: float
    tokens: int
    why: Why
    book: str  # what to call the book it is from
    scope: Scope


@dataclass(frozen=True, slots=True)
class LeftOut:
    entry: Entry
    reason: Reason
    says: str  # a few words for people: "needs 40 tokens, and 12 are left"
    why: Why
    book: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class Awakened:
    """`entries` stand in the order of the prompt: by position, at a depth the deepest first, then by order."""

    entries: tuple[Active, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    timed: Timed = field(default_factory=Timed)  # what lasts, if this reply counts
    tokens: int = 0  # of all entries, each counted with a line end

    def texts(self, position: Place) -> list[str]:
        """What stands at a position of the prompt, in order."""
        return [active.text for active in self.entries if active.position is position]

    def at_depth(self) -> Sequence[Active]:
        """What stands in the history, the deepest first."""
        return [active for active in self.entries if active.position is Place.DEPTH]

    def outlet(self, name: str) -> str:
        """What `{{outlet::name}}` stands for; "" where there is nothing."""
        wanted = name.strip().casefold()
        named = (a for a in self.entries if a.position is Place.OUTLET and a.entry.outlet.casefold() == wanted)
        return "\n".join(active.text for active in named)
