"""A TOML file as a checked model. Every mistake in it becomes one sentence: file, line, key and what was expected.

    Problem     one mistake
    TomlError   all mistakes of one file; its str() is the first sentence

Knows TOML and pydantic; knows nothing of personas or settings.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from persona.tomllines import KeyLines, KeyPath, find_keys

M = TypeVar("M", bound=BaseModel)

_EXPECTED = {  # pydantic's error type -> what the writer of the file should have put there
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list in [ ]",
    "tuple_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "a path in quotes",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "string_too_short": "{min_length} or more characters",
    "string_too_long": "{max_length} or fewer characters",
    "too_short": "{min_length} or more entries",
    "too_long": "{max_length} or fewer entries",
    "literal_error": "{expected}",
}


_HINTS = {  # what tomllib says -> what to do about it
    "Invalid value": '; text needs quotes: key = "text"',
    "Illegal character '\\n'": "; is the quote at its end missing?",
}


class Table(BaseModel):
    """A TOML table: frozen, no unknown keys, no silent conversion between types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake; `key` reads "[expressions.joy] emotions".

    line, column: from 1; line 0 = the file as a whole, column 0 = the line as a whole.
    """

    file: Path
    line: int
    key: str
    says: str
    column: int = 0

    def __str__(self) -> str:
        place = ("line", self.line), ("column", self.column)
        where = ", ".join((shown(self.file), *(f"{what} {number}" for what, number in place if number)))
        return ": ".join(filter(None, (where, self.key, self.says)))


class TomlError(ValueError):
    """For whoever wrote the file. `problems` holds every mistake in the order of the file, then what is missing."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")
        self.problems = tuple(problems)


def shown(path: Path) -> str:
    """`path` as a person at this prompt would write it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def load_toml(path: Path, model: type[M]) -> M:
    """The file as a `model`; raises TomlError for a missing file, broken TOML, unknown keys and unfit values."""
    text = read_text(path)
    return fit(path, parse(path, text), model, find_keys(text))


def read_text(path: Path) -> str:
    """The file's text with plain line ends and without a byte order mark; raises TomlError if it is no text."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise TomlError([Problem(path, 0, "", "there is no such file")]) from error
    except OSError as error:
        raise TomlError([Problem(path, 0, "", f"cannot be read: {error.strerror}")]) from error
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise TomlError([Problem(path, line, "", "expected UTF-8 text; save the file as UTF-8")]) from error


def parse(path: Path, text: str) -> dict[str, Any]:
    """Plain TOML values; raises TomlError with the line where the grammar breaks."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise TomlError([Problem(path, 1, "", "brackets are nested too deeply")]) from error
    except tomllib.TOMLDecodeError as error:
        raise TomlError([_syntax(path, text, str(error))]) from error


def fit(path: Path, values: Mapping[str, Any], model: type[M], keys: KeyLines) -> M:
    """`values` as a `model`; raises TomlError naming every value that does not fit."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_problem(path, detail, model, keys) for detail in error.errors(include_url=False)]
        # What is missing comes last: it is often only misspelt, and then the misspelt key is the mistake.
        raise TomlError(sorted(problems, key=lambda p: (p.says.startswith("missing"), p.line))) from error


def _syntax(path: Path, text: str, message: str) -> Problem:
    found = re.search(r" \((?:at line (\d+), column (\d+)|at end of document)\)$", message)
    what = message[: found.start()] if found else message
    line = int(found[1]) if found and found[1] else text.rstrip().count("\n") + 1
    lines = text.split("\n")
    source = lines[line - 1].strip() if line <= len(lines) else ""
    hint = _HINTS.get(what, "")
    says = f"not valid TOML near {_short(source)}: {what[0].lower()}{what[1:]}{hint}"
    return Problem(path, line, "", says, column=int(found[2]) if found and found[2] else 0)


def _problem(path: Path, detail: ErrorDetails, model: type[BaseModel], keys: KeyLines) -> Problem:
    loc: KeyPath = tuple(part for part in detail["loc"] if part != "[key]")
    around = loc[:-1] if detail["type"] in ("missing", "extra_forbidden") else loc
    line = keys.line(loc if detail["type"] != "missing" else around)
    if detail["type"] == "extra_forbidden":
        says = _unknown(str(loc[-1]), _model_at(model, around))
    elif detail["type"] == "missing":
        says = f"missing; expected {_described(model, loc) or 'a value'}"
    else:
        says = _unfit(detail, _described(model, loc))
    column = 0 if detail["type"] == "missing" else keys.column(loc, value=detail["type"] != "extra_forbidden")
    return Problem(path, line, keys.spell(loc), says, column)


def _unknown(key: str, table: type[BaseModel] | None) -> str:
    known = [name for name, field in table.model_fields.items() if not field.exclude] if table else []
    near = difflib.get_close_matches(key, known, n=1)
    guess = f"; did you mean {near[0]}?" if near else ""
    return f"unknown key{guess} (known: {', '.join(known)})" if known else "unknown key"


def _unfit(detail: ErrorDetails, description: str) -> str:
    if detail["type"] in ("value_error", "assertion_error"):
        return str(detail["ctx"]["error"])
    template = _EXPECTED.get(detail["type"])
    if detail["type"] == "string_pattern_mismatch" and description:
        return f"expected {description}, got {_short(detail['input'])}"
    if template is None:
        return f"{detail['msg']}, got {_short(detail['input'])}"
    limits = {
        key: f"{value:.12g}" if isinstance(value, float) else value for key, value in detail.get("ctx", {}).items()
    }
    expected = template.format(**limits)
    meaning = f" ({description})" if description else ""
    return f"expected {expected}{meaning}, got {_short(detail['input'])}"


def _short(value: object) -> str:
    """A value as TOML would show it, cut to a readable length."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…{text[-1]}"


def _described(model: type[BaseModel], loc: KeyPath) -> str:
    """What the field at `loc` is for, in the words of its own description."""
    table = _model_at(model, loc[:-1])
    field = table.model_fields.get(str(loc[-1])) if table and loc else None
    return (field.description or "") if field else ""


def _model_at(model: type[BaseModel], loc: KeyPath) -> type[BaseModel] | None:
    """The table class at `loc`, walking through nested tables, dict[str, Table] and list[Table]."""
    here: object = model
    for part in loc:
        table = _table_class(here)
        if table is None:  # a dict or list: `part` picks one of its entries
            here = next(filter(_table_class, get_args(here)), None)
        else:
            field = table.model_fields.get(str(part))
            here = field.annotation if field else None
    return _table_class(here)


def _table_class(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, UnionType):  # a table that may be left out
        return next(filter(None, map(_table_class, get_args(annotation))), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
