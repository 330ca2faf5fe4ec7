"""lorebook.toml, the form in which admins write lorebooks: `[[entries]]` with keys and a text.

    [[entries]]
    keys = ["golden crumb", "/baker(y|ies)/i"]
    text = "The Golden Crumb stands at the end of Mill Lane."

Mistakes are told like those in persona.toml: file, line, key and what was expected.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from persona.lore.entry import Condition, Entry, Group, Logic, Place, Recursion, Timing
from persona.lore.patterns import PatternError, compile_key, key_of
from persona.lore.words import fold
from persona.tomlfile import Table


def _key(written: str) -> str:
    if not fold(written):
        raise ValueError("expected a word or a /pattern/, got only blanks")
    key = key_of(written)
    if key.pattern is not None:
        try:
            compile_key(key)
        except PatternError as error:
            raise ValueError(f"{written:.60}: {error}") from error
    return written


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("expected some text, got only blanks")
    return text


Written = Annotated[str, AfterValidator(_key)]
Said = Annotated[str, AfterValidator(_said)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Order = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class EntryTable(Table):
    """One thing the character knows."""

    keys: list[Written] = Field(default_factory=list, description="words that awaken it, or /patterns/")
    text: Said = Field(description="what the model is told then")
    name: str = Field(default="", description="what to call the entry in lists; the first key if there is none")
    enabled: bool = Field(default=True, description="false = as if it were not there")
    constant: bool = Field(default=False, description="true = always awake, without any key")
    also: list[Written] = Field(default_factory=list, description="further keys, looked at when one of `keys` is there")
    logic: Literal["any", "all", "not_any", "not_all"] = Field(default="any", description="how many of `also` it wants")
    order: Order = Field(default=100, description="where several stand together, the lower stands first")
    priority: Order | None = Field(default=None, description="where there is not room for all, the higher stays")
    ignore_budget: bool = Field(default=False, description="true = it needs no room in the budget")
    position: Literal[
        "before", "after", "examples_top", "examples_bottom", "note_top", "note_bottom", "depth", "outlet"
    ] = Field(default="after", description="where in the prompt it stands")
    depth: Count = Field(default=4, description='with position = "depth": so many messages before the end')
    role: Literal["system", "user", "assistant"] = Field(default="system", description='with "depth": whose voice')
    outlet: str = Field(default="", description='with position = "outlet": the name in {{outlet::name}}')
    probability: float = Field(default=100, ge=0, le=100, description="per cent of the times that it awakens")
    scan_depth: Count | None = Field(default=None, description="messages searched for its keys")
    case_sensitive: bool = Field(default=False, description="true = upper and lower case differ in its keys")
    whole_words: bool = Field(default=True, description="false = its keys may be parts of words")
    prevent_recursion: bool = Field(default=False, description="true = its text awakens no other entry")
    exclude_recursion: bool = Field(default=False, description="true = only messages awaken it, no other entry's text")
    delay_until_recursion: Count = Field(default=0, description="1 and more: only other entries' texts awaken it")
    sticky: Count = Field(default=0, description="stays awake for so many messages")
    cooldown: Count = Field(default=0, description="then sleeps for so many messages")
    delay: Count = Field(default=0, description="sleeps until the conversation has so many messages")
    after: Count = Field(default=0, description="sleeps until the character has spoken so many times")
    every: Count = Field(default=0, description="awakens only every so many messages of the character")
    keep: bool = Field(default=False, description="true = once awake, it stays awake")
    once: bool = Field(default=False, description="true = it awakens a single time")
    group: list[str] = Field(default_factory=list, description="of all entries of a group only one awakens")
    group_override: bool = Field(default=False, description="true = wins in its group by the higher order, not by lot")
    group_weight: float = Field(default=100, ge=0, le=1e6, description="its weight in the group's lot")
    group_scoring: bool = Field(default=False, description="true = gives way to whoever matched more keys")

    @model_validator(mode="after")
    def _awakens(self) -> Self:
        if not (self.keys or self.constant):
            raise ValueError("expected keys, or constant = true: nothing ever awakens this entry")
        if self.position == "outlet" and not self.outlet.strip():
            raise ValueError('expected outlet = "a name" beside position = "outlet"')
        return self

    def entry(self) -> Entry:
        further = tuple(map(key_of, self.also))
        return Entry(
            text=self.text.strip(),
            keys=tuple(map(key_of, self.keys)),
            conditions=(Condition(further, Logic(self.logic)),) if further else (),
            name=self.name or next(iter(self.keys), ""),
            enabled=self.enabled,
            constant=self.constant,
            order=self.order,
            weight=self.order if self.priority is None else self.priority,
            ignore_budget=self.ignore_budget,
            place=Place(self.position),
            depth=self.depth,
            role=self.role,
            outlet=self.outlet.strip(),
            probability=self.probability,
            scan_depth=self.scan_depth,
            case_sensitive=self.case_sensitive,
            whole_words=self.whole_words,
            recursion=Recursion(self.prevent_recursion, self.exclude_recursion, self.delay_until_recursion),
            timing=Timing(self.sticky, self.cooldown, self.delay, self.after, self.every, self.keep, self.once),
            group=Group(tuple(self.group), self.group_override, self.group_weight, self.group_scoring),
        )


class BookTable(Table):
    """What lorebook.toml holds."""

    name: str = Field(default="", description="what to call the book in lists")
    scan_depth: Count | None = Field(default=None, description="messages searched for keys")
    budget: Count | None = Field(default=None, description="tokens that all entries of this book may take together")
    recursive: bool | None = Field(default=None, description="whether texts of this book may awaken its other entries")
    entries: list[EntryTable] = Field(default_factory=list, description="one table [[entries]] for each thing known")
