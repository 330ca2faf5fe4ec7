"""GoEmotions as training material: texts, 28-column truths, names instead of placeholders, batches of like length."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from emotion.labels import EMOTIONS
from emotion.wording import SOMEONE, readable

# The corpus writes every person as [NAME]; members will write real ones. Half of the placeholders become one of these.
NAMES = tuple(
    """
    Anna Tom Maria James Aisha Chen Sofia Omar Emma David Priya Lucas Yuki Sam Olga Ben Fatima Jack Nina Diego
    Marigold Leo Zoe Ivan Grace Noah Mei Karl Rosa Alex Ella Hugo Amir Lily Max Ingrid Pedro Ruby Kofi Clara Finn Luna
    Victor Hannah
    """.split()  # noqa: SIM905 (a page of quoted names would be harder to read)
)


@dataclass(frozen=True)
class Corpus:
    """Texts as the classifier will read them, and their truths (n, 28) float32 of 0 and 1."""

    texts: list[str]
    truth: Tensor

    def __len__(self) -> int:
        return len(self.texts)


def read(file: Path, without: frozenset[str] = frozenset()) -> Corpus:
    """A GoEmotions table: text TAB label ids by comma TAB comment id; rows with a text of `without` are dropped."""
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line.count("\t") == 2]
    rows = [row for row in rows if row[0] not in without]
    truth = torch.zeros(len(rows), len(EMOTIONS))
    for i, (_, labels, _) in enumerate(rows):
        truth[i, [int(label) for label in labels.split(",")]] = 1
    return Corpus([readable(text) for text, _, _ in rows], truth)


def raw_texts(file: Path) -> frozenset[str]:
    """The texts of a table as they stand, to keep what is judged out of what is learned."""
    return frozenset(line.split("\t")[0] for line in file.read_text(encoding="utf-8").splitlines())


def named(text: str, dice: random.Random) -> str:
    """The text with each [NAME] kept or, as often, replaced by a first name."""
    head, *rest = text.split(SOMEONE)
    return head + "".join((dice.choice(NAMES) if dice.random() < 0.5 else SOMEONE) + part for part in rest)


def batches(rows: Sequence[Sequence[int]], size: int, dice: random.Random) -> Iterator[list[int]]:
    """Indices of all rows once, in batches of like length (little padding) that come in random order."""
    order = list(range(len(rows)))
    dice.shuffle(order)
    pool = 50 * size  # sorting inside pools only keeps batches mixed in everything but length
    sorted_pools = [sorted(order[i : i + pool], key=lambda n: len(rows[n])) for i in range(0, len(order), pool)]
    joined = [n for part in sorted_pools for n in part]
    cut = [joined[i : i + size] for i in range(0, len(joined), size)]
    dice.shuffle(cut)
    yield from cut
