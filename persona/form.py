"""The form that replies must have: a grammar in GBNF, in persona.toml itself or in a file beside it.

Knows where the text of a grammar stands, so that a mistake can be told with its file and line. What the text means is
known to whoever reads GBNF (inference/grammar/); this room is not.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from persona.tomlfile import Problem, TomlError, read_text
from persona.tomllines import KeyPath, find_keys

if TYPE_CHECKING:
    from persona.card import Card

SUFFIX = ".gbnf"


@dataclass(frozen=True, slots=True)
class Form:
    """A grammar's text; it begins on `line` of `file`, and is there because of `key` in persona.toml."""

    file: Path
    line: int
    key: str
    text: str

    def problem(self, line: int, says: str) -> Problem:
        """A mistake on a line of the text, counted from 1 (0 = the whole)."""
        return Problem(self.file, self.line + max(line, 1) - 1, self.key, says)


def forms(file: Path, card: "Card") -> dict[KeyPath, Form]:
    """Every grammar of the card that was read from `file`, under its key; TomlError for a file that is not there.

    A text with `::=` in it is a grammar; any other is the name of a file beside persona.toml.
    """
    written: dict[KeyPath, str] = {("grammar",): card.grammar}
    written |= {("expressions", name, "grammar"): face.grammar for name, face in card.expressions.items()}
    text = read_text(file) if file.is_file() else ""  # a community's card needs no persona.toml beside it
    keys, found, problems = find_keys(text), dict[KeyPath, Form](), list[Problem]()
    for path, value in written.items():
        line, key = keys.line(path), keys.spell(path)
        try:
            if "::=" in value:
                found[path] = Form(file, line + _below(text, line), key, value)
            elif value:
                found[path] = _beside(file, line, key, value)
        except TomlError as error:
            problems += error.problems
    if problems:
        raise TomlError(problems)
    return found


def filled(card: "Card", texts: dict[KeyPath, Form]) -> "Card":
    """The card with the text of each grammar in place of its file's name."""
    faces = {
        name: face.model_copy(update={"grammar": texts[path].text})
        for name, face in card.expressions.items()
        if (path := ("expressions", name, "grammar")) in texts
    }
    own = {"grammar": texts["grammar",].text} if ("grammar",) in texts else {}
    return card.model_copy(update={**own, "expressions": {**card.expressions, **faces}})


def _beside(file: Path, line: int, key: str, name: str) -> Form:
    if not re.fullmatch(rf"[\w -]+\{SUFFIX}", name):
        says = f"expected a grammar (`root ::= …`) or the name of a {SUFFIX} file beside persona.toml, got {name!r:.60}"
        raise TomlError([Problem(file, line, key, says)])
    if not (file.parent / name).is_file():
        raise TomlError([Problem(file, line, key, f"there is no file {name} beside persona.toml")])
    return Form(file.parent / name, 1, "", read_text(file.parent / name))


def _below(text: str, line: int) -> int:
    """1 where a text in three quotes begins under its key's line, else 0."""
    return int(bool(re.search(r"(\"\"\"|''')[ \t]*$", text.split("\n")[line - 1])))
