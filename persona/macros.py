"""The community's macros: `{{char}}`, `{{random::a::b}}`, `{{if description}}…{{/if}}` in the texts of admins.

    Macros(Known(char="Pip", user="Robin", now=clock, seed=7)).fill("{{user}} meets {{char}}.", "description")

This file reads the text; what each macro means is in persona/macrowords.py. Inner macros are filled first, and what
came out is never read again: a member whose name is `{{setvar::a::b}}` has just an odd name. What is unknown stays as
it was written, and `unknown` tells of it.

No text may take long or grow without end: nesting, steps and characters are bounded, and what is beyond is left out.
Source: SillyTavern's documentation (Usage/macros.md); the macros of the character card specification V3.
"""

import re
from dataclasses import dataclass, field, replace
from textwrap import dedent

from persona.macrowords import SCOPED, SILENT, Asked, Known, Unknown, meaning, truth

DEEPEST = 100  # macros inside macros; of what is deeper, the braces are just braces
DEEPEST_FIELD = 3  # {{description}} in a text that is shown in a text …
MOST_STEPS = 20_000  # macros in one text, those of the fields it shows included
MOST_CHARACTERS = 200_000  # that one text may grow by, through macros

_SIGNS = re.compile(r"\{\{|\}\}|\\\{\\\{|\\\}\\\}|::|<(?:user|bot|char|charifnotgroup|group)>", re.IGNORECASE)
_ESCAPED = {r"\{\{": "{{", r"\}\}": "}}"}
_HEAD = re.compile(r"(?P<flags>[#!?~\s]*+)(?P<ends>/?)\s*+(?P<name>//|[a-z_][\w-]*+)\s*+", re.IGNORECASE)
_END = re.compile(r"\{\{\s*+/\s*+(//|[a-z_]\w*+)\s*+\}\}", re.IGNORECASE)
_TRIM = None  # {{trim}}, until what stands around it is known
Parts = list[str | None]


@dataclass(slots=True)
class _Open:
    """Something that has begun: the text itself, a macro, or a block up to its {{/name}}.

    said: of a macro the parts of each argument, else one list. quiet: nothing in it is filled or counts.
    """

    kind: str
    quiet: bool
    at: int = 0
    said: list[Parts] = field(default_factory=lambda: [[]])
    is_filled: bool = False  # what stands at its beginning was filled in, so it names no macro
    name: str = ""
    arguments: tuple[str, ...] = ()
    keeps_blanks: bool = False
    holds: bool = True  # of an `if`: the condition


class Macros:
    """Fills texts with what is `known`. One of them lasts for one reply; `unknown` gathers over its texts."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.unknown: list[str] = []

    def fill(self, text: str, place: str = "", *, original: str = "") -> str:
        """`text` with its macros filled. place: which text it is, for what is drawn by chance; original: {{original}}.

        Any text comes back, in time in line with its length.
        """
        known = replace(self.known, original=original) if original else self.known
        filling = _Filling(known, self.unknown)
        return filling.fill(text, place, 0)


class _Filling:
    """One text, and the fields that it shows; they share their bounds."""

    def __init__(self, known: Known, unknown: list[str]) -> None:
        self._known, self._unknown = known, unknown
        self._steps, self._room = MOST_STEPS, MOST_CHARACTERS

    def fill(self, text: str, place: str, depth: int) -> str:
        if "{{" not in text and "<" not in text and "\\" not in text:
            return text
        return _Reading(self, text, place, depth).read()

    def spend(self) -> bool:
        """Whether there is a step left."""
        self._steps -= 1
        return self._steps >= 0

    def fitting(self, text: str) -> str:
        """As much of what a macro became as there is room for."""
        kept = text[: max(self._room, 0)]
        self._room -= len(kept)
        return kept

    def value(self, name: str, arguments: tuple[str, ...], place: str, at: int, depth: int) -> str:
        """What a macro becomes. Raises Unknown."""
        if name in self._known.fields:
            if depth >= DEEPEST_FIELD:
                return ""
            return self.fitting(self.fill(self._known.fields[name], f"{place}/{name}", depth + 1))
        return self.fitting(meaning(Asked(name, arguments, self._known, place, at)))

    def holds(self, condition: str) -> bool:
        return truth(condition, self._known)

    def report(self, name: str) -> None:
        if len(self._unknown) < 100 and name not in self._unknown:
            self._unknown.append(name)


class _Reading:
    """From left to right through one text, with everything that has begun on a stack."""

    def __init__(self, filling: _Filling, text: str, place: str, depth: int) -> None:
        self._filling, self._text, self._place, self._depth = filling, text, place, depth
        self._ends = {found[1].casefold(): found.start() for found in _END.finditer(text)}  # the last of each name
        self._stack = [_Open("text", quiet=False)]
        self._braces = 0  # open ones that are too deep to be macros

    def read(self) -> str:
        position = 0
        for sign in _SIGNS.finditer(self._text):
            self._say(self._text[position : sign.start()])
            self._hear(sign[0].casefold(), sign)
            position = sign.end()
        self._say(self._text[position:])
        while len(self._stack) > 1:
            self._give_up()
        return _joined(self._stack[0].said[0])

    def _hear(self, sign: str, found: re.Match[str]) -> None:
        top = self._stack[-1]
        if sign == "{{" and len(self._stack) < DEEPEST:
            self._stack.append(_Open("macro", top.quiet or self._is_silent(found.end()), found.start()))
        elif sign == "{{":
            self._braces += 1
            self._say("{{")
        elif sign == "}}" and self._braces:
            self._braces -= 1
            self._say("}}")
        elif sign == "}}" and top.kind == "macro":
            self._stack.pop()
            self._close(top)
        elif sign == "::" and top.kind == "macro":
            top.said.append([])
        elif sign.startswith("<"):
            self._say(self._named(sign[1:-1], found.start()), filled=True)
        else:
            self._say(_ESCAPED.get(sign, found[0]))

    def _is_silent(self, start: int) -> bool:
        head = _HEAD.match(self._text, start)
        return head is not None and head["name"].casefold() in SILENT

    def _named(self, name: str, at: int) -> str:
        if self._stack[-1].quiet or not self._filling.spend():
            return ""
        return self._filling.value(name, (), self._place, at, self._depth)

    def _say(self, text: str, *, filled: bool = False) -> None:
        top = self._stack[-1]
        if filled and len(top.said) == 1 and len(top.said[0]) < 2 and not _joined(top.said[0]).strip():
            top.is_filled = True
        if text and (not top.quiet or top.kind == "macro"):
            top.said[-1].append(text)

    def _close(self, macro: _Open) -> None:
        """A macro has ended; what it becomes goes to whatever it stands in."""
        head = None if macro.is_filled else _HEAD.match(_joined(macro.said[0]))
        if head is None:
            self._keep(macro, "")
            return
        name, arguments = head["name"].casefold(), _arguments(macro, head.end())
        if name == "if" and not arguments:
            arguments = ("",)  # the condition was filled, with nothing
        if head["ends"]:
            self._end(name, macro)
        elif name == "else" and not arguments and self._stack[-1].name == "if":
            self._otherwise(self._stack[-1])
        elif len(arguments) == SCOPED.get(name) and self._ends.get(name, -1) > macro.at:
            self._begin(name, arguments, macro, "#" in head["flags"])
        else:
            self._become(name, arguments, macro)

    def _become(self, name: str, arguments: tuple[str, ...], macro: _Open) -> None:
        top = self._stack[-1]
        if top.quiet or name in SILENT:
            return
        if not self._filling.spend():
            return
        if name == "trim" and not arguments:
            if top.kind != "macro":
                top.said[-1].append(_TRIM)
            return
        try:
            self._say(self._value(name, arguments, macro.at), filled=True)
        except Unknown:
            self._keep(macro, name)

    def _value(self, name: str, arguments: tuple[str, ...], at: int) -> str:
        if name == "if":  # in one piece: {{if::condition::words::others}}
            if len(arguments) not in (2, 3):
                raise Unknown
            return (*arguments[1:], "")[not self._filling.holds(arguments[0])]
        return self._filling.value(name, arguments, self._place, at, self._depth)

    def _keep(self, macro: _Open, name: str) -> None:
        """What is no macro stays as it was written."""
        if not macro.quiet:
            self._filling.report(name or _joined(macro.said[0]).strip()[:40])
            self._say("{{" + "::".join(map(_joined, macro.said)) + "}}", filled=True)

    # --- blocks --------------------------------------------------------------------------------------------------

    def _begin(self, name: str, arguments: tuple[str, ...], macro: _Open, keeps_blanks: bool) -> None:
        outer = self._stack[-1].quiet
        holds = name != "if" or (not outer and self._filling.holds(arguments[0]))
        quiet = outer or name in SILENT or not holds
        self._stack.append(
            _Open("block", quiet, macro.at, name=name, arguments=arguments, keeps_blanks=keeps_blanks, holds=holds)
        )

    def _otherwise(self, block: _Open) -> None:
        """From here on the other branch."""
        outer = self._stack[-2].quiet
        block.quiet = outer or block.holds

    def _end(self, name: str, macro: _Open) -> None:
        block = self._stack[-1]
        if block.kind != "block" or block.name != name:
            self._keep(macro, f"/{name}")
            return
        self._stack.pop()
        if self._stack[-1].quiet or name in SILENT:
            return
        inner = _joined(block.said[0])
        inner = inner if block.keeps_blanks else dedent(inner).strip()
        if name == "if":
            self._say(inner, filled=True)
        else:
            self._become(name, (*block.arguments, inner), block)

    def _give_up(self) -> None:
        """Of what never ended, the words stay."""
        rest = self._stack.pop()
        if rest.kind == "macro" and not rest.quiet:
            self._say("{{" + "::".join(map(_joined, rest.said)))
        elif rest.kind == "block" and not self._stack[-1].quiet:
            self._filling.report(rest.name)
            self._say(_joined(rest.said[0]))


def _arguments(macro: _Open, behind: int) -> tuple[str, ...]:
    """Of {{name:a,b}}, {{name a,b}} or {{name::a::b}}, blanks around them left out."""
    first = _joined(macro.said[0])[behind:]
    rest = first.removeprefix(":").strip()
    return (*((rest,) if rest else ()), *(_joined(parts).strip() for parts in macro.said[1:]))


def _joined(parts: Parts) -> str:
    """The parts behind each other, without the line ends around each {{trim}}."""
    if _TRIM not in parts:
        return "".join(map(str, parts))
    pieces, words = list[str](), ""
    for part in parts:
        if part is None:
            pieces.append(words.strip("\r\n") if pieces else words.rstrip("\r\n"))
            words = ""
        else:
            words += part
    return "".join([*pieces, words.lstrip("\r\n")])
