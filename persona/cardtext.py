"""The text of a card as plain values: JSON in whatever encoding it came, YAML, TOML.

A card is a stranger's text: its size, its depth and the number of its values are bounded before anything is built of
it, so that no card costs much memory or time. Whatever is wrong with it is one sentence (CardError).
"""

import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import yaml

MOST_TEXT_BYTES = 18 << 20  # of JSON; data: addresses make a card large
MOST_WIDE_BYTES = MOST_TEXT_BYTES // 3  # of JSON with letters such as emoji, which Python keeps in four bytes each
MOST_PLAIN_BYTES = 1 << 20  # of YAML and TOML, which are written by hand
MOST_DEPTH = 64  # of tables and lists within each other
MOST_TABLES = 150_000  # tables and lists in a card: a lorebook's entry has four
MOST_VALUES = 500_000  # counted as commas, those of the prose as well
_FOUR_BYTES = re.compile(rb"[\xf0-\xf4]")  # begins a letter of four bytes in UTF-8
NOT_UTF8 = "is not UTF-8 and was read as Windows-1252: special letters may be wrong"


class CardError(ValueError):
    """A card cannot be read or written; str() is the sentence for the admin."""


def require_readable(content: bytes, whose: str) -> None:
    """CardError for a text that would take too much memory once it is decoded."""
    wide = len(content) > MOST_WIDE_BYTES and _FOUR_BYTES.search(content) is not None
    if wide or len(content) > MOST_TEXT_BYTES:
        raise CardError(_too_large(whose))


def decode(content: bytes) -> tuple[str, bool]:
    """The text, and whether it was Unicode as it should be: with or without a byte order mark, UTF-8, -16 or -32."""
    try:
        return content.decode(json.detect_encoding(content)).strip("\0\ufeff \t\r\n"), True
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252").strip("\0 \t\r\n"), False
    except UnicodeDecodeError:
        return content.decode("latin-1").strip("\0 \t\r\n"), False


def parse_json(text: str, whose: str) -> Mapping[str, Any]:
    """A JSON object. whose: what the sentence calls the card. Raises CardError."""
    if len(text) > MOST_TEXT_BYTES or sys.getsizeof(text) > 4 * MOST_WIDE_BYTES + 1024:
        raise CardError(_too_large(whose))
    if text.count("{") + text.count("[") > MOST_TABLES or text.count(",") > MOST_VALUES:
        raise CardError(f"{whose} holds more values than any card.")
    try:
        card = json.loads(text, strict=False, parse_float=_finite, parse_constant=_no_number)
    except RecursionError as error:
        raise CardError(_too_deep(whose)) from error
    except _NoNumber as error:
        raise CardError(f"{whose} has the number {str(error)[:40]}, which is none that can be kept.") from error
    except json.JSONDecodeError as error:
        where = f"{error.msg} in line {error.lineno}, column {error.colno}"
        raise CardError(f"{whose} is not valid JSON ({where}).") from error
    except ValueError as error:  # Python refuses whole numbers of more than 4,300 digits
        raise CardError(f"{whose} has a number of thousands of digits.") from error
    return _an_object(card, whose)


def parse_yaml(text: str, whose: str) -> Mapping[str, Any]:
    """A YAML mapping, every scalar as text. Raises CardError."""
    _require_small(text, whose)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent):
                raise CardError(f"{whose} refers to parts of itself (*{event.anchor!s:.40}), which no card needs.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise CardError(_too_deep(whose))
        card = yaml.load(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise CardError(f"{whose} is not valid YAML ({error.problem}{where}).") from error
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        if isinstance(error, CardError):
            raise
        raise CardError(f"{whose} is not valid YAML ({_first_line(error)}).") from error
    return _an_object(card, whose)


def parse_toml(text: str, whose: str) -> Mapping[str, Any]:
    """A TOML file, dates as text. Raises CardError."""
    _require_small(text, whose)
    if any(line.partition("=")[0].count(".") > MOST_DEPTH for line in text.split("\n") if "=" in line or "[" in line):
        raise CardError(_too_deep(whose))  # a key of that many parts costs their square in memory
    try:
        card = tomllib.loads(text.replace("\r\n", "\n"), parse_float=_finite)
    except RecursionError as error:
        raise CardError(_too_deep(whose)) from error
    except _NoNumber as error:
        raise CardError(f"{whose} has the number {str(error)[:40]}, which is none that can be kept.") from error
    except ValueError as error:
        raise CardError(f"{whose} is not valid TOML ({_first_line(error)}).") from error
    _an_object(card, whose)
    return _an_object(json.loads(json.dumps(card, default=str)), whose)


def dump(card: Mapping[str, Any]) -> bytes:
    """A card as JSON, indented, in UTF-8; a large one in ASCII alone, so that it can be read in little memory."""
    try:
        written = json.dumps(card, ensure_ascii=False, indent=1, allow_nan=False).encode()
    except UnicodeEncodeError:  # half of a letter beyond the Basic Multilingual Plane, as JavaScript may write it
        written = b""
    if written and len(written) <= MOST_WIDE_BYTES:
        return written
    return json.dumps(card, indent=1, allow_nan=False).encode()


_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # text only: nothing in a card becomes an object


class _NoNumber(Exception):
    """A number that JSON cannot carry on."""


def _finite(written: str) -> float:
    number = float(written)
    if number - number != 0:  # infinite, or none
        raise _NoNumber(written)
    return number


def _no_number(written: str) -> NoReturn:
    raise _NoNumber(written)


def _require_small(text: str, whose: str) -> None:
    if len(text) > MOST_PLAIN_BYTES:
        raise CardError(f"{whose} is larger than {MOST_PLAIN_BYTES >> 20} MiB.")


def _an_object(card: object, whose: str) -> Mapping[str, Any]:
    if not isinstance(card, dict):
        raise CardError(f"{whose} is not an object with fields such as name and description.")
    _require_flat(card, whose)
    return card


def _require_flat(card: Mapping[str, Any], whose: str) -> None:
    """CardError where tables and lists lie too deep in each other; level by level, so that no depth is too much."""
    level: Sequence[Any] = [card]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise CardError(_too_deep(whose))


def _too_large(whose: str) -> str:
    wide = f"{MOST_WIDE_BYTES >> 20} MiB with letters such as emoji"
    return f"{whose} is larger than {MOST_TEXT_BYTES >> 20} MiB, or {wide}."


def _too_deep(whose: str) -> str:
    return f"{whose} is nested more than {MOST_DEPTH} deep, which no card is."


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error).split("\n")[0])[:100]
