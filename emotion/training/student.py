"""The network that is shipped: a teacher that learns on, from the labels, all teachers, and lines written here."""

import random
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from emotion.encoder import padded
from emotion.network import EmotionNet
from emotion.tokens import token_rows
from emotion.training.augment import varied
from emotion.training.corpus import Corpus
from emotion.training.fit import Lesson, Teach, fit, weighed
from emotion.training.teacher import presence

EPOCHS = 2
PEAK_RATE = 5e-5
HEARD = 0.5  # share of the teachers' opinion in a target


def student(
    net: EmotionNet, tokenizer: Tokenizer, train: Corpus, lines: Corpus, opinions: Tensor, file: Path, seed: int
) -> EmotionNet:
    """Train `net` on in place and keep it in `file`; if that is there already, it is read instead.

    train: GoEmotions, with the teachers' `opinions` (n, 28) of it; lines: our own, with labels alone.
    """
    if file.is_file():
        net.load_state_dict(load_file(file))
        return net.eval()
    fit(
        net,
        net.encoder,
        lambda rows: net(*padded(rows)),
        lessons(train, lines, opinions, tokenizer, seed),
        weighed(presence(train)),
        epochs=EPOCHS,
        rate=PEAK_RATE,
        seed=seed,
        checkpoint=file.with_suffix(".checkpoint"),
        name="student",
    )
    save_file(net.state_dict(), file)
    return net


def lessons(train: Corpus, lines: Corpus, opinions: Tensor, tokenizer: Tokenizer, seed: int) -> Teach:
    """What each epoch shows: every text once, names and some words changed by the epoch's own dice."""
    both = Corpus(train.texts + lines.texts, torch.cat([train.truth, lines.truth]))
    targets = torch.cat([(1 - HEARD) * train.truth + HEARD * opinions, lines.truth])

    def teach(epoch: int) -> Lesson:
        texts, wanted = varied(both, targets, random.Random(f"{seed} {epoch}"))
        return Lesson(token_rows(tokenizer, texts), wanted, torch.ones(len(texts)))

    return teach
