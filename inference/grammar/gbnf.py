"""Reads GBNF, llama.cpp's notation for grammars, into rules.

Knows the notation and its mistakes (each with its line and column), not what a grammar is used for. The notation:
`name ::= part part | other`, where a part is "text", [a-z], [^a-z], `.` (any character), a rule's name or a group in
round brackets, and may be followed by ? * + {n} {n,} {,m} {n,m}; `#` begins a comment. A rule ends with its line, but
inside brackets and around `|` lines may be broken. Escapes: those of ESCAPES and HEX.
"""

import re

from inference.grammar.parts import (
    ANY,
    HIGHEST,
    SURROGATES,
    Chars,
    Either,
    GrammarError,
    Part,
    Repeat,
    Rule,
    Sequence,
    charset,
)

MOST_REPEATS = 10_000
DEEPEST = 100  # brackets in brackets
ESCAPES = {"n": 10, "r": 13, "t": 9, '"': 34, "\\": 92, "[": 91, "]": 93, "-": 45, "^": 94}
HEX = {"x": 2, "u": 4, "U": 8}  # digits after \x, \u, \U
NAME = re.compile(r"[A-Za-z0-9_-]+")
BEGINNING = re.compile(NAME.pattern + r"[ \t]*::=")  # of a rule
BOUNDS = re.compile(r"\s*(\d*)\s*(,?)\s*(\d*)\s*\}")  # what follows a {
SPACE = re.compile(r"(?:[ \t]|#[^\n]*)*")
SPACE_AND_LINES = re.compile(r"(?:[ \t\n]|#[^\n]*)*")


def read(text: str) -> dict[str, Part]:
    """The rules of a GBNF text by name, every rule that is referred to among them, `root` too. Raises GrammarError."""
    return _Reader(text).rules()


class _Reader:
    """One text being read; `at` is the place of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
        self.at = 0
        self.depth = 0
        self.mentioned: list[Rule] = []

    def rules(self) -> dict[str, Part]:
        rules: dict[str, Part] = {}
        lines: dict[str, int] = {}
        self.skip(lines=True)
        while self.at < len(self.text):
            start = self.at
            name = self.name("a rule's name")
            if name in rules:
                raise self.error(start, f"The rule `{name}` was there already in line {lines[name]}: give it once")
            lines[name] = self.place(start)[0]
            self.skip()
            if not self.take("::="):
                raise self.error(self.at, f"`::=` is expected after the rule's name `{name}`, not {self.seen()}")
            self.skip_to_part(nested=False)
            rules[name] = self.either(nested=False)
            if self.at < len(self.text) and self.text[self.at] != "\n":
                raise self.error(self.at, f"A part of the rule `{name}` or its end is expected, not {self.seen()}")
            self.skip(lines=True)
        self.check(rules)
        return rules

    def check(self, rules: dict[str, Part]) -> None:
        for mention in self.mentioned:
            if mention.name not in rules:
                where = f"Line {mention.line}, column {mention.column}"
                raise GrammarError(
                    f"{where}: there is no rule `{mention.name}`: write it, or correct the name.", mention.line
                )
        if "root" not in rules:
            raise GrammarError("The grammar has no rule `root`, with which it begins: add one, as in `root ::= …`.")

    def either(self, nested: bool) -> Part:
        parts = [self.sequence(nested)]
        while self.bar(nested):
            parts.append(self.sequence(nested))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def bar(self, nested: bool) -> bool:
        """Step over `|`, also where it stands at the beginning of the next line."""
        before = self.at
        self.skip(lines=True)
        if self.take("|"):
            self.skip_to_part(nested)
            return True
        if not nested:
            self.at = before
        return False

    def skip_to_part(self, nested: bool) -> None:
        """Step over spaces, and over line breaks unless the rule ends there: its last part may be empty."""
        before = self.at
        self.skip(lines=True)
        if not nested and (self.at == len(self.text) or self.begins_rule()):
            self.at = before
            self.skip()

    def begins_rule(self) -> bool:
        return BEGINNING.match(self.text, self.at) is not None

    def sequence(self, nested: bool) -> Part:
        parts: list[Part] = []
        while (part := self.part()) is not None:
            self.skip(lines=nested)
            while (times := self.times()) is not None:
                part = Repeat(part, *times) if times[1] != 0 else Sequence(())
                self.skip(lines=nested)
            parts.append(part)
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def part(self) -> Part | None:
        """The next part without what repeats it; None where there is none."""
        start, sign = self.at, self.text[self.at : self.at + 1]
        if sign == '"':
            return self.literal()
        if sign == "[":
            return self.set()
        if sign == ".":
            self.at += 1
            return ANY
        if sign == "(":
            return self.group()
        if found := NAME.match(self.text, self.at):
            if self.begins_rule():
                return None
            self.at = found.end()
            mention = Rule(found[0], *self.place(start))
            self.mentioned.append(mention)
            return mention
        if sign and sign in "*+?{":
            raise self.error(start, f"{sign} repeats what stands before it, and nothing does")
        if sign and sign in "<!":
            raise self.error(start, "Tokens in angle brackets are not supported: write the text itself, in quotes")
        return None

    def literal(self) -> Part:
        start = self.at
        self.at += 1
        codes = []
        while not self.take('"'):
            if self.text[self.at : self.at + 1] in ("", "\n"):
                raise self.error(start, 'The quote " that begins here is not closed on its line (a line break is \\n)')
            codes.append(self.character())
        return Sequence(tuple(Chars(((code, code),)) for code in codes))

    def set(self) -> Chars:
        start = self.at
        self.at += 1
        negated = self.take("^")
        ranges = []
        while not self.take("]"):
            if self.text[self.at : self.at + 1] in ("", "\n"):
                raise self.error(start, "The bracket [ that begins here is not closed on its line")
            place = self.at
            first = last = self.character()
            if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", "", "\n"):
                self.at += 1
                last = self.character()
            if last < first:
                raise self.error(place, f"The range {self.text[place : self.at]} runs backwards: swap its ends")
            ranges.append((first, last))
        if not ranges:
            raise self.error(start, "A set of characters may not be empty (any character is a dot)")
        return charset(ranges, negated)

    def group(self) -> Part:
        start = self.at
        self.at += 1
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(start, f"Brackets stand more than {DEEPEST} deep: make a rule of the inner ones")
        self.skip(lines=True)
        inner = self.either(nested=True)
        if not self.take(")"):
            if self.at < len(self.text) and not self.begins_rule():
                raise self.error(self.at, f"A part or the closing bracket ) is expected, not {self.seen()}")
            raise self.error(start, "The bracket ( that begins here is not closed")
        self.depth -= 1
        return inner

    def times(self) -> tuple[int, int | None] | None:
        """What ? * + {n} {n,} {,m} {n,m} say, as least and most; None where none of them stands."""
        start = self.at
        for sign, bounds in (("?", (0, 1)), ("*", (0, None)), ("+", (1, None))):
            if self.take(sign):
                return bounds
        if not self.take("{"):
            return None
        found = BOUNDS.match(self.text, self.at)
        if not found or not (found[1] or found[3]) or (found[3] and not found[2]):
            raise self.error(start, "{n}, {n,}, {,m} or {n,m} is expected, with whole numbers")
        self.at = found.end()
        least = int(found[1] or 0)
        most = int(found[3]) if found[3] else None if found[2] else least
        if most is not None and most < least:
            raise self.error(
                start, f"{found[0].join('{ ').replace(' ', '')} asks for more than it allows: swap the two"
            )
        if max(least, most or 0) > MOST_REPEATS:
            raise self.error(start, f"Nothing can be repeated more than {MOST_REPEATS:,} times: leave the bound away")
        return least, most

    def character(self) -> int:
        """The code point of the next character, which may be written with a backslash."""
        start = self.at
        sign = self.text[start]
        self.at += 1
        if sign != "\\":
            return ord(sign)
        kind = self.text[self.at : self.at + 1]
        self.at += 1
        if kind in HEX:
            digits = self.text[self.at : self.at + HEX[kind]]
            self.at += HEX[kind]
            if not re.fullmatch(f"[0-9A-Fa-f]{{{HEX[kind]}}}", digits):
                raise self.error(start, f"\\{kind} is followed by exactly {HEX[kind]} hexadecimal digits")
            code = int(digits, 16)
            if code > HIGHEST or SURROGATES[0] <= code <= SURROGATES[1]:
                raise self.error(start, f"\\{kind}{digits} is no character of Unicode")
            return code
        if not kind or kind not in ESCAPES:
            known = " ".join(f"\\{letter}" for letter in [*ESCAPES, *HEX])
            raise self.error(start, f"\\{kind.strip()} is no escape: there are {known}")
        return ESCAPES[kind]

    def name(self, what: str) -> str:
        found = NAME.match(self.text, self.at)
        if not found:
            raise self.error(self.at, f"{what[0].upper()}{what[1:]} is expected, not {self.seen()}")
        self.at = found.end()
        return found[0]

    def take(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def skip(self, lines: bool = False) -> None:
        """Step over spaces and comments, and with `lines` over line breaks."""
        space = (SPACE_AND_LINES if lines else SPACE).match(self.text, self.at)
        assert space  # it may be empty
        self.at = space.end()

    def seen(self) -> str:
        sign = self.text[self.at : self.at + 1]
        return "the end of the text" if not sign else "the end of the line" if sign == "\n" else f"`{sign}`"

    def place(self, at: int) -> tuple[int, int]:
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    def error(self, at: int, sentence: str) -> GrammarError:
        line, column = self.place(at)
        return GrammarError(f"Line {line}, column {column}: {sentence[0].lower()}{sentence[1:]}.", line)
