"""The fields of a card, whatever shape they were left in: each as it should be, and a Finding for what was not.

Cards are written by hand and by dozens of programs: fields are null, numbers are texts, lists are one text, V2's fields
lie at the root, names are missing. Every such card can be used; nothing here refuses a field, and the card itself
stays as it was (Character.raw).
Specifications: character-card-spec-v2 (8083fb38), character-card-spec-v3 (f3a86af0); the other names of fields are
those of Pygmalion's and text-generation-webui's files and of SillyTavern's V1.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from persona.finding import Finding, Level

PromptRole = Literal["system", "user", "assistant"]
NAME_LENGTH = 80  # as in persona.toml
MOST_GREETINGS = 1000
ALIASES: Mapping[str, tuple[str, ...]] = {  # of cards before V2, by the field that it became
    "name": ("char_name",),
    "description": ("char_persona", "context"),
    "scenario": ("world_scenario",),
    "first_mes": ("char_greeting", "greeting"),
    "mes_example": ("example_dialogue",),
    "creator_notes": ("creatorcomment",),
}
KNOWN = ("name", "description", "personality", "first_mes", *(old for names in ALIASES.values() for old in names))
_SPECS = {"chara_card_v2": 2.0, "chara_card_v3": 3.0}
_NUMBERED: tuple[PromptRole, ...] = ("system", "user", "assistant")  # as SillyTavern numbers them
_ROLES = {str(number): role for number, role in enumerate(_NUMBERED)} | {role: role for role in _NUMBERED}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LINES = re.compile(r"\r\n?|\u2028|\u2029")


class Fields:
    """The fields of one card; `findings` grows as they are read."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        data = raw.get("data")
        self.root = raw
        self.data: Mapping[str, Any] = data if isinstance(data, dict) else raw
        self.findings: list[Finding] = []
        self._prefix = "data." if isinstance(data, dict) else ""
        if data is not None and not isinstance(data, dict):
            self.say("warning", "", f"`data` is {_kind(data)}; the fields are looked for beside it")
        self._about_the_version()
        self.extensions = self._extensions()

    def say(self, level: Level, where: str, says: str) -> None:
        """Add a Finding about a field."""
        self.findings.append(Finding(level, f"{self._prefix}{where}" if where else "", says))

    def text(self, key: str) -> str:
        """A text; numbers become texts, lists become lines, anything else is left out."""
        value = self._found(key)
        if isinstance(value, bool | int | float):
            self.say("note", key, f"is {_kind(value)}, and was read as text")
            return str(value)
        if isinstance(value, list) and all(isinstance(line, str) for line in value):
            self.say("warning", key, "is a list; its texts were put below each other")
            value = "\n".join(value)
        if isinstance(value, dict | list):
            self.say("warning", key, f"is {_kind(value)} where text belongs, and is left out")
            return ""
        return self._clean(key, value) if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text is a list of one, blank ones are left out."""
        found = [self._clean(key, one) for one in self._list(key) if isinstance(one, str | int | float)]
        kept = tuple(text.strip() if key == "tags" else text for text in found if text.strip())
        if len(kept) < len(found):
            self.say("note", key, f"{len(found) - len(kept)} of its texts are blank and are left out")
        if len(kept) > MOST_GREETINGS:
            self.say("warning", key, f"has {len(kept)} texts, of which the first {MOST_GREETINGS} are used")
        return kept[:MOST_GREETINGS]

    def name(self, fallback: str) -> str:
        """The character's name, on one line and short enough to stand above a message; else `fallback`."""
        written = self.text("name")
        name = one_line(written)
        if not name:
            self.say("warning", "name", f"there is no name; the character is called {one_line(fallback)}")
        elif name != written.strip():
            self.say("note", "name", f"was put on one line of at most {NAME_LENGTH} characters")
        return name or one_line(fallback) or "Character"

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number of the extensions, held between its limits; None where there is none."""
        value = self.extensions.get(key)
        number = _number(value)
        if value in (None, ""):
            return None
        if number is None:
            self.say("warning", f"extensions.{key}", f"is {_kind(value)} where a number belongs, and is left out")
            return None
        if not low <= number <= high:
            self.say("warning", f"extensions.{key}", f"is {number:g}, outside of {low:g} to {high:g}")
        return min(max(number, low), high)

    def depth_prompt(self) -> tuple[str, int, PromptRole] | None:
        """Text, depth and role of extensions.depth_prompt; None where it says nothing."""
        value, where = self.extensions.get("depth_prompt"), "extensions.depth_prompt"
        if isinstance(value, str):
            value = {"prompt": value}
            self.say("note", where, "is a text where a table belongs; it stands at depth 4")
        if not isinstance(value, dict) or not isinstance(value.get("prompt"), str) or not value["prompt"].strip():
            return None
        depth = _number(value.get("depth", 4))
        role = _ROLES.get(str(value.get("role", "system")).lower())
        if depth is None or not 0 <= depth <= 1000:
            self.say("warning", f"{where}.depth", f"is {value.get('depth')!r:.40}, and counts as 4")
            depth = 4
        if role is None:
            self.say("warning", f"{where}.role", f"is {value.get('role')!r:.40}, and counts as system")
        return self._clean(where, value["prompt"]), int(depth), role or "system"

    def book(self) -> Mapping[str, Any] | None:
        """The character's lorebook as it is; a list of entries or JSON in a text becomes one."""
        value = self._found("character_book")
        if isinstance(value, str) and value.strip():
            value = _json(value)
            self.say("note", "character_book", "is a text that was read as JSON" if value else "is a text, left out")
        if isinstance(value, list) and value:
            self.say("warning", "character_book", "is a list; it was taken for the book's entries")
            return {"entries": value}
        return value if isinstance(value, dict) and value else None

    def _about_the_version(self) -> None:
        spec, version = self.root.get("spec"), _number(self.root.get("spec_version"))
        if isinstance(spec, str) and spec not in _SPECS:
            self.findings.append(Finding("warning", "spec", f"{spec[:60]!r} is no known specification; read as V3"))
        elif version is not None and version > _SPECS.get(str(spec), 3.0):
            says = f"version {version:g} is newer than what Mien knows, and was read as {_SPECS.get(str(spec), 3.0):g}"
            self.findings.append(Finding("note", "spec_version", says))

    def _extensions(self) -> Mapping[str, Any]:
        value = self.data.get("extensions")
        if value is not None and not isinstance(value, dict):
            self.say("warning", "extensions", f"is {_kind(value)} where a table belongs, and is left out")
        return value if isinstance(value, dict) else {}

    def _found(self, key: str) -> Any:
        """A field under its name or an older one, in `data` or beside it; None where there is none."""
        for table in (self.data, self.root) if self.data is not self.root else (self.data,):
            for name in (key, *ALIASES.get(key, ())):
                if table.get(name) is not None and (table[name] != "" or self._prefix):
                    if table is self.root and self._prefix:
                        self.findings.append(Finding("note", name, "stands beside `data` and not in it; it is used"))
                    return table[name]
        if key in self.data:
            self.say("note", key, "is null; that counts as empty")
        return None

    def _list(self, key: str) -> Iterator[Any]:
        value = self._found(key)
        if isinstance(value, str) and value.strip():
            inner = _json(value) if value.lstrip().startswith("[") else None
            value = inner if isinstance(inner, list) else value.split(",") if key == "tags" else [value]
            self.say("warning", key, "is one text where a list belongs; it was read as a list")
        elif isinstance(value, dict):
            self.say("warning", key, "is a table where a list belongs; its values were taken")
            value = list(value.values())
        for number, one in enumerate(value if isinstance(value, list) else ()):
            if isinstance(one, dict | list) or one is None:
                self.say("warning", f"{key}[{number}]", f"is {_kind(one)} where text belongs, and is left out")
            else:
                yield str(one) if isinstance(one, bool | int | float) else one

    def _clean(self, key: str, value: Any) -> str:
        """Plain line ends, and nothing that cannot be written as UTF-8 or shown."""
        text = _LINES.sub("\n", str(value))
        shown = _CONTROL.sub("", _whole(text))
        if shown != text:
            self.say("note", key, "holds control characters or halves of letters, which are left out")
        return shown


def _whole(text: str) -> str:
    """Halves of letters, as JavaScript may cut them, become the sign for what cannot be shown."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def one_line(name: str) -> str:
    """A name without line ends and control characters, of at most 80 characters."""
    kept = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in name[:1000])
    return " ".join(kept.split())[:NAME_LENGTH].strip()


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number - number == 0 else None


def _json(text: str) -> Any:
    """What a short text says as JSON; None if it says nothing so."""
    try:
        return json.loads(text) if len(text) < 1 << 20 else None
    except (ValueError, RecursionError):
        return None


def _kind(value: Any) -> str:
    names = {dict: "a table", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
