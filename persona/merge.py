"""What a community's card says in the words of persona.toml.

values_of    a card's fields under the keys of persona.toml; what the admin writes there wins over them
MAPPED       which field became which key, for the way back (persona/cardwrite.py)
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from persona.character import Character

STEM = "card"
SUFFIXES = (".png", ".charx", ".json", ".webp", ".jpg", ".jpeg", ".yaml", ".yml", ".toml")  # the earlier one counts
OWN = "mien"  # the table in a card's extensions that holds what only Mien knows
MAPPED = {  # key of persona.toml -> field of a card
    "name": "name",
    "nickname": "nickname",
    "description": "description",
    "personality": "personality",
    "scenario": "scenario",
    "greeting": "first_mes",
    "greetings": "alternate_greetings",
    "group_greetings": "group_only_greetings",
    "dialogue": "mes_example",
    "system_prompt": "system_prompt",
    "post_history": "post_history_instructions",
}


def card_file(folder: Path) -> Path | None:
    """The community's card in a persona's folder; None where there is none."""
    return next((file for suffix in SUFFIXES if (file := folder / f"{STEM}{suffix}").is_file()), None)


def values_of(character: Character) -> dict[str, Any]:
    """The card's fields as values of persona.toml; what it does not say is not there, the description always."""
    fields = {key: getattr(character, field) for key, field in MAPPED.items()}
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in fields.items() if value}
    values.setdefault("description", "")
    if character.depth_prompt is not None:
        values["note"] = asdict(character.depth_prompt)
    if character.talkativeness is not None:
        values["talkativeness"] = character.talkativeness
    return values


def own_values(character: Character) -> Mapping[str, Any]:
    """What an export of Mien's wrote into the card besides; a stranger may have written anything there."""
    data = character.raw.get("data")
    extensions = data.get("extensions") if isinstance(data, dict) else None
    own = extensions.get(OWN) if isinstance(extensions, dict) else None
    return own if isinstance(own, dict) else {}
