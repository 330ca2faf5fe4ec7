"""The teachers' opinion of every training text, which the student hears beside the labels.

Teachers are what the student will be, fitted to the labels alone from other seeds and for other times. Many texts were
labelled by one hurried rater; what two networks make of a text after reading forty thousand others is often fairer.
A teacher of another kind, half of the starter language model, was tried and was no help (docs/LOG.md).
"""

import random
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from emotion.encoder import load_encoder, padded
from emotion.network import EmotionNet
from emotion.tokens import token_rows
from emotion.training.corpus import Corpus, named
from emotion.training.fit import Lesson, fit, rarity, scored, weighed
from emotion.training.lean import lean

TEACHERS = ((11, 3), (7, 4))  # seed and epochs of each
PEAK_RATE = 8e-5
RARITY = 0.3  # exponent of (absent / present) by which a rare label's presence weighs more


def plain(encoder: Path | None, seed: int = 0) -> tuple[EmotionNet, Tokenizer]:
    """MiniLM with an untrained head, whose embeddings do not learn, and its tokenizer."""
    found = load_encoder(encoder)
    torch.manual_seed(seed)
    net = EmotionNet(found.model)
    net.encoder.embeddings.requires_grad_(False)
    return net, found.tokenizer


def presence(train: Corpus) -> Tensor:
    """(28,) how much more a label's presence counts than its absence."""
    return rarity(train.truth.mean(0), RARITY)


def teacher(train: Corpus, encoder: Path | None, work: Path, seed: int, epochs: int) -> EmotionNet:
    """A network fitted to the labels alone: read from the folder `work` if it is there, else trained and kept there."""
    net, tokenizer = plain(encoder, seed)
    file = work / f"teacher-{seed}.safetensors"
    if file.is_file():
        net.load_state_dict(load_file(file))
        return net.eval()
    weight = presence(train)
    # So that the first steps need not learn how rare each label is.
    net.head.bias.data = torch.logit(train.truth.mean(0)) + weight.log()
    dice = random.Random(seed)

    def teach(_: int) -> Lesson:
        rows = token_rows(tokenizer, [named(text, dice) for text in train.texts])
        return Lesson(rows, train.truth, torch.ones(len(rows)))

    fit(
        net,
        net.encoder,
        lambda rows: net(*padded(rows)),
        teach,
        weighed(weight),
        epochs=epochs,
        rate=PEAK_RATE,
        seed=seed,
        checkpoint=file.with_suffix(".checkpoint"),
        name=f"teacher {seed}",
        thrifty=False,
    )
    save_file(net.state_dict(), file)
    return net


def opinions(teachers: list[EmotionNet], tokenizer: Tokenizer, train: Corpus, file: Path) -> Tensor:
    """(len(train), 28) probabilities, the mean of the teachers' logits; kept in `file`, where a later call finds it."""
    if not file.is_file():
        rows = token_rows(tokenizer, train.texts)
        each = [_logits(net, rows) for net in teachers]
        # Weighing presence moved every logit by the logarithm of the weight; opinions are given without it.
        torch.save(torch.stack(each).mean(0) - presence(train).log(), file)
    return torch.Tensor(torch.load(file, weights_only=True)).sigmoid()


def _logits(net: EmotionNet, rows: list[list[int]]) -> Tensor:
    with lean(net.encoder, random.Random(0)):
        net.eval()
        return scored(lambda part: net(*padded(part)), rows)
