"""History -> what the networks get to hear when a message arrives: the message alone, or the last turns with it.

The classifier hears the newest message by itself (`newest`); the reader hears the turns before it, too, and who said
them (`around`). Nothing here knows tokens: `emotion/hearing.py` turns a window into them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emotion.wording import readable
from persona.turn import Role, Turn

SHORT = 4  # a message of fewer words than this may be the tail of the one before
BURST_SECONDS = 20.0  # how soon it must follow to be
TURNS = 8  # of a window, the newest included; what happened earlier lives on in the mood
ADDRESSED = "you"  # what the character's name becomes in others' words, so that any name is understood alike

_NO_NAME = {"the", "and", "van", "von", "der", "del", "lady", "lord", "sir", "miss", "mrs", "master", "captain", "unit"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One turn as the networks hear it: the words, whether the character itself said them, and who else did."""

    text: str
    own: bool
    name: str = ""


def newest(turns: Sequence[Turn]) -> Heard | None:
    """What to score for the last of `turns` (oldest first); None for an empty history."""
    if not turns:
        return None
    last = turns[-1]
    text = last.text
    if len(turns) > 1 and len(readable(text).split()) < SHORT and _same_breath(turns[-2], last):
        text = f"{turns[-2].text}\n{text}"
    return Heard(text, own=last.role is Role.CHARACTER, name=last.name)


def every(turns: Sequence[Turn]) -> list[Heard]:
    """What to score for each turn of a history, as `newest` would have said when it was the last one."""
    heard = (newest(turns[max(0, i - 1) : i + 1]) for i in range(len(turns)))
    return [one for one in heard if one is not None]


def around(turns: Sequence[Turn], character: str = "") -> list[Heard]:
    """The reader's window of a history (oldest first): its last TURNS turns as plain words, newest last.

    The character, by default whoever spoke as one in `turns`, is called ADDRESSED in what others say. Turns before
    the newest that hold no words are left out; the newest stays, though it may be empty. No turns, no window.
    """
    own = [turn.name for turn in turns if turn.role is Role.CHARACTER]
    named = _calls(character or (own[-1] if own else ""))
    heard = [_heard(turn, named) for turn in turns[-TURNS:]]
    return [one for one in heard[:-1] if one.text] + heard[-1:]


def _heard(turn: Turn, named: re.Pattern[str] | None) -> Heard:
    own, text = turn.role is Role.CHARACTER, readable(turn.text)
    if named and not own:
        text = named.sub(ADDRESSED, text)
    return Heard(text, own, " ".join(readable(turn.name).split()))


def _calls(character: str) -> re.Pattern[str] | None:
    """What counts as being called by name: all of it, or a word of it as it is spelled; in small letters only where
    a name is called out, at either end of a message or beside a mark, for “hope” and “ash” are words as well."""
    full = " ".join(readable(character).split())
    if not full:
        return None
    words = [
        word
        for word in re.split(r"[\s\-_]+", full)
        if word.lower().strip(".") not in _NO_NAME and len(word.strip(".")) > 2
    ]
    exact = "|".join(map(re.escape, [full, *words]))
    return re.compile(
        rf"@?(?<!\w)(?:{exact}|(?i:(?:(?<=^)|(?<=[,.!?;:] ))(?:{exact})|(?:{exact})(?=\s*(?:[,.!?;:)…]|$))))(?!\w)"
    )


def _same_breath(before: Turn, last: Turn) -> bool:
    same = (before.role, before.name) == (last.role, last.name)
    return same and 0 <= last.at - before.at <= BURST_SECONDS
