"""On which line of a TOML file each key stands; tomllib tells values but no lines.

The text must already have passed `tomllib.loads`: the scanner trusts its shape (https://toml.io/en/v1.0.0) and only
keeps count, so that keys inside multi-line strings, arrays or comments never fool it.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
_STRINGS = {  # opening quotes, longest first: what runs up to and with the closing ones
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL),
    "'''": re.compile(r"(?:[^']|'(?!''))*'{3,5}", re.DOTALL),
    '"': re.compile(r'(?:[^"\\]|\\.)*"'),
    "'": re.compile(r"[^']*'"),
}


@dataclass
class KeyLines:
    """`lines` counts from 1; an element of an array is found by its index, and a plain string in it by its text too."""

    lines: dict[KeyPath, int] = field(default_factory=dict)
    columns: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)  # of the key and of its value, from 1
    headers: dict[KeyPath, str] = field(default_factory=dict)  # path -> "[expressions.joy]" or "[[examples]]"
    first: int = 1  # the line of whatever has none

    def line(self, path: KeyPath) -> int:
        """The line of `path`, of what lies in it, or of the nearest table around it (`first` for the whole)."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
            inside = [line for known, line in self.lines.items() if known[:end] == path[:end]]
            if inside:
                return min(inside)
        return self.first

    def column(self, path: KeyPath, *, value: bool) -> int:
        """Where on its line `path` stands, or its value; 0 where `line` can only name what lies around it."""
        return self.columns.get(path, (0, 0))[value]

    def spell(self, path: KeyPath) -> str:
        """`path` as a person would point at it: "[expressions.joy] emotions"; empty for the whole file."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.headers:
                return " ".join(filter(None, (self.headers[path[:end]], _dotted(path[end:]))))
        return _dotted(path)


def _dotted(path: KeyPath) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)


def find_keys(text: str) -> KeyLines:
    """Scan valid TOML `text`."""
    return _Scanner(text).document()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.breaks = [match.start() for match in re.finditer("\n", text)]
        self.found = KeyLines()
        self.arrays: dict[KeyPath, int] = {}  # array of tables -> index of its newest table

    def document(self) -> KeyLines:
        table: KeyPath = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BLANK)
        return self.found

    def skip(self, pattern: re.Pattern[str]) -> str:
        """Move past what `pattern` matches here and return it."""
        match = pattern.match(self.text, self.at)
        assert match is not None, f"the TOML scanner lost its way at character {self.at}"
        self.at = match.end()
        return match.group()

    def note(self, path: KeyPath, at: int, value: int | None = None) -> None:
        """`path` stands at the character `at`, its value at another one; tables have lines alone."""
        line = bisect_right(self.breaks, at - 1)
        begin = self.breaks[line - 1] + 1 if line else 0
        self.found.lines.setdefault(path, line + 1)
        if value is not None:
            self.found.columns.setdefault(path, (at - begin + 1, value - begin + 1))

    def header(self) -> KeyPath:
        start, many = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        *outer, last = self.key()
        self.at += 2 if many else 1
        path: KeyPath = ()
        for part in outer:
            path = self.newest((*path, part))
        path = (*path, last)
        if many:
            self.arrays[path] = self.arrays.get(path, -1) + 1
            self.note(path, start)
            path = self.newest(path)
        self.note(path, start)
        self.found.headers[path] = self.text[start : self.at]
        return path

    def newest(self, path: KeyPath) -> KeyPath:
        return (*path, self.arrays[path]) if path in self.arrays else path

    def pair(self, table: KeyPath) -> None:
        start = self.at
        path = (*table, *self.key())
        self.at += 1  # the equals sign
        self.skip(_SPACE)
        self.note(path, start, self.at)
        self.value(path)

    def key(self) -> list[str]:
        """A dotted key, read up to the bracket or equals sign behind it."""
        parts = []
        while True:
            self.skip(_SPACE)
            parts.append(self.string() if self.text[self.at] in "\"'" else self.skip(_BARE_KEY))
            self.skip(_SPACE)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def string(self) -> str:
        """The text between the quotes, escapes left as they are written."""
        quote = next(quote for quote in _STRINGS if self.text.startswith(quote, self.at))
        self.at += len(quote)
        return self.skip(_STRINGS[quote])[: -len(quote)]

    def value(self, path: KeyPath) -> None:
        self.skip(_SPACE)
        match self.text[self.at]:
            case '"' | "'":
                self.string()
            case "[":
                self.array(path)
            case "{":
                self.inline_table(path)
            case _:
                self.skip(_BARE_VALUE)

    def array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        self.skip(_BLANK)
        while self.text[self.at] != "]":
            start = self.at
            self.note((*path, index), start, start)
            self.value((*path, index))
            if self.text[start] in "\"'":
                self.note((*path, self.text[start : self.at].strip("\"'")), start, start)
            self.comma()
            index += 1
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self.skip(_BLANK)
        while self.text[self.at] != "}":
            self.pair(path)
            self.comma()
        self.at += 1

    def comma(self) -> None:
        self.skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self.skip(_BLANK)
