"""What the reader learns from: windows of turns, and what the character feels after the last of them.

Every line of a dialogue is an example, read with the lines before it. GoEmotions' messages are examples, too, of one
turn: what a listener feels is reckoned from their labels by `answers`. They keep the reader from forgetting the many
ways to say a thing, of which the dialogues hold few, and that most messages leave one calm.
"""

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from emotion.appraisal import appraise
from emotion.dialogue import Dialogue, Line, read
from emotion.labels import EMOTIONS, INDEX, NEUTRAL
from emotion.training.corpus import NAMES, Corpus, named
from emotion.window import Heard, around
from persona.turn import Role, Turn

SHARES = (0.55, 0.27, 0.18)  # of the first, second and third label of a line, in proportion
UNJUDGED = torch.zeros(len(EMOTIONS))
OWN = 0.25  # share of GoEmotions' messages that the character says itself
FEELING = 0.8  # share of them that are not neutral; of the whole corpus half are
TABLE = 8.0  # lines that a row of emotion/appraisal.py counts for in `answers`


@dataclass(frozen=True)
class Script:
    """A dialogue and what the file it stands in is about."""

    theme: str
    dialogue: Dialogue

    @property
    def held_out(self) -> bool:
        """Is it for judging? By the character's name, so that nobody is learned from and judged on."""
        return hashlib.sha256(self.dialogue.character.encode()).digest()[0] % 5 == 0


@dataclass(frozen=True)
class Example:
    """`felt`, and `said` if a writer judged that: (28,) float32 shares that sum to 1. `line`: as it was written."""

    window: Sequence[Heard]
    felt: Tensor
    said: Tensor = UNJUDGED
    weight: float = 1.0
    line: Line | None = None
    theme: str = ""


def scripts(folder: Path) -> list[Script]:
    """All dialogues of a folder's *.txt files, by file name; in `w1_good_news.txt` the theme is “good news”."""
    files = sorted(folder.glob("*.txt"))
    themes = [re.sub(r"^w\d+_", "", file.stem).replace("_", " ") for file in files]
    return [Script(theme, dialogue) for theme, file in zip(themes, files, strict=True) for dialogue in read(file)]


def examples(script: Script) -> list[Example]:
    """One for each line, in order."""
    lines = script.dialogue.lines
    turns = [_turn(line, minute) for minute, line in enumerate(lines)]
    windows = [around(turns[: i + 1], script.dialogue.character) for i in range(len(lines))]
    return [_read(window, line, script.theme) for window, line in zip(windows, lines, strict=True)]


def shares(felt: Sequence[str]) -> Tensor:
    """One to three labels, best first, as (28,) shares."""
    weights = torch.zeros(len(EMOTIONS))
    for label, share in zip(felt, SHARES, strict=False):
        weights[INDEX[label]] += share
    return weights / weights.sum()


def after_calm(example: Example, calm: Sequence[str], dice: random.Random) -> Example:
    """The same example with one or two of the messages `calm` in front, which change nothing."""
    window = list(example.window)
    name = dice.choice(NAMES) if window[0].own else window[0].name
    for _ in range(dice.randint(1, 2)):
        window.insert(0, Heard(named(dice.choice(calm), dice), dice.random() < 0.4, name))
    return replace(example, window=window)


def answers(dialogues: Sequence[Dialogue]) -> Tensor:
    """(28, 28): row i is what the characters felt when others' words sounded like emotion i, in shares.

    Counted over the lines of others, beside the table of `appraise`, which settles what is rarely or never said.
    """
    table = torch.tensor([appraise([float(name == said) for name in EMOTIONS]) for said in EMOTIONS])
    counts = TABLE * table
    for line in (line for dialogue in dialogues for line in dialogue.lines if not line.own):
        for said in line.said:
            counts[INDEX[said]] += shares(line.felt) / len(line.said)
    return counts / counts.sum(1, keepdim=True)


def messages(corpus: Corpus, listener: Tensor, count: int, dice: random.Random, weight: float) -> list[Example]:
    """`count` examples of one turn, drawn from GoEmotions; `listener` is what `answers` says."""
    moved = (corpus.truth[:, INDEX[NEUTRAL]] == 0).nonzero().flatten().tolist()
    return [_message(corpus, listener, moved, dice, weight) for _ in range(count)]


def _message(corpus: Corpus, listener: Tensor, moved: list[int], dice: random.Random, weight: float) -> Example:
    n = dice.choice(moved) if dice.random() < FEELING else dice.randrange(len(corpus))
    own = dice.random() < OWN
    said = corpus.truth[n] / corpus.truth[n].sum()
    heard = Heard(named(corpus.texts[n], dice), own, dice.choice(NAMES))
    return Example([heard], said if own else said @ listener, weight=weight)


def renamed(example: Example, dice: random.Random) -> Example:
    """The same example with other first names for all but the character, as far as they are longer than two letters."""
    window = list(example.window)
    for name in sorted({turn.name for turn in window if not turn.own and len(turn.name) > 2}):
        other, called = dice.choice(NAMES), re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
        window = [
            replace(turn, text=called.sub(other, turn.text), name=other if turn.name == name else turn.name)
            for turn in window
        ]
    return replace(example, window=window)


def _read(window: Sequence[Heard], line: Line, theme: str) -> Example:
    said = shares(line.said) if line.said else UNJUDGED
    return Example(window, shares(line.felt), said, line=line, theme=theme)


def _turn(line: Line, minute: int) -> Turn:
    return Turn(Role.CHARACTER if line.own else Role.USER, line.name, line.text, 60.0 * minute)
