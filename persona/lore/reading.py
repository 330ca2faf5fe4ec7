"""Entries of community files: V2's and V3's character_book, and SillyTavern's world info.

All three say the same under different names: the options that SillyTavern added stand in an entry of a world info file
under one name and in a card's `extensions` under another (`NAMES`). Who stays when there is not room for all is told
by the source of the book: in a card the higher `priority`, where there is none the higher `insertion_order` (V2, V3);
in a world info file the higher `order`, as SillyTavern does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from persona.finding import Finding
from persona.lore.decorators import decorate
from persona.lore.entry import SOURCES, Condition, Entry, Filter, Group, Logic, Place, Recursion, Timing
from persona.lore.patterns import key_of
from persona.lore.values import flag, maybe_flag, maybe_whole, number, table, text, texts, whole
from persona.naming import fold

NAMES: Mapping[str, tuple[str, str]] = {  # ours -> (in a world info file, in the extensions of a card's entry)
    "position": ("position", "position"),
    "depth": ("depth", "depth"),
    "role": ("role", "role"),
    "outlet": ("outletName", "outlet_name"),
    "logic": ("selectiveLogic", "selectiveLogic"),
    "probability": ("probability", "probability"),
    "use_probability": ("useProbability", "useProbability"),
    "scan_depth": ("scanDepth", "scan_depth"),
    "case_sensitive": ("caseSensitive", "case_sensitive"),
    "whole_words": ("matchWholeWords", "match_whole_words"),
    "prevent_recursion": ("preventRecursion", "prevent_recursion"),
    "exclude_recursion": ("excludeRecursion", "exclude_recursion"),
    "delay_until_recursion": ("delayUntilRecursion", "delay_until_recursion"),
    "sticky": ("sticky", "sticky"),
    "cooldown": ("cooldown", "cooldown"),
    "delay": ("delay", "delay"),
    "group": ("group", "group"),
    "group_override": ("groupOverride", "group_override"),
    "group_weight": ("groupWeight", "group_weight"),
    "group_scoring": ("useGroupScoring", "use_group_scoring"),
    "ignore_budget": ("ignoreBudget", "ignore_budget"),
    "triggers": ("triggers", "triggers"),
    "filter": ("characterFilter", "character_filter"),
    "vectorized": ("vectorized", "vectorized"),
    "automation": ("automationId", "automation_id"),
    **{f"match_{name}": (f"match{''.join(map(str.title, name.split('_')))}", f"match_{name}") for name in SOURCES},
}
_PLACES = (  # SillyTavern's numbers
    Place.BEFORE,
    Place.AFTER,
    Place.NOTE_TOP,
    Place.NOTE_BOTTOM,
    Place.DEPTH,
    Place.EXAMPLES_TOP,
    Place.EXAMPLES_BOTTOM,
    Place.OUTLET,
)
_LOGICS = (Logic.ANY, Logic.NOT_ALL, Logic.NOT_ANY, Logic.ALL)  # SillyTavern's numbers
ROLES = ("system", "user", "assistant")  # SillyTavern's numbers


def card_entry(row: Mapping[str, Any]) -> Entry:
    """An entry of a V2 or V3 character_book."""
    extensions = table(row.get("extensions"))
    values = {ours: extensions.get(theirs) for ours, (_, theirs) in NAMES.items()}
    # SillyTavern writes use_regex into every entry and means its own way of writing keys, /patterns/ and plain words.
    bare = flag(row.get("use_regex"), False) and not {"selectiveLogic", "useProbability"} & extensions.keys()
    order = number(row.get("insertion_order"), 100)
    if values["case_sensitive"] is None:
        values["case_sensitive"] = row.get("case_sensitive")
    if values["position"] is None:
        values["position"] = 0 if row.get("position") == "before_char" else 1
    return _entry(
        row,
        values,
        keys=texts(row.get("keys")),
        further=texts(row.get("secondary_keys")) if flag(row.get("selective"), False) and not bare else (),
        enabled=flag(row.get("enabled"), True),
        constant=flag(row.get("constant"), False) and not (bare and texts(row.get("keys"))),
        order=order,
        weight=number(row.get("priority"), order),
        bare=bare,
    )


def world_entry(row: Mapping[str, Any]) -> Entry:
    """An entry of a SillyTavern world info file."""
    order = number(row.get("order"), 100)
    return _entry(
        row,
        {ours: row.get(theirs) for ours, (theirs, _) in NAMES.items()},
        keys=texts(row.get("key")),
        further=texts(row.get("keysecondary")) if flag(row.get("selective"), True) else (),
        enabled=not flag(row.get("disable"), False),
        constant=flag(row.get("constant"), False),
        order=order,
        weight=order,
        bare=False,
    )


def _entry(
    row: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    keys: Iterable[str],
    further: tuple[str, ...],
    enabled: bool,
    constant: bool,
    order: float,
    weight: float,
    bare: bool,
) -> Entry:
    found = tuple(key_of(key, bare=bare) for key in keys)
    chance = number(values["probability"], 100) if flag(values["use_probability"], True) else 100.0
    conditions = (
        Condition(tuple(key_of(key) for key in further if fold(key)), _picked(_LOGICS, values["logic"], Logic.ANY)),
    )
    entry = Entry(
        text=text(row.get("content")),
        keys=found,
        conditions=conditions if any(map(fold, further)) else (),
        name=text(row.get("name")) or text(row.get("comment")) or next((key.written for key in found), ""),
        enabled=enabled,
        constant=constant,
        order=order,
        weight=weight,
        ignore_budget=flag(values["ignore_budget"], False),
        place=_picked(_PLACES, values["position"], Place.AFTER),
        depth=whole(values["depth"], 4),
        role=_role(values["role"]),
        outlet=text(values["outlet"]).strip(),
        probability=max(0.0, min(100.0, chance)),
        scan_depth=maybe_whole(values["scan_depth"]),
        case_sensitive=maybe_flag(values["case_sensitive"]),
        whole_words=maybe_flag(values["whole_words"]),
        recursion=_recursion(values),
        timing=Timing(whole(values["sticky"], 0), whole(values["cooldown"], 0), whole(values["delay"], 0)),
        group=_group(values),
        filter=_filter(values),
        sources=frozenset(name for name in SOURCES if flag(values[f"match_{name}"], False)),
        findings=tuple(_unused(values)),
    )
    return decorate(entry, bare=bare)


def _picked(choices: tuple[Any, ...], value: Any, default: Any) -> Any:
    at = maybe_whole(value)
    return choices[at] if at is not None and at < len(choices) else default


def _role(value: Any) -> str:
    if isinstance(value, str) and value.lower() in ROLES:
        return value.lower()
    return str(_picked(ROLES, value, "system"))


def _recursion(values: Mapping[str, Any]) -> Recursion:
    level = values["delay_until_recursion"]
    return Recursion(
        prevent=flag(values["prevent_recursion"], False),
        exclude=flag(values["exclude_recursion"], False),
        level=int(level) if isinstance(level, bool) else whole(level, int(flag(level, False))),
    )


def _group(values: Mapping[str, Any]) -> Group:
    return Group(
        names=tuple(dict.fromkeys(name.strip() for name in text(values["group"]).split(",") if name.strip())),
        override=flag(values["group_override"], False),
        weight=max(0.0, number(values["group_weight"], 100)),
        scoring=flag(values["group_scoring"], False),
    )


def _filter(values: Mapping[str, Any]) -> Filter:
    wanted = table(values["filter"])
    return Filter(
        names=frozenset(map(fold, texts(wanted.get("names")))),
        tags=frozenset(map(fold, texts(wanted.get("tags")))),
        exclude=flag(wanted.get("isExclude", wanted.get("is_exclude")), False),
        triggers=frozenset(name.lower() for name in texts(values["triggers"])),
    )


def _unused(values: Mapping[str, Any]) -> Iterable[Finding]:
    if flag(values["vectorized"], False):
        yield Finding("note", "vectorized", "is not used: entries awaken by their keys, not by likeness of meaning")
    if text(values["automation"]).strip():
        yield Finding("note", "automation_id", "is not used: there are no scripts to run")
