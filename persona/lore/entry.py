"""One entry of a lorebook, whatever format it came in: when it awakens, what it says, where in the prompt that stands.

    Entry        everything an entry says, read and checked once
    Key          what awakens it: plain words or a pattern
    Condition    further keys that must (not) be there

Sources: character-card-spec-v2, character-card-spec-v3 (077e65af), SillyTavern's world info files. What is being said,
and whether there is room for an entry, is not known here.
"""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from persona.finding import Finding


class Place(StrEnum):
    """Where in the prompt a text stands, in the order of the prompt."""

    BEFORE = "before"  # before the description
    AFTER = "after"  # behind the description
    EXAMPLES_TOP = "examples_top"  # before the example dialogues
    EXAMPLES_BOTTOM = "examples_bottom"
    NOTE_TOP = "note_top"  # before the author's note
    NOTE_BOTTOM = "note_bottom"
    DEPTH = "depth"  # in the history, so many messages before its end, in the voice of a role
    OUTLET = "outlet"  # only where {{outlet::name}} asks for it


class Logic(StrEnum):
    """What a condition asks of its keys."""

    ANY = "any"  # one of them is there (SillyTavern: AND ANY, 0)
    NOT_ALL = "not_all"  # one of them is missing (1)
    NOT_ANY = "not_any"  # none of them is there (2)
    ALL = "all"  # every one is there (3)


class Scope(StrEnum):
    """Whose book it is; where there is not room for all, the earlier one's entries stay."""

    CHARACTER = "character"  # the book inside a community card
    PERSONA = "persona"  # beside persona.toml
    CHANNEL = "channel"
    GUILD = "guild"


@dataclass(frozen=True, slots=True)
class Key:
    """`written` as the file has it; `pattern`: a regular expression in JavaScript's form, None for plain words."""

    written: str
    pattern: str | None = None
    flags: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    keys: tuple[Key, ...]
    logic: Logic = Logic.ANY
    always: bool = False  # asked of constant entries, too (decorators)


@dataclass(frozen=True, slots=True)
class Recursion:
    """How an entry takes part when awakened texts are searched for further keys."""

    prevent: bool = False  # its text awakens nobody
    exclude: bool = False  # only messages awaken it
    level: int = 0  # 1 and more: only other texts awaken it, and only after all lower levels are done


@dataclass(frozen=True, slots=True)
class Timing:
    """Counted in messages of the conversation; 0 = not at all."""

    sticky: int = 0  # stays for so many messages after awakening
    cooldown: int = 0  # then sleeps for so many
    delay: int = 0  # sleeps until there are so many messages
    after: int = 0  # sleeps until the character has said so much (@@activate_only_after)
    every: int = 0  # awakens only when the character's messages are a multiple (@@activate_only_every)
    keep: bool = False  # stays for good once awakened (@@keep_activate_after_match)
    once: bool = False  # awakens a single time (@@dont_activate_after_match)


@dataclass(frozen=True, slots=True)
class Group:
    """Of the entries of one inclusion group only one awakens."""

    names: tuple[str, ...] = ()
    override: bool = False  # wins by its order instead of by lot
    weight: float = 100.0  # of the lot
    scoring: bool = False  # gives way to whoever matched more keys


@dataclass(frozen=True, slots=True)
class Filter:
    """For whom and when an entry counts at all."""

    names: frozenset[str] = frozenset()  # characters, folded
    tags: frozenset[str] = frozenset()
    exclude: bool = False  # for everybody but those
    triggers: frozenset[str] = frozenset()  # kinds of generation: normal, continue, swipe …; empty = every kind
    greeting: int | None = None  # the conversation began with this greeting (@@is_greeting)


@dataclass(frozen=True, slots=True)
class Entry:
    text: str  # as it goes into the prompt: decorators are gone, macros are not filled in
    keys: tuple[Key, ...] = ()
    conditions: tuple[Condition, ...] = ()
    name: str = ""  # for people: its name, comment or first key
    enabled: bool = True
    constant: bool = False
    forced: bool | None = None  # @@activate, @@dont_activate
    order: float = 100.0  # in the prompt; higher stands later
    weight: float = 100.0  # where there is not room for all, the higher stays (see the readers)
    first_to_go: bool = False  # whatever its weight (@@ignore_on_max_context)
    ignore_budget: bool = False
    place: Place = Place.AFTER
    depth: int = 4  # messages from the end, for Place.DEPTH
    role: str = "system"  # system, user or assistant, for Place.DEPTH
    outlet: str = ""  # the name, for Place.OUTLET
    probability: float = 100.0  # per cent
    scan_depth: int | None = None  # messages searched for its keys; None = as the book says
    case_sensitive: bool | None = None
    whole_words: bool | None = None
    recursion: Recursion = Recursion()
    timing: Timing = Timing()
    group: Group = Group()
    filter: Filter = Filter()
    sources: frozenset[str] = frozenset()  # what is searched besides messages: see SOURCES
    findings: tuple[Finding, ...] = ()  # what of it is not used; `where` points into the entry: "keys[0]"
    where: str = field(default="", compare=False)  # in the file: "entries[3]"
    mark: str = field(default="", compare=False)  # names the entry in stored states; the same in every start

    def __post_init__(self) -> None:
        if not self.mark:
            said = "\0".join((*(key.written for key in self.keys), self.text)).encode("utf-8", "replace")
            object.__setattr__(self, "mark", hashlib.blake2b(said, digest_size=8).hexdigest())


SOURCES = (  # texts of the card that an entry may be awakened by, as SillyTavern's world info names them
    "persona_description",
    "character_description",
    "character_personality",
    "character_depth_prompt",
    "scenario",
    "creator_notes",
)
