"""One character card of the community, whatever file it came in, with its fields where Mien looks for them.

    Character     the card, normalised; `raw` is the whole object as it was, which is what an export writes back
    DepthPrompt   text that stands among the newest messages
    Finding       what was repaired while reading, for whoever lints the card

Knows the fields of V1, V2 and V3 (character-card-spec-v2 8083fb38, character-card-spec-v3 f3a86af0); what a prompt
makes of them is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

PromptRole = Literal["system", "user", "assistant"]
Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`where` is the place in the card ("data.alternate_greetings[2]", "" = the whole), `says` one sentence."""

    level: Level
    where: str
    says: str


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
