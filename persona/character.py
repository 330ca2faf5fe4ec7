"""One character card of the community, whatever file it came in, with its fields where Mien looks for them.

    Character     the card, normalised; `raw` is the whole object as it was, which is what an export writes back
    DepthPrompt   text that stands among the newest messages
    Finding       what was repaired while reading, for whoever lints the card

Knows the fields of V1, V2 and V3 (character-card-spec-v2 8083fb38, character-card-spec-v3 f3a86af0); what a prompt
makes of them is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from persona.cardfile import CardFile, read_card
from persona.cardtext import CardError
from persona.finding import Finding as Finding
from persona.repair import KNOWN, Fields, one_line
from persona.repair import PromptRole as PromptRole


@dataclass(frozen=True, slots=True)
class DepthPrompt:
    """Text `depth` messages above the end of the history (0 = the very end), spoken by `role`."""

    text: str
    depth: int = 4
    role: PromptRole = "system"


@dataclass(frozen=True)
class Character:
    """A card; strings are "" and lists empty where it says nothing."""

    name: str
    nickname: str = ""
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_mes: str = ""
    mes_example: str = ""
    creator_notes: str = ""
    system_prompt: str = ""
    post_history_instructions: str = ""
    alternate_greetings: tuple[str, ...] = ()
    group_only_greetings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    creator: str = ""
    character_version: str = ""
    depth_prompt: DepthPrompt | None = None  # extensions.depth_prompt
    talkativeness: float | None = None  # extensions.talkativeness, 0 to 1
    book: Mapping[str, Any] | None = None  # character_book as it is; persona/lorebook.py reads it
    raw: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Finding, ...] = ()


def read_character(path: Path) -> Character:
    """The card in a file of any form (persona/cardfile.py). CardError, also where no character is in it."""
    return character_of(read_card(path), path.stem)


def character_of(file: CardFile, fallback: str) -> Character:
    """The card of a file that was read. fallback: the name of a card that has none. Raises CardError."""
    fields = Fields(file.card)
    _require_character(fields)
    prompt = fields.depth_prompt()
    read = Character(
        name=fields.name(fallback),
        nickname=one_line(fields.text("nickname")),
        description=fields.text("description"),
        personality=fields.text("personality"),
        scenario=fields.text("scenario"),
        first_mes=fields.text("first_mes"),
        mes_example=fields.text("mes_example"),
        creator_notes=fields.text("creator_notes"),
        system_prompt=fields.text("system_prompt"),
        post_history_instructions=fields.text("post_history_instructions"),
        alternate_greetings=fields.texts("alternate_greetings"),
        group_only_greetings=fields.texts("group_only_greetings"),
        tags=fields.texts("tags"),
        creator=fields.text("creator"),
        character_version=fields.text("character_version"),
        depth_prompt=DepthPrompt(*prompt) if prompt else None,
        talkativeness=fields.number("talkativeness", 0, 1),
        book=fields.book(),
        raw=file.card,
    )
    return replace(read, problems=(*file.findings, *fields.findings))


def _require_character(fields: Fields) -> None:
    if any(key in table for table in (fields.data, fields.root) for key in KNOWN):
        return
    if "entries" in fields.data or str(fields.root.get("spec", "")).startswith("lorebook"):
        raise CardError("This is a lorebook and no character: put it beside a persona.toml as lorebook.json.")
    raise CardError(f"There is no character in this file: it has none of the fields {', '.join(KNOWN[:4])}.")
