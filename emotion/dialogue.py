"""Dialogues written for this project, as a play script: what was said, and what the character felt after every line.

    == grief · Tamsin, a cheerful innkeeper
    Jo: the vet called. Biscuit didn't make it | grief -> sadness, caring
    Tamsin: *sets the mugs down* Oh, Jo. Come here. | caring -> sadness, caring

A dialogue begins with its kind, its character and a few words about them. In every line, what stands after the last
bar is judgement: how the words sound by themselves, then what the character feels by now, best first. Blank lines and
lines that start with # are free. The reader of conversations learns from such files and is judged on others.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from emotion.labels import INDEX

_HEADER = re.compile(r"==\s*(?P<kind>.+?)\s*·\s*(?P<character>[^,]+?)\s*(?:,\s*(?P<about>.*?)\s*)?")
_LINE = re.compile(r"(?P<name>[^:|]{1,80}?)\s*:\s*(?P<text>.*\S)\s*\|(?P<said>[^|]*?)->(?P<felt>[^|]*)")


class ScriptError(ValueError):
    """A script that cannot be read: the file, the line, and what is expected there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `said` is how its words sound alone, `felt` what the character feels after it; best first."""

    name: str
    text: str
    own: bool  # the character itself says it
    said: tuple[str, ...]
    felt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A short conversation with one character."""

    kind: str
    character: str
    about: str
    lines: tuple[Line, ...]


def read(file: Path) -> list[Dialogue]:
    """All dialogues of a script, in order. Raises ScriptError, naming the line, for what cannot be read."""
    return parse(file.read_text(encoding="utf-8"), str(file))


def parse(text: str, source: str = "script") -> list[Dialogue]:
    """As `read`, from the text itself."""
    dialogues: list[Dialogue] = []
    for number, raw in enumerate(text.splitlines(), 1):
        row, place = raw.strip(), f"{source}, line {number}"
        if not row or row.startswith("#"):
            continue
        if row.startswith("=="):
            dialogues.append(_opened(row, place))
        elif not dialogues:
            raise ScriptError(f"{place}: a dialogue must begin with “== kind · Character, about them”.")
        else:
            before = dialogues[-1]
            line = _line(row, before.character, place)
            dialogues[-1] = Dialogue(before.kind, before.character, before.about, (*before.lines, line))
    return dialogues


def _opened(row: str, place: str) -> Dialogue:
    found = _HEADER.fullmatch(row)
    if not found:
        raise ScriptError(f"{place}: expected “== kind · Character, a few words about them”.")
    return Dialogue(found["kind"], found["character"], found["about"] or "", ())


def _line(row: str, character: str, place: str) -> Line:
    found = _LINE.fullmatch(row)
    if not found:
        raise ScriptError(f"{place}: expected “Name: text | said -> felt, felt”.")
    felt = _labels(found["felt"], place)
    if not felt:
        raise ScriptError(f"{place}: say what {character} feels after “->”.")
    name = found["name"].strip()
    return Line(name, found["text"], name == character, _labels(found["said"], place), felt)


def _labels(listed: str, place: str) -> tuple[str, ...]:
    labels = tuple(label.strip() for label in listed.split(",") if label.strip())
    if unknown := [label for label in labels if label not in INDEX]:
        raise ScriptError(f"{place}: {unknown[0]!r} is none of the {len(INDEX)} emotions in emotion/labels.py.")
    return labels
