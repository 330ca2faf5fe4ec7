"""Lines of the dialogues written for this project, as training material: how each sounds by itself.

GoEmotions knows Reddit; "I got the job!", "BOO!" and "*hugs you*" are what members of a server write. Every fifth
dialogue of a file is kept out, to be judged on.
"""

from pathlib import Path

import torch

from emotion.dialogue import Dialogue, read
from emotion.labels import EMOTIONS, INDEX
from emotion.training.corpus import Corpus
from emotion.wording import readable

FOLDER = Path(__file__).parents[1] / "dialogues"
KEPT_OUT = 5  # one dialogue in so many


def lines(folder: Path = FOLDER) -> tuple[Corpus, Corpus]:
    """(lines to learn from, lines to judge on) of all scripts of a folder, whole dialogues on either side."""
    learned: list[Dialogue] = []
    kept: list[Dialogue] = []
    for file in sorted(folder.glob("*.txt")):
        for number, dialogue in enumerate(read(file), 1):
            (learned if number % KEPT_OUT else kept).append(dialogue)
    return _corpus(learned), _corpus(kept)


def _corpus(dialogues: list[Dialogue]) -> Corpus:
    texts: dict[str, tuple[str, ...]] = {}
    for dialogue in dialogues:
        for line in dialogue.lines:
            if line.said and (text := readable(line.text)):
                texts.setdefault(text, line.said)
    truth = torch.zeros(len(texts), len(EMOTIONS))
    for row, said in zip(truth, texts.values(), strict=True):
        row[[INDEX[label] for label in said]] = 1
    return Corpus(list(texts), truth)
