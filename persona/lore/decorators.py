"""V3's decorators: lines at the start of an entry's content that say more about it, `@@depth 4`.

A line of three signs, `@@@`, counts only where the one above it is not used. Each decorator is either honoured or
reported as not used, with the reason; of two of one name the first counts.
Source: character-card-spec-v3 (077e65af), "Decorators".
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from persona.finding import Finding
from persona.lore.entry import Condition, Entry, Key, Logic, Place
from persona.lore.patterns import key_of

_LINE = re.compile(r"[ \t]*(@{2,3})([A-Za-z_]\w*)[ \t]*(.*)")
_PLACES = {"before_desc": Place.BEFORE, "after_desc": Place.AFTER}
_ROLES = ("system", "user", "assistant")
_IN_A_CHAT = "it is for text that is not a chat"
_WITHOUT_MEANING = {  # spec: to be ignored in a chat, or where there is no such thing
    "instruct_depth": _IN_A_CHAT,
    "reverse_depth": _IN_A_CHAT,
    "reverse_instruct_depth": _IN_A_CHAT,
    "instruct_scan_depth": _IN_A_CHAT,
    "is_user_icon": "members of a channel have no icons of the card",
    "disable_ui_prompt": "an entry cannot switch off the card's own instructions",
}


class Unfit(ValueError):
    """A decorator that is not used; str() says why."""


@dataclass(frozen=True, slots=True)
class Decorated:
    """What an entry's content says: its text, its decorators by name, and why some are not used."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    unused: tuple[str, ...] = ()


def split(content: str) -> Decorated:
    """The content without its decorators, and what they say."""
    lines = content.split("\n")
    values: dict[str, Any] = {}
    unused: list[str] = []
    taken = True  # whether the decorator above counted; so a fallback after nothing does not
    at = 0
    while at < len(lines) and ((found := _LINE.fullmatch(lines[at].rstrip("\r"))) or not lines[at].strip()):
        at += 1
        if found is None or (len(found[1]) == 3 and taken):
            continue
        try:
            _take(found[2].lower(), found[3].strip(), values)
            taken = True
        except Unfit as reason:
            unused.append(f"@@{found[2]} is not used: {reason}")
            taken = False
    if not values and not unused:
        return Decorated(content)
    return Decorated("\n".join(lines[at:]).strip("\n"), values, tuple(unused))


def _take(name: str, value: str, values: dict[str, Any]) -> None:
    if name in _WITHOUT_MEANING:
        raise Unfit(_WITHOUT_MEANING[name])
    if name not in _READERS:
        raise Unfit("Mien does not know it")
    if name in values:
        raise Unfit("it stands there twice, and the first one counts")
    values[name] = _READERS[name](value)


def _number(value: str) -> int:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and 0 <= number <= 1e6):
        raise Unfit(f"its value must be a number, and {value[:40] or 'nothing'} is none")
    return int(number)


def _positive(value: str) -> int:
    if (number := _number(value)) < 1:
        raise Unfit("its value must be 1 or more")
    return number


def _flag(value: str) -> bool:
    if value.lower() == "false":
        raise Unfit("it says false")
    return True


def _role(value: str) -> str:
    if value.lower() not in _ROLES:
        raise Unfit(f"its value must be one of {', '.join(_ROLES)}")
    return value.lower()


def _place(value: str) -> Place:
    if value.lower() not in _PLACES:
        raise Unfit(f"there is no place “{value[:40]}”; there are {', '.join(_PLACES)}")
    return _PLACES[value.lower()]


def _words(value: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in value.split(",") if word.strip())
    if not words:
        raise Unfit("it names no keys")
    return words


_READERS: Mapping[str, Callable[[str], Any]] = {
    "activate": _flag,
    "dont_activate": _flag,
    "activate_only_after": _number,
    "activate_only_every": _positive,
    "keep_activate_after_match": _flag,
    "dont_activate_after_match": _flag,
    "depth": _number,
    "role": _role,
    "scan_depth": _number,
    "is_greeting": _number,
    "position": _place,
    "ignore_on_max_context": _flag,
    "additional_keys": _words,
    "exclude_keys": _words,
}


def decorate(entry: Entry, *, bare: bool = False) -> Entry:
    """`entry`, its text still with decorators, as they say it. `bare`: its keys are patterns (use_regex)."""
    decorated = split(entry.text)
    said = decorated.values
    timing = replace(
        entry.timing,
        after=said.get("activate_only_after", 0),
        every=said.get("activate_only_every", 0),
        keep="keep_activate_after_match" in said,
        once="dont_activate_after_match" in said,
    )
    return replace(
        entry,
        **_keyed(entry, said, bare),
        text=decorated.text,
        timing=timing,
        forced=True if "activate" in said else False if "dont_activate" in said else None,
        **_placed(entry, said),
        role=said.get("role", entry.role),
        scan_depth=said.get("scan_depth", entry.scan_depth),
        filter=replace(entry.filter, greeting=said.get("is_greeting")),
        first_to_go="ignore_on_max_context" in said,
        findings=(*entry.findings, *(Finding("warning", "content", says) for says in decorated.unused)),
    )


def _placed(entry: Entry, said: Mapping[str, Any]) -> dict[str, Any]:
    if "position" in said:
        return {"place": said["position"]}
    if "depth" in said:
        return {"place": Place.DEPTH, "depth": said["depth"]}
    return {}


def _keyed(entry: Entry, said: Mapping[str, Any], bare: bool) -> dict[str, Any]:
    """Further keys: more patterns of a use_regex entry, else words that must (not) be there as well."""

    def keys(name: str) -> tuple[Key, ...]:
        return tuple(key_of(word, bare=bare) for word in said[name])

    if bare:
        return {"keys": (*entry.keys, *keys("additional_keys"))} if "additional_keys" in said else {}
    conditions = list(entry.conditions)
    if "additional_keys" in said:
        conditions.append(Condition(keys("additional_keys"), Logic.ANY, always=True))
    if "exclude_keys" in said:
        conditions.append(Condition(keys("exclude_keys"), Logic.NOT_ANY, always=True))
    return {"conditions": tuple(conditions)}
