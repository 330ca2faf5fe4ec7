"""Tells administrators about persona files that were saved broken, and when they are in order again.

The cast tells the log at once; this is the same for people who read no log: one message in `[bot] admin_channel`. What
is wrong with a file is the cast's to say.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import discord

from bot.voices import Room

log = logging.getLogger(__name__)

EVERY = 2.0  # seconds between two looks at the disk
LONGEST = 1900  # characters of one message; Discord takes 2,000


class Tidings:
    """What an administrator has not been told yet. It knows words and folders only."""

    def __init__(self) -> None:
        self._seen: dict[Path, str] = {}  # at the look before: editors save in two steps, and the first may be broken
        self._told: dict[Path, str] = {}

    def of(self, troubles: dict[Path, str]) -> list[str]:
        """A sentence for each folder that is newly broken for two looks in a row, and for each that is well again."""
        lines = []
        for folder in [folder for folder in self._told if folder not in troubles]:
            del self._told[folder]
            lines.append(f"✅ **{_plain(folder.name)}** {'is in order again' if folder.is_dir() else 'is gone'}.")
        for folder, says in troubles.items():
            if self._seen.get(folder) == says and self._told.get(folder) != says:
                self._told[folder] = says
                lines.append(f"⚠️ **{_plain(folder.name)}**: {_plain(says)}.")
        self._seen = dict(troubles)
        return lines


class Herald:
    """Looks at the personas for as long as the bot runs.

    Args:
        channel: an id, or a name that only one channel of all servers has; "" = nobody is told, but the log is.
        troubles: asks the cast; see Cast.troubles.
    """

    def __init__(self, client: discord.Client, channel: str, troubles: Callable[[], dict[Path, str]]) -> None:
        self._client, self._channel, self._troubles = client, channel, troubles
        self._tidings = Tidings()

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            lines = self._tidings.of(self._troubles())
            if lines and self._channel:
                await self._tell(lines)
            await asyncio.sleep(EVERY)

    async def _tell(self, lines: list[str]) -> None:
        try:
            room = await self._room()
            if room is None:
                log.warning("no channel is called %r ([bot] admin_channel), or several are: set its id", self._channel)
                return
            await room.send(_shortened(lines))
        except discord.HTTPException as error:
            log.warning("the admin channel %s cannot be told: %s", self._channel, error)

    async def _room(self) -> Room | None:
        if self._channel.isdecimal():
            number = int(self._channel)
            found = self._client.get_channel(number) or await self._client.fetch_channel(number)
            return found if isinstance(found, Room) else None
        named = [room for room in self._client.get_all_channels() if room.name == self._channel.removeprefix("#")]
        return named[0] if len(named) == 1 and isinstance(named[0], Room) else None


def _shortened(lines: list[str]) -> str:
    """As many lines as one message takes."""
    text, left = "", len(lines)
    for line in lines:
        line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
        if len(text) + len(line) > LONGEST:
            break
        text, left = f"{text}{line}\n", left - 1
    return f"{text}… and {left} more; the log has them." if left else text


def _plain(text: str) -> str:
    """Words that Discord shows as they are written."""
    return discord.utils.escape_markdown(text)
