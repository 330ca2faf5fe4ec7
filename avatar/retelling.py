"""A conversation's moods in words: what the picture of `/mood` says, for those who hear it read.

No message is quoted: what members wrote is theirs to delete.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from emotion.labels import NEUTRAL
from emotion.mood import Mood

if TYPE_CHECKING:
    from emotion.mood import Moment

LONGEST = 1024  # characters: Discord's limit for the description of an attachment
LONGEST_NAME = 80
STATIONS = 8  # changes of feeling that are told
FAINT = 0.06  # share of a mood below which an emotion is not worth a word


def in_words(moments: Sequence["Moment"], *, name: str, felt: Mood | None = None) -> str:
    """The whole picture: what is felt now, how it came to that, which faces were worn; at most LONGEST characters.

    moments: oldest first, none will do. name: the character's. felt: the mood of now, if not that of the last moment.
    """
    if not moments:
        told = now(_short(name), felt or Mood.neutral())
        return f"{told}." if felt and felt.leading != NEUTRAL else f"{told}: nothing was said here yet."
    runs = [list(run) for _, run in groupby(moments, key=lambda moment: moment.mood.leading)]
    worn = [face for face, _ in groupby(moment.expression for moment in moments if moment.expression)]
    faces = f" Faces worn: {', '.join(worn[-STATIONS:])}." if worn else ""
    told = f"{now(_short(name), felt or moments[-1].mood)}. {_journey(moments, runs[-STATIONS:])}{faces}"
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"


def now(name: str, mood: Mood) -> str:
    """What is felt now: "Marigold feels anger, with sadness and some annoyance"."""
    verb = "is" if mood.leading == NEUTRAL else "feels"
    return ", ".join(part for part in (f"{name} {verb} {feeling(mood.leading)}", beside(mood)) if part)


def beside(mood: Mood) -> str:
    """What is felt beside the leading emotion: "with sadness and some annoyance"; "" for nothing."""
    rest = [name for name, share in mood.strongest(4) if name not in (mood.leading, NEUTRAL) and share >= FAINT]
    strong = [name if mood.share(name) >= mood.share(mood.leading) / 2 else f"some {name}" for name in rest[:2]]
    return f"with {' and '.join(strong)}" if strong else ""


def feeling(emotion: str) -> str:
    """An emotion as a sentence names it."""
    return "calm" if emotion == NEUTRAL else emotion


def lasted(seconds: float) -> str:
    """A stretch of time as people say it: "11 minutes", "3 hours", "2 days"; "" for less than a minute."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = round(seconds / length)
            return f"{count} {unit}" + "s" * (count > 1)
    return ""


def _journey(moments: Sequence["Moment"], runs: Sequence[Sequence["Moment"]]) -> str:
    """How the leading feeling changed: "In the last 8 turns (5 minutes): calm, anger after Jo spoke, sadness."."""
    turns = "turn" if len(moments) == 1 else f"{len(moments)} turns"
    time = lasted(moments[-1].at - moments[0].at)
    stations = [feeling(runs[0][0].mood.leading), *(_station(run[0]) for run in runs[1:])]
    return f"In the last {turns}{f' ({time})' if time else ''}: {', then '.join(stations)}."


def _station(first: "Moment") -> str:
    cause = "" if first.own else f" after {_short(first.name)} spoke"
    return feeling(first.mood.leading) + cause


def _short(name: str) -> str:
    """A name on one line, of at most LONGEST_NAME characters."""
    line = " ".join(name.split())
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…"
