"""Values of a stranger's JSON, taken for what was meant: numbers in quotes, one text where a list should be, null.

Nothing here raises: what cannot be understood is the default.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

MOST = 1_000_000.0  # of any number; more is not meant


def text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)


def number(value: Any, default: float) -> float:
    """A finite number between -MOST and MOST."""
    try:
        found = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    return max(-MOST, min(MOST, found)) if not math.isnan(found) else default


def whole(value: Any, default: int) -> int:
    """A whole number, 0 or more."""
    return max(0, int(number(value, default)))


def maybe_whole(value: Any) -> int | None:
    """A whole number, 0 or more; None where there is no number."""
    found = number(value, math.inf)
    return max(0, int(found)) if math.isfinite(found) else None


def flag(value: Any, default: bool) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1", "yes", "on") if value.strip() else default
    return bool(value) if isinstance(value, bool | int | float) else default


def maybe_flag(value: Any) -> bool | None:
    return None if value is None else flag(value, False)


def texts(value: Any) -> tuple[str, ...]:
    """A list's texts; of one text, its parts between commas, as older programs wrote lists of keys."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(text(part) for part in value) if isinstance(value, list | tuple) else ()


def table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Entries with their place in the file: of a list, or of an object whose names are numbers (SillyTavern)."""
    pairs: Collection[tuple[Any, Any]] = ()
    if isinstance(value, list):
        pairs = list(enumerate(value))
    elif isinstance(value, dict):
        pairs = list(value.items())
    return [(str(name), row) for name, row in pairs if isinstance(row, dict)]
