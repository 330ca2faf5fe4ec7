"""The faces of a character that brings none: one for each of the 28 GoEmotions labels (defaults.toml).

A card of the community says nothing about faces, and yet it is a complete persona with these.
"""

import tomllib
from functools import cache
from pathlib import Path

from persona.expression import Expression


def defaults(name: str) -> dict[str, Expression]:
    """Expressions for the character `name`, by label, neutral first; each is led to by its own feeling alone."""
    return {
        label: Expression.model_validate(table | {"manner": table["manner"].replace("{name}", name)})
        for label, table in _tables().items()
    }


@cache
def _tables() -> dict[str, dict[str, str]]:
    """What the file holds: label -> emotions, prompt, manner."""
    text = (Path(__file__).parent / "defaults.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = tomllib.loads(text)
    return tables
