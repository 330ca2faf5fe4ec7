"""The line and column of a field in a card or lorebook that is text: JSON, YAML or TOML.

`where` is spelled as findings spell it, "data.alternate_greetings[2]". What cannot be found stands where the nearest
thing around it does. Pictures and archives have no lines.
"""

import json
import re
from bisect import bisect_right
from pathlib import Path
from typing import Any

import yaml

from persona.cardtext import decode
from persona.repair import ALIASES
from persona.tomlfile import TomlError, parse
from persona.tomllines import KeyPath, find_keys

TEXTS = (".json", ".yaml", ".yml", ".toml")
Place = tuple[int, int]
_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_OTHERWISE = {  # names of the same field in other formats
    "keys": ("key",),
    "secondary_keys": ("keysecondary", "also"),
    "content": ("text",),
    **ALIASES,
}


class Places:
    """Finds places in one file, which is read at the first question."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._finder: _Json | _Yaml | _Toml | None = None

    def of(self, where: str) -> Place:
        """Line and column, from 1; (0, 0) for a file without lines, or for the whole of it."""
        if not where or self._file.suffix.lower() not in TEXTS:
            return 0, 0
        if self._finder is None:
            self._finder = _finder(self._file)
        steps = tuple(found[1] or found[2] for found in _STEP.finditer(where))
        return self._finder.of(steps) if self._finder else (0, 0)


class _Json:
    """Every table and list is looked through once, however many of its parts are asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._breaks = [found.start() for found in re.finditer("\n", text)]
        self._members: dict[int, dict[str, int]] = {}  # where a table begins -> where its values do

    def of(self, steps: tuple[str, ...]) -> Place:
        at = self._skip(0)
        for step in steps:
            members = self._of(at)
            found = next((members[name] for name in _names(step) if name in members), None)
            if found is None:
                break
            at = found
        line = bisect_right(self._breaks, at - 1)
        return line + 1, at - (self._breaks[line - 1] if line else -1)

    def _of(self, at: int) -> dict[str, int]:
        if at not in self._members:
            self._members[at] = self._read(at)
        return self._members[at]

    def _read(self, at: int) -> dict[str, int]:
        """Where the values of the table or list at `at` begin, by key or number."""
        opened, found = self._text[at : at + 1], dict[str, int]()
        if opened not in ("{", "["):
            return found
        at = self._skip(at + 1)
        while self._text[at : at + 1] not in ("}", "]", ""):
            key = str(len(found))
            if opened == "{":
                key, end = _DECODER.raw_decode(self._text, at)
                at = self._skip(self._skip(end) + 1)
            found[key] = at
            at = self._skip(_DECODER.raw_decode(self._text, at)[1])
            at = self._skip(at + 1) if self._text[at : at + 1] == "," else at
        return found

    def _skip(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        return found.end() if found else at


class _Yaml:
    def __init__(self, text: str) -> None:
        self._root: Any = yaml.compose(text, Loader=_LOADER)

    def of(self, steps: tuple[str, ...]) -> Place:
        node = self._root
        for step in steps:
            inner = self._inner(node, step)
            if inner is None:
                break
            node = inner
        return (node.start_mark.line + 1, node.start_mark.column + 1) if node else (0, 0)

    def _inner(self, node: Any, step: str) -> Any:
        if isinstance(node, yaml.MappingNode):
            return next((value for key, value in node.value if key.value in _names(step)), None)
        if isinstance(node, yaml.SequenceNode) and step.isdecimal() and int(step) < len(node.value):
            return node.value[int(step)]
        return None


class _Toml:
    def __init__(self, text: str) -> None:
        self._keys = find_keys(text)

    def of(self, steps: tuple[str, ...]) -> Place:
        path: KeyPath = tuple(int(step) if step.isdecimal() else step for step in steps)
        paths = [(*path[:-1], name) if isinstance(path[-1], str) else path for name in _names(steps[-1])]
        known = next((path for path in paths if path in self._keys.lines), path)
        return self._keys.line(known), self._keys.column(known, value=True)


def _names(step: str) -> tuple[str, ...]:
    """A field's name here, and what other formats call it."""
    return step, *_OTHERWISE.get(step, ())


def _finder(file: Path) -> "_Json | _Yaml | _Toml | None":
    """None for a file that cannot be read; then that has been said elsewhere."""
    try:
        text = decode(file.read_bytes())[0].replace("\r\n", "\n")
        if file.suffix.lower() == ".toml":
            parse(file, text)
            return _Toml(text)
        if text.startswith("{"):
            return _Json(text)
        return _Yaml(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError, TomlError):
        return None
