"""`mien feel --dialogue FILE`: a written conversation as a persona would feel it, line by line.

What it prints is what a channel would see: the same reader, the same mood, the face that this mood alone would put on.
Nothing is remembered, and the language model is not asked.
"""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avatar.expression import worn_by
from avatar.retelling import beside, feeling
from bot.compose import open_classifier
from bot.errors import MienError
from bot.feeling import after, read, settings_of
from bot.settings import load_settings
from bot.transcript import Line, transcript
from emotion.labels import EMOTIONS
from emotion.mood import Mood, Reading
from emotion.motion import MoodSettings
from emotion.window import TURNS
from persona.card import Card, load_persona
from persona.turn import Role, Turn

if TYPE_CHECKING:
    from emotion.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Felt:
    """A line with what was read from it, the mood after it, and the expression worn then."""

    line: Line
    reading: Reading
    mood: Mood
    expression: str


async def rehearse(options: argparse.Namespace) -> int:
    """Every line of --dialogue, as soon as it is felt."""
    settings = load_settings(options.config)
    persona = load_persona(options.persona or settings.bot.persona, settings.bot.persona_roots())
    lines = list(transcript(_text(options.dialogue), persona.card.name, str(options.dialogue)))
    moving = settings_of(persona.card, MoodSettings(**settings.mood.model_dump()))
    async with open_classifier(settings) as classifier:
        async for felt in felt_by(classifier, persona.card, lines, moving, settings.direction.stay):
            heard = classifier.labels(felt.reading.said)
            told = json.dumps(_facts(felt, heard)) if options.json else _told(felt, persona.card.name, heard)
            encoding = sys.stdout.encoding or "utf-8"
            print(told.encode(encoding, errors="replace").decode(encoding), flush=True)
    return 0


async def felt_by(
    classifier: "Classifier", card: Card, lines: Iterable[Line], settings: MoodSettings, stay: float
) -> AsyncIterator[Felt]:
    """What a character feels after each line. Its face changes when others speak, for its next reply."""
    turns, mood, worn = list[Turn](), Mood.neutral(), card.neutral
    for line in lines:
        if line.begins:
            turns, mood, worn = [], Mood.neutral(), card.neutral
        turns.append(Turn(Role.CHARACTER if line.own else Role.USER, line.name, line.text, line.at))
        reading = await read(classifier, turns[-TURNS:], card.name)
        mood = after(mood, turns[-1], reading, settings)
        worn = worn if line.own else worn_by(card, mood, worn, stay)
        yield Felt(line, reading, mood, worn)


def _text(file: Path) -> str:
    """A file's text, "-" is standard input; bytes that are no UTF-8 become replacement characters."""
    if str(file) != "-":
        return file.read_bytes().decode("utf-8", errors="replace")
    if sys.stdin is None:
        raise MienError("Standard input is closed: name the file of the dialogue.")
    return sys.stdin.buffer.read().decode("utf-8", errors="replace")


def _facts(felt: Felt, heard: list[str]) -> dict[str, Any]:
    def table(shares: Iterable[float]) -> dict[str, float]:
        return {name: round(share, 4) for name, share in zip(EMOTIONS, shares, strict=True)}

    mood = felt.mood
    return {"name": felt.line.name, "text": felt.line.text, "own": felt.line.own, "labels": heard} | {
        "said": table(felt.reading.said),
        "felt": table(felt.reading.felt),
        "mood": table(mood.weights),
        "leading": mood.leading,
        "valence": round(mood.valence, 3),
        "arousal": round(mood.arousal, 3),
        "expression": felt.expression,
    }


def _told(felt: Felt, character: str, heard: list[str]) -> str:
    """Two lines: what was said, and what came of it."""
    sounds = ", ".join(feeling(name) for name in heard[:3]) or "nothing much"
    share = felt.mood.share(felt.mood.leading)
    mood = " ".join(part for part in (f"{feeling(felt.mood.leading)} ({share:.0%})", beside(felt.mood)) if part)
    return (
        f"{felt.line.name}: {felt.line.text}\n"
        f"    sounds like {sounds}; {character} feels {mood}, and looks {felt.expression}"
    )
