"""Takes a JSON schema as llguidance can, and says in one sentence why it cannot.

A schema is read by the JSON Schema standard, but properties come in the schema's own order, and white space between
values is at most SPACES long (a small model may otherwise never stop writing it). A keyword that text cannot be held to
while it is written is refused by name.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from inference.grammar.parts import GrammarError

SPACES = 64
OPTIONS = {"whitespace_pattern": rf"[ \t\r\n]{{1,{SPACES}}}", "json_allow_general_unicode_escapes": True}
UNCHECKED = "uniqueItems"  # no grammar can hold text to it; it is common in schemas, so it is reported, not refused
ONE = ("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then")
SEVERAL = ("allOf", "anyOf", "items", "oneOf", "prefixItems")
NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")


def as_lark(schema: Any) -> tuple[str, tuple[str, ...]]:
    """A JSON schema (or the JSON text of one) in llguidance's Lark, and the places of what it will not be held to.

    Raises GrammarError.
    """
    read = _read(schema)
    places = tuple(place for place, inner in subschemas(read) if isinstance(inner, dict) and inner.get(UNCHECKED))
    held = _without_unchecked(read)
    if problem := _problem(held):
        raise GrammarError(_sentence(problem, held))
    options = {"x-guidance": OPTIONS}
    return f"start: %json {json.dumps({**held, **options} if isinstance(held, dict) else options)}\n", places


def subschemas(schema: Any, place: str = "#") -> Iterator[tuple[str, Any]]:
    """A schema and every schema in it, each with its place as a JSON pointer; outer ones first."""
    yield place, schema
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if key in ONE and isinstance(value, dict | bool):
            yield from subschemas(value, f"{place}/{key}")
        elif key in SEVERAL and isinstance(value, list):
            for number, inner in enumerate(value):
                yield from subschemas(inner, f"{place}/{key}/{number}")
        elif key in NAMED and isinstance(value, dict):
            for name, inner in value.items():
                yield from subschemas(inner, f"{place}/{key}/{name.replace('~', '~0').replace('/', '~1')}")


def _read(schema: Any) -> Any:
    """The schema as Python's json gives it, made of copies."""
    try:
        read = json.loads(schema if isinstance(schema, str | bytes) else json.dumps(schema, allow_nan=False))
    except json.JSONDecodeError as error:
        where = f"Line {error.lineno}, column {error.colno}"
        raise GrammarError(f"{where}: the JSON schema is no JSON ({error.msg[0].lower()}{error.msg[1:]}).") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise GrammarError(f"The JSON schema is no JSON: {error}.") from error
    if not isinstance(read, dict | bool):
        raise GrammarError("A JSON schema is an object, true or false.")
    return read


def _without_unchecked(schema: Any) -> Any:
    """The same schema, changed in place, without the keyword that is not checked."""
    for _, inner in subschemas(schema):
        if isinstance(inner, dict) and isinstance(inner.get(UNCHECKED), bool):
            del inner[UNCHECKED]
    return schema


def _problem(schema: Any) -> str:
    """What llguidance has against a schema; "" where it has nothing."""
    from llguidance import LLMatcher

    return LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(json.dumps(schema)))


def _sentence(problem: str, schema: Any) -> str:
    """One sentence of llguidance's message, with the innermost place in the schema that it is about."""
    about = "#"
    shared = {key: schema[key] for key in ("$defs", "definitions") if isinstance(schema, dict) and key in schema}
    for place, inner in subschemas(schema):
        if isinstance(inner, dict) and place.startswith(about) and _problem({**shared, **inner}) == problem:
            about = place
    where = f"The JSON schema at {about}" if about != "#" else "The JSON schema"
    if found := re.fullmatch(r"Unimplemented keys: \[(.*)\]", problem):
        keys = found[1].replace('"', "`")
        return f"{where} has {keys}, which text cannot be held to while it is written: leave that out."
    if problem.startswith("regex parse error"):
        reason = problem.rpartition("error: ")[2]
        return f"{where} has a pattern that is no regular expression: {reason}."
    if problem.startswith("oneOf"):
        return f"{where} has a `oneOf` whose alternatives overlap, which cannot be told apart: say `anyOf`."
    if found := re.fullmatch(r"Unsatisfiable schema: (.*)", problem, re.DOTALL):
        return f"{where} can never be satisfied: {' '.join(found[1].split())}."
    return f"{where} cannot be used: {' '.join(problem.split()).rstrip('.')}."
