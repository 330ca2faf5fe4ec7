"""Small lorebooks and what awakens in them, for the tests of lore."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from persona.lore.engine import Lore
from persona.lore.entry import Scope
from persona.lore.obstacles import Moment
from persona.lore.outcome import Awakened, Reason
from persona.lore.rules import LoreRules
from persona.lore.timed import Timed
from persona.lorebook import Lorebook
from persona.turn import Role, Turn


def world(*rows: Mapping[str, Any]) -> Lorebook:
    """A world info file of SillyTavern; an entry without content says its first key in capitals."""
    filled = [{"content": "".join(row["key"][:1]).upper(), **row} for row in rows]
    return Lorebook.of_world_info({"entries": {str(number): row for number, row in enumerate(filled)}})


def card(*rows: Mapping[str, Any], **book: Any) -> Lorebook:
    """A V2 or V3 character_book."""
    filled = [{"content": row["keys"][0].upper(), "enabled": True, **row} for row in rows]
    return Lorebook.of_card_book({"entries": filled, **book})


def said(*texts: str) -> list[Turn]:
    """Messages of Robin, the newest last; "> …" is the character's."""
    return [
        Turn(Role.CHARACTER, "Juno", text.removeprefix("> "), 0.0)
        if text.startswith("> ")
        else Turn(Role.USER, "Robin", text, 0.0)
        for text in texts
    ]


def awaken(
    books: Lorebook | Sequence[Lorebook],
    *texts: str,
    budget: int = 1000,
    seed: int = 0,
    state: Timed | None = None,
    moment: Moment | None = None,
    **rules: Any,
) -> Awakened:
    """What awakens; a word is a token."""
    lore = Lore([books] if isinstance(books, Lorebook) else books, LoreRules(**rules))
    return lore.awaken(
        said(*texts),
        count=lambda text: len(text.split()),
        budget=budget,
        chance=Random(seed),
        state=state,
        moment=moment,
    )


def texts(awakened: Awakened) -> list[str]:
    return [active.text for active in awakened.entries]


def reasons(awakened: Awakened) -> dict[str, Reason]:
    """Why entries were left out, by their texts."""
    return {left.entry.text: left.reason for left in awakened.left_out}


__all__ = ["Scope", "awaken", "card", "reasons", "said", "texts", "world"]
