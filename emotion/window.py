"""History -> classifier input: which words of a channel are scored when a message arrives.

Each message is scored once, by itself; what came before lives on in the mood, not in the text. The exception:
people split one thought over several messages ("i can't believe", "you did that"), so a very short message is read
together with what the same speaker said just before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from emotion.wording import readable
from persona.turn import Role, Turn

SHORT = 4  # a message of fewer words than this may be the tail of the one before
BURST_SECONDS = 20.0  # how soon it must follow to be


@dataclass(frozen=True, slots=True)
class Heard:
    """A text to score, as it was written, and whether the character itself said it."""

    text: str
    own: bool


def newest(turns: Sequence[Turn]) -> Heard | None:
    """What to score for the last of `turns` (oldest first); None for an empty history."""
    if not turns:
        return None
    last = turns[-1]
    text = last.text
    if len(turns) > 1 and len(readable(text).split()) < SHORT and _same_breath(turns[-2], last):
        text = f"{turns[-2].text}\n{text}"
    return Heard(text, own=last.role is Role.CHARACTER)


def every(turns: Sequence[Turn]) -> list[Heard]:
    """What to score for each turn of a history, as `newest` would have said when it was the last one."""
    heard = (newest(turns[max(0, i - 1) : i + 1]) for i in range(len(turns)))
    return [one for one in heard if one is not None]


def _same_breath(before: Turn, last: Turn) -> bool:
    same = (before.role, before.name) == (last.role, last.name)
    return same and 0 <= last.at - before.at <= BURST_SECONDS
