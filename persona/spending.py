"""Who spends the tokens of a prompt: a row for each part of a card, exactly as the model counts them.

The rows are differences: the prompt with a part, less the prompt without it and all that stand behind it. So they add
up to the prompt, whatever the chat template writes between messages.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from persona.card import Card
from persona.prompt import SILENCE, examples, history, opening_room, system_text
from persona.sections import Sections
from persona.setting import NOWHERE, Setting
from persona.turn import ChatMessage, Turn

Count = Callable[[Sequence[ChatMessage]], int]


class Fate(StrEnum):
    """What becomes of a part when space is short."""

    STAYS = "stays"
    FIRST = "goes first"
    SECOND = "goes next"  # the oldest messages of the conversation


@dataclass(frozen=True, slots=True)
class Row:
    """A part of the prompt; `tokens` of it."""

    what: str
    tokens: int
    fate: Fate = Fate.STAYS


@dataclass(frozen=True, slots=True)
class Spending:
    """The rows in the order of the prompt; `left`: tokens of `budget` for the conversation, below 0 if it is too much.

    unknown: macros in the card's texts that mean nothing here and reach the model as they are written.
    """

    name: str
    budget: int
    rows: tuple[Row, ...]
    unknown: tuple[str, ...]

    @property
    def left(self) -> int:
        return self.budget - sum(row.tokens for row in self.rows)


def spending(
    card: Card, *, budget: int, count: Count, turns: Sequence[Turn] = (), tags: bool = False, setting: Setting = NOWHERE
) -> Spending:
    """What a prompt spends, the examples all in it, whether they fit or not. budget: tokens that it may have."""
    sections = Sections(card, turns, setting)
    rows = tuple(row for row in _rows(card, sections, count, tags) if row.tokens)
    return Spending(card.name, budget, rows, tuple(dict.fromkeys(sections.unknown)))


def _rows(card: Card, sections: Sections, count: Count, tags: bool) -> Iterator[Row]:
    bare = history(card, [])
    silence = ChatMessage(role="user", content=SILENCE)
    template = before = count([ChatMessage(role="system", content=""), silence])
    system = ""
    for what, system in _systems(card, sections, tags):
        now = count([ChatMessage(role="system", content=system), silence])
        yield Row(what, now - before)
        before = now
    fixed = [ChatMessage(role="system", content=system)]
    for what, number in _examples(card, sections):
        shown = list(chain.from_iterable(examples(card, sections)[:number]))
        now = count([*fixed, *shown, *bare])
        yield Row(what, now - before, Fate.FIRST)
        before = now
    fixed += chain.from_iterable(examples(card, sections))
    turns = sections.turns
    now = count([*fixed, *history(card, turns)])
    yield Row("conversation", now - before if turns else 0, Fate.SECOND)
    before = now
    for number, insert in enumerate(sections.inserts, 1):
        now = count([*fixed, *history(card, turns, sections.inserts[:number])])
        yield Row(insert.what, now - before)
        before = now
    yield Row("chat template", template)
    yield Row("stage direction", opening_room(card, count))


def _systems(card: Card, sections: Sections, tags: bool) -> Iterator[tuple[str, str]]:
    """The system message as it grows, part by part; the last one is the whole."""
    parts = list(sections.top)
    for number, part in enumerate(parts, 1):
        yield part, sections.joined(parts[:number])
    if sections.is_brief:
        yield "closing sentence", system_text(card, sections=sections)
    if tags:
        yield "control tags", system_text(card, tags=True, sections=sections)


def _examples(card: Card, sections: Sections) -> Iterator[tuple[str, int]]:
    """Name and number of the examples up to and with each kind of them."""
    number = len(card.examples)
    if number:
        yield f"examples ({number})", number
    for what, found in sections.examples.items():
        number += len(found)
        yield f"{what} ({len(found)})", number
