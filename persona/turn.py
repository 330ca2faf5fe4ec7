"""The words every room speaks: who said what, when. Knows nothing of models, Discord or storage."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict


class Role(StrEnum):
    """Who said it: a member of the channel, or the character."""

    USER = "user"
    CHARACTER = "character"


class ChatMessage(TypedDict):
    """What a chat template eats; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a channel's history."""

    role: Role
    name: str  # the speaker's display name, as the channel shows it
    text: str
    at: float  # Unix time, seconds
    id: int = 0  # the message's id where it is stored; 0 = not stored
    feeling: str = ""  # the expression the character wore when it said this


@dataclass(frozen=True, slots=True)
class Variation:
    """One of the things a character might have said in a turn."""

    text: str
    feeling: str  # the expression it is said with
    rank: int  # 0 is what was said first, the rest best first
    chosen: bool = False  # is it what the turn says now?
