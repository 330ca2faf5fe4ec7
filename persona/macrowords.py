"""What each of the community's macros means: names, fields, dice, clocks, variables. Reading texts is macros.py's work.

    {{random::a::b}}    "a" or "b"; by seed, place and position, so the same reply asked twice is the same
    {{pick::a::b}}      the same, but without the seed: it stays in its place as long as the chat lasts

What members said or are called comes back in one line without what no one sees, so that it cannot pose as a line of the
card that quotes it.
"""

import random
import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b

from persona.moments import shifted, span, written
from persona.naming import visible

MOST_DICE, MOST_SIDES = 1000, 10**9
MOST_VARIABLES, LONGEST_NAME, LONGEST_VALUE = 1000, 200, 10_000
MOST_BLANKS = 100  # of {{newline::n}}
LONGEST_QUOTE = 4000  # characters of a member's message
GLOBAL = "global:"  # before the names of variables that a card calls global; they are the chat's as well
FALSY = ("", "false", "0", "off", "no")
_DICE = re.compile(r"(\d*)d(\d+)\s*(?:([+-])\s*(\d+))?", re.IGNORECASE)


EPOCH = datetime.fromtimestamp(0, UTC)


class Unknown(Exception):
    """There is no such macro, or not with such arguments: it stays as it was written."""


@dataclass(frozen=True)
class Known:
    """What the macros of one reply may tell.

    fields: the card's own texts by macro name ("description"), which may have macros themselves. user, persona, input
    and last_*: what members are called and wrote; no macro in it means anything. idle: seconds since a member spoke.
    """

    char: str
    user: str = ""
    others: tuple[str, ...] = ()
    persona: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    original: str = ""
    last_message: str = ""
    last_user: str = ""
    last_char: str = ""
    outlets: Mapping[str, str] = field(default_factory=dict)
    now: datetime = EPOCH
    idle: float = 0.0
    seed: int = 0
    chat: str = ""
    variables: MutableMapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """One macro as it was asked: arguments filled already, and where it stands."""

    name: str
    arguments: tuple[str, ...]
    known: Known
    place: str
    at: int

    def argument(self, number: int) -> str:
        """Raises Unknown where there is none."""
        if number >= len(self.arguments):
            raise Unknown
        return self.arguments[number]

    def dice(self, *, lasting: bool = False) -> random.Random:
        """The same for the same place; of another seed another one, unless it is `lasting`."""
        who = (self.known.chat, self.place, self.at, None if lasting else self.known.seed)
        return random.Random(blake2b(repr(who).encode(errors="replace")).digest())


def meaning(asked: Asked) -> str:
    """What a macro becomes. Raises Unknown."""
    if asked.name.startswith("time_utc"):
        return _time_in(asked)
    if (word := WORDS.get(asked.name)) is None:
        raise Unknown
    return word(asked)


def truth(text: str, known: Known) -> bool:
    """Whether a condition holds: a field's name asks whether it is empty, `!` turns it round."""
    text = text.strip()
    if text.startswith("!"):
        return not truth(text[1:], known)
    name = text.casefold()
    if name in known.fields:
        return bool(known.fields[name].strip())
    bare = WORDS.get(name)
    if bare is not None:
        with suppress(Unknown):
            text = bare(Asked(name, (), known, "", 0))
    return text.strip().casefold() not in FALSY


def volatile(text: str) -> bool:
    """Whether `text` has macros that say something else with every reply."""
    return bool(_VOLATILE.search(text))


# --- names and messages --------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """What a member wrote, on one line, without invisible characters."""
    return " ".join(" ".join(map(visible, text[:LONGEST_QUOTE].splitlines())).split())


def _group(asked: Asked) -> str:
    return ", ".join((asked.known.char, *asked.known.others))


def _not_char(asked: Asked) -> str:
    return ", ".join(filter(None, (*asked.known.others, quoted(asked.known.user))))


# --- chance ----------------------------------------------------------------------------------------------------------


def _options(asked: Asked) -> Sequence[str]:
    if len(asked.arguments) != 1:
        return asked.arguments
    return [option.strip().replace(r"\,", ",") for option in re.split(r"(?<!\\),", asked.arguments[0])]


def _random(asked: Asked) -> str:
    options = _options(asked)
    return asked.dice().choice(options) if options else ""


def _pick(asked: Asked) -> str:
    options = _options(asked)
    return asked.dice(lasting=True).choice(options) if options else ""


def _roll(asked: Asked) -> str:
    formula = asked.argument(0)
    found = _DICE.fullmatch(f"d{formula}" if formula.isascii() and formula.isdigit() else formula)
    if not found or len(found[0]) > 40:
        raise Unknown
    number, sides, more = int(found[1] or 1), int(found[2]), int(found[4] or 0)
    if not (1 <= number <= MOST_DICE and 1 <= sides <= MOST_SIDES):
        raise Unknown
    dice = asked.dice()
    return str(sum(dice.randint(1, sides) for _ in range(number)) + (-more if found[3] == "-" else more))


# --- time ------------------------------------------------------------------------------------------------------------


def _clock(form: str) -> Callable[[Asked], str]:
    return lambda asked: written(asked.known.now, form)


def _time(asked: Asked) -> str:
    return _time_in(asked) if asked.arguments else written(asked.known.now, "LT")


def _time_in(asked: Asked) -> str:
    """{{time_UTC+2}}, {{time::UTC+2}}."""
    zone = asked.name.removeprefix("time_").removeprefix("time") + "".join(asked.arguments)
    try:
        return written(shifted(asked.known.now, zone), "LT")
    except (ValueError, OverflowError) as error:
        raise Unknown from error


def _difference(asked: Asked) -> str:
    try:
        first, second = (datetime.fromisoformat(asked.argument(number)) for number in (0, 1))
        seconds = (first.astimezone(UTC) - second.astimezone(UTC)).total_seconds()
    except (ValueError, OverflowError, OSError) as error:
        raise Unknown from error
    return f"in {span(seconds)}" if seconds > 0 else f"{span(seconds)} ago"


# --- variables -------------------------------------------------------------------------------------------------------


def _name(asked: Asked, scope: str) -> str:
    return (scope + asked.argument(0))[:LONGEST_NAME]


def _set(asked: Asked, name: str, value: str) -> str:
    variables = asked.known.variables
    if name in variables or len(variables) < MOST_VARIABLES:
        variables[name] = value[:LONGEST_VALUE]
    return ""


def _add(asked: Asked, name: str, more: str) -> str:
    """Numbers are added, other texts set behind each other."""
    old = asked.known.variables.get(name, "")
    try:
        total = float(old or 0) + float(more)
    except ValueError:
        return _set(asked, name, old + more)
    return _set(asked, name, f"{total:.15g}")


def _count(asked: Asked, name: str, by: str) -> str:
    _add(asked, name, by)
    return asked.known.variables.get(name, "")


def _variables(suffix: str, scope: str) -> dict[str, Callable[[Asked], str]]:
    def get(asked: Asked) -> str:
        return asked.known.variables.get(_name(asked, scope), "")

    def there(asked: Asked) -> str:
        return "true" if _name(asked, scope) in asked.known.variables else "false"

    def delete(asked: Asked) -> str:
        asked.known.variables.pop(_name(asked, scope), None)
        return ""

    return {
        f"get{suffix}": get,
        f"set{suffix}": lambda asked: _set(asked, _name(asked, scope), asked.argument(1)),
        f"add{suffix}": lambda asked: _add(asked, _name(asked, scope), asked.argument(1)),
        f"inc{suffix}": lambda asked: _count(asked, _name(asked, scope), "1"),
        f"dec{suffix}": lambda asked: _count(asked, _name(asked, scope), "-1"),
        f"has{suffix}": there,
        f"{suffix}exists": there,
        f"delete{suffix}": delete,
        f"flush{suffix}": delete,
    }


# --- texts -----------------------------------------------------------------------------------------------------------


def _blanks(sign: str) -> Callable[[Asked], str]:
    def blanks(asked: Asked) -> str:
        number = asked.arguments[0] if asked.arguments else "1"
        if not re.fullmatch(r"[0-9]{1,3}", number):
            raise Unknown
        return sign * min(int(number), MOST_BLANKS)

    return blanks


def _nothing(asked: Asked) -> str:
    return ""


WORDS: dict[str, Callable[[Asked], str]] = {
    "user": lambda asked: quoted(asked.known.user),
    "char": lambda asked: asked.known.char,
    "bot": lambda asked: asked.known.char,
    "group": _group,
    "groupnotmuted": _group,
    "charifnotgroup": _group,
    "notchar": _not_char,
    "persona": lambda asked: quoted(asked.known.persona),
    "original": lambda asked: asked.known.original,
    "input": lambda asked: quoted(asked.known.last_user),
    "lastmessage": lambda asked: quoted(asked.known.last_message),
    "lastusermessage": lambda asked: quoted(asked.known.last_user),
    "lastcharmessage": lambda asked: quoted(asked.known.last_char),
    "outlet": lambda asked: asked.known.outlets.get(asked.argument(0), ""),
    "random": _random,
    "pick": _pick,
    "roll": _roll,
    "time": _time,
    "date": _clock("LL"),
    "weekday": _clock("dddd"),
    "isotime": _clock("HH:mm"),
    "isodate": _clock("YYYY-MM-DD"),
    "datetimeformat": lambda asked: written(asked.known.now, "::".join(asked.arguments)),
    "idle_duration": lambda asked: span(asked.known.idle),
    "idleduration": lambda asked: span(asked.known.idle),
    "timediff": _difference,
    "reverse": lambda asked: "::".join(asked.arguments)[::-1],
    "newline": _blanks("\n"),
    "space": _blanks(" "),
    "noop": _nothing,
    "//": _nothing,
    "comment": _nothing,
    "hidden_key": _nothing,
    "banned": _nothing,  # forbids words in SillyTavern; here `banned_phrases` of a sampler does
    **_variables("var", ""),
    **_variables("globalvar", GLOBAL),
}
SILENT = frozenset({"//", "comment", "hidden_key"})  # what stands in them is not filled either
SCOPED = {"if": 1, "//": 0, "setvar": 1, "setglobalvar": 1, "addvar": 1, "addglobalvar": 1, "reverse": 0}
"""Macros whose last argument may follow them up to {{/name}}, and how many arguments they have before it."""

# What changes with every reply; dates change once a day, and dice thrown near the top are thrown for a longer time.
_VOLATILE = re.compile(
    r"\{\{[\s#!?~]*(?:time(?:_utc[^{}:]*|diff)?|isotime|idle_?duration|datetimeformat|input|last(?:user|char)?message|"
    r"(?:inc|dec|add)(?:global)?var)\s*(?:::?|\}\}|\s)",
    re.IGNORECASE,
)
