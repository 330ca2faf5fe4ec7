"""A conversation in a file, as an admin writes it down: who said what, and nothing else.

    Robin: you dropped my cake!                          one line for each turn; blank lines and # are free
    Marigold: Oh no. I am so sorry.

or the same as JSON lines: {"name": "Robin", "text": "you dropped my cake!"}, with "own": true for the character's. The
scripts that Mien's networks learn from (emotion/dialogue.py) are read as well: a line that begins with == starts
another conversation, and the judgement behind the last bar is left out.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.errors import MienError
from persona.naming import fold

_JUDGEMENT = re.compile(r"\s\|[^|]*->[^|]*$")
_HEADER = re.compile(r"==[^·]*·\s*(?P<character>[^,]+?)\s*(?:,.*)?")
_LINE = re.compile(r"(?P<name>[^:]{1,80}?)\s*:\s*(?P<text>.*)")
LONGEST = 8000  # characters of a turn, as in a chat
PAUSE = 60.0  # seconds between two lines


@dataclass(frozen=True, slots=True)
class Line:
    """One turn. `begins`: it is the first of a conversation; `own`: the character says it; `at`: seconds since then."""

    name: str
    text: str
    own: bool
    begins: bool
    at: float


def transcript(text: str, character: str, source: str) -> Iterator[Line]:
    """The turns of a file, whose lines by `character` are its own. Raises MienError, naming the line."""
    own, begins, at = {fold(character)}, True, 0.0
    for number, raw in enumerate(text.split("\n"), 1):
        row, place = raw.strip().strip("\ufeff\x00"), f"{source}, line {number}"
        if not row or row.startswith("#"):
            continue
        if row.startswith("=="):
            own, begins = {fold(character), *_header(row, place)}, True
            continue
        name, said, mine = _said(row, place)
        at = PAUSE if begins else at + PAUSE
        yield Line(name, said, fold(name) in own if mine is None else mine, begins, at)
        begins = False


def _header(row: str, place: str) -> list[str]:
    found = _HEADER.fullmatch(row)
    if not found:
        raise MienError(f"{place}: expected “== kind · Character, a few words about them”.")
    return [fold(found["character"])]


def _said(row: str, place: str) -> tuple[str, str, bool | None]:
    """Who says what; whether the character does, None where only the name tells."""
    if row.startswith("{"):
        return _from_json(row, place)
    found = _LINE.fullmatch(_JUDGEMENT.sub("", row))
    if not found:
        raise MienError(f"{place}: expected “Name: what they say”, got {row[:40]!r}.")
    return found["name"].strip(), found["text"][:LONGEST], None


def _from_json(row: str, place: str) -> tuple[str, str, bool | None]:
    try:
        known = json.loads(row)
        name, text, own = known["name"], known["text"], known.get("own")
    except (ValueError, KeyError, RecursionError) as error:
        raise MienError(f"{place}: expected an object with “name” and “text”, got {row[:40]!r}.") from error
    if not isinstance(name, str) or not isinstance(text, str) or own not in (None, True, False):
        raise MienError(f"{place}: expected texts as “name” and “text”, and true or false as “own”.")
    return name[:80], text[:LONGEST], own
