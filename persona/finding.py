"""What is to be said about a card: of what weight, where in it, and the sentence."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`where` is the place in the card ("data.alternate_greetings[2]", "" = the whole), `says` one sentence."""

    level: Level
    where: str
    says: str
