"""Snowflakes: Discord's 64-bit ids, which carry the time they were made at."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

DISCORD_EPOCH = 1_420_070_400_000  # ms, 2015-01-01


def snowflake_at(unix_seconds: float) -> int:
    """The smallest id of that moment."""
    return (int(unix_seconds * 1000) - DISCORD_EPOCH) << 22


def seconds_of(snowflake: int) -> float:
    """Unix time in seconds at which an id was made."""
    return ((snowflake >> 22) + DISCORD_EPOCH) / 1000


def iso(unix_seconds: float) -> str:
    """ISO 8601 in UTC with microseconds, as every timestamp of the API."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="microseconds")


class Snowflakes:
    """Hands out ids that only ever grow, even when the clock steps back or the world was loaded from a file."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        self._last = max(self._last + 1, snowflake_at(self._clock()))
        return self._last

    def seen(self, snowflake: int) -> None:
        """Ids handed out later will be larger than this one."""
        self._last = max(self._last, snowflake)
