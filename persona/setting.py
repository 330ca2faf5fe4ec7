"""What surrounds a card in one reply: who is there, what they say of themselves, which lore is awake, what time it is.

Whoever asks for a reply fills it in; the prompt (persona/prompt.py) decides where each of it stands. A setting of
nothing is fine: then the prompt is the card's and the conversation's alone.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from persona.card import Note
    from persona.lore.outcome import Awakened


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds the card in one reply.

    user: who is answered, as the channel shows the name; "" = the newest member of the history.
    members: what members say of themselves, by the name that the channel shows: never filled, never trusted.
    lore: what is awake. note: the channel's note, beside the card's own.
    others: the other characters of the scene, by name.
    now: the clock of `{{time}}` and the like, with its time zone; None = the time of the newest turn, in UTC.
    seed: of `{{random}}` and `{{roll}}`. chat: what `{{pick}}` stays the same for, such as the channel's id.
    variables: what `{{setvar}}` keeps from one reply to the next; None = nothing is kept.
    """

    user: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    lore: "Awakened | None" = None
    note: "Note | None" = None
    others: tuple[str, ...] = ()
    now: datetime | None = None
    seed: int = 0
    chat: str = ""
    variables: MutableMapping[str, str] | None = None


NOWHERE = Setting()
