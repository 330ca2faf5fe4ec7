"""Dialogues as the bot would feel them: what is read from every line, the mood after it, the face it wears.

For the benches that judge and tune the mood. One line is one turn, a minute after the one before.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avatar.expression import leads_to, worn_by
from bot.feeling import Feels, after, read
from emotion.dialogue import Dialogue, Line
from emotion.labels import EMOTIONS
from emotion.mood import Mood, Reading
from emotion.motion import MoodSettings
from persona.card import Card, load_persona
from persona.turn import Role, Turn

ROOT = Path(__file__).resolve().parents[1]
JUDGED_ON = ROOT / "bench" / "dialogues"
PERSONAS = ("marigold", "bram", "juno")
SECONDS = 60.0  # between two lines


@dataclass(frozen=True)
class Scene:
    """A dialogue with what was read from each of its lines."""

    dialogue: Dialogue
    readings: Sequence[Reading]

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.dialogue.lines

    def moods(self, settings: MoodSettings) -> list[Mood]:
        """The mood after each line."""
        mood, moods = Mood.neutral(), []
        for turn, reading in zip(turns(self.dialogue), self.readings, strict=True):
            mood = after(mood, turn, reading, settings)
            moods.append(mood)
        return moods


def turns(dialogue: Dialogue) -> list[Turn]:
    """The lines as the history keeps them."""
    return [
        Turn(Role.CHARACTER if line.own else Role.USER, line.name, line.text, SECONDS * number)
        for number, line in enumerate(dialogue.lines, start=1)
    ]


async def felt(classifier: Feels, dialogues: Sequence[Dialogue]) -> list[Scene]:
    """Every line read as it is when it arrives: by itself, and with those before it."""
    scenes = []
    for dialogue in dialogues:
        said = turns(dialogue)
        windows = [said[: number + 1] for number in range(len(said))]
        scenes.append(Scene(dialogue, [await read(classifier, window, dialogue.character) for window in windows]))
    return scenes


def cards() -> dict[str, Card]:
    """Those of the personas that come with Mien."""
    return {slug: load_persona(slug, [ROOT / "personas"]).card for slug in PERSONAS}


def faces(card: Card, moods: Sequence[Mood], lines: Sequence[Line]) -> list[str]:
    """The expression after each line, where the mood alone decides. It changes when others speak, for the reply."""
    worn, seen = card.neutral, []
    for mood, line in zip(moods, lines, strict=True):
        worn = worn if line.own else worn_by(card, mood, worn)
        seen.append(worn)
    return seen


def fitting(card: Card, felt: Sequence[str]) -> set[str]:
    """The expressions that show one of some emotions: of each, those it leads to most."""
    found: set[str] = set()
    for emotion in felt:
        leads = leads_to(card, emotion)
        found |= {name for name, weight in leads.items() if weight == max(leads.values())}
    return found


def changes(seen: Sequence[str]) -> int:
    """How often it changed."""
    return sum(before != now for before, now in itertools.pairwise(seen))


def top(shares: Sequence[float]) -> str:
    """The emotion there is most of."""
    return EMOTIONS[max(range(len(EMOTIONS)), key=shares.__getitem__)]
