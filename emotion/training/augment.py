"""The same message as somebody else would have typed it: typos, lost words, other punctuation, two messages in one.

GoEmotions' texts are Reddit comments; members of a server type faster and split and join their thoughts. Every epoch
sees most texts as they are and some of them changed, always by the same dice.
"""

import random

import torch
from torch import Tensor

from emotion.labels import INDEX, NEUTRAL
from emotion.training.corpus import Corpus, named

CHANGED = 0.2  # of all texts, each in one way
JOINED = 0.04  # of all texts get another one behind them
LOST_WORDS = 0.12  # of a text that loses words


def varied(corpus: Corpus, targets: Tensor, dice: random.Random) -> tuple[list[str], Tensor]:
    """One epoch's texts and their targets (n, 28): names for [NAME], some texts changed, some joined with another."""
    texts = [changed(named(text, dice), dice) for text in corpus.texts]
    targets = targets.clone()
    for i in range(len(texts)):
        if dice.random() < JOINED:
            other = dice.randrange(len(texts))
            texts[i] = f"{texts[i]} {corpus.texts[other]}"
            targets[i] = united(targets[i], targets[other])
    return texts, targets


def united(first: Tensor, second: Tensor) -> Tensor:
    """Targets (28,) of two messages in one: what either holds; neutral only as far as both are."""
    both = torch.maximum(first, second)
    neutral = INDEX[NEUTRAL]
    both[neutral] = torch.minimum(first[neutral], second[neutral])
    return both


def changed(text: str, dice: random.Random) -> str:
    """The text, or with the odds of CHANGED a version of it that says the same."""
    if dice.random() >= CHANGED:
        return text
    return dice.choice((_mistyped, _shortened, _unpunctuated, _louder))(text, dice)


def _mistyped(text: str, dice: random.Random) -> str:
    """Two neighbouring letters swapped, or one lost or doubled, in one of the words."""
    places = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if not places:
        return text
    i = dice.choice(places)
    middle = dice.choice((text[i + 1] + text[i], text[i + 1], text[i] * 2 + text[i + 1]))
    return text[:i] + middle + text[i + 2 :]


def _shortened(text: str, dice: random.Random) -> str:
    words = text.split()
    kept = [word for word in words if dice.random() >= LOST_WORDS]
    return " ".join(kept) if len(words) > 4 and kept else text


def _unpunctuated(text: str, dice: random.Random) -> str:
    return text.translate({ord(mark): None for mark in ".,;:'\""}) if dice.random() < 0.5 else text.rstrip(".!")


def _louder(text: str, dice: random.Random) -> str:
    return (
        text.rstrip(".!") + dice.choice(("!", "!!", "!!!", "...")) if text[-1:].isalpha() or text[-1:] in ".!" else text
    )
