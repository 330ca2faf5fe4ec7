"""The words for each feeling that the starter painter was taught with (prompts.toml). No torch, no pictures."""

import tomllib
from pathlib import Path


def prompts() -> dict[str, list[str]]:
    """label -> twelve phrasings, the canonical one first."""
    text = (Path(__file__).parent / "prompts.toml").read_text(encoding="utf-8")
    return {label: list(phrasings) for label, phrasings in tomllib.loads(text).items()}
