"""`python -m emotion.training.reader --data FOLDER`: the reader's weights, from the dialogues written for this project.

FOLDER holds GoEmotions' train.tsv and dev.tsv, for while it learns from dialogues the reader is reminded of single
messages; it sets out from the classifier that is shipped. What comes out is emotion/starter/reader.safetensors and
reader.md. A fifth of the characters is held out: the card says how well those are read, and moods are tuned on them.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from emotion import delta
from emotion.classifier import STARTER
from emotion.encoder import load_encoder, padded
from emotion.hearing import window_rows
from emotion.labels import EMOTIONS, NEUTRAL
from emotion.network import EmotionNet
from emotion.tokens import Row
from emotion.training import corpus
from emotion.training.corpus import Corpus
from emotion.training.examples import Example, Script, after_calm, answers, examples, messages, renamed, scripts
from emotion.training.fit import Lesson, fit
from emotion.training.reader_card import card, felt_in

DIALOGUES = Path(__file__).parents[1] / "dialogues"
DROPOUT = 0.2  # before the head
RATE = 1e-4
REMINDERS = 0.3  # messages of GoEmotions for each line of a dialogue …
LIGHT = 0.5  # … and what each counts
ASIDE = 0.5  # what it counts how a line sounds, beside what the character feels
CALMED = 0.15  # share of the lines that come after plain messages of GoEmotions
RENAMED = 0.4  # share of the lines whose speakers get other names, others in every epoch

NOTHING = torch.tensor([float(name == NEUTRAL) for name in EMOTIONS])  # a message of no feeling, in GoEmotions

Pairs = list[tuple[int, int]]  # the id and the type of each token


def main() -> None:
    """Fit, ship, and judge what is shipped on characters that it never saw."""
    options = _options()
    written = scripts(options.dialogues)
    single = corpus.read(options.data / "train.tsv", without=corpus.raw_texts(options.data / "dev.tsv"))
    net = taught([script for script in written if not script.held_out], single, options)
    file = options.out / "reader.safetensors"
    ship(net, [example for script in written if script.held_out for example in examples(script)], file)
    (options.out / "reader.md").write_text(card(file, written, options), encoding="utf-8")


def ship(net: EmotionNet, unseen: Sequence[Example], file: Path) -> None:
    """Write the reader's weights, the head softened so that its shares are as sure as they are right on `unseen`."""
    plain, no_thresholds = EmotionNet(load_encoder().model), torch.zeros(len(EMOTIONS))
    delta.write(file, net, plain, no_thresholds, kind="reader")
    shares = felt_in(file, [example.window for example in unseen])
    soft = softness(shares, torch.stack([example.felt for example in unseen]))
    with torch.no_grad():
        net.head.weight.div_(soft)
        net.head.bias.div_(soft)
    delta.write(file, net, plain, no_thresholds, kind="reader")


def softness(shares: Tensor, felt: Tensor) -> float:
    """What to divide the logits behind `shares` by for the smallest cross-entropy to `felt`, both (n, 28).

    Guo et al., *On Calibration of Modern Neural Networks* (ICML 2017): a network that learned its examples by heart
    is surer than it is right, and one number mends most of it. Which share is largest stays.
    """
    logits, grid = shares.clamp(min=1e-9).log(), torch.arange(0.5, 3.0, 0.05)
    losses = torch.stack([surprise(logits / soft, felt).mean() for soft in grid])
    return float(grid[losses.argmin()])


def taught(written: Sequence[Script], single: Corpus, options: argparse.Namespace) -> EmotionNet:
    """A network that set out from the classifier and learned `written`, or the checkpoint of one."""
    net = EmotionNet(load_encoder().model, DROPOUT)
    delta.merge(options.start, net)
    if options.checkpoint.is_file():
        net.load_state_dict(load_file(options.checkpoint))
        return net
    options.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    teach(
        net, written, single, epochs=options.epochs, seed=options.seed, progress=options.checkpoint.with_suffix(".part")
    )
    save_file(net.state_dict(), options.checkpoint)
    return net


def teach(
    net: EmotionNet, written: Sequence[Script], single: Corpus, *, epochs: int, seed: int, progress: Path
) -> None:
    """Train `net` in place, all but its embeddings: what the characters felt, and beside it how each line sounds.

    The second is easier and never asked for again, but it is about the same words: its half of the head is cut off.
    """
    tokenizer = load_encoder().tokenizer
    lines = [example for script in written for example in examples(script)]
    listener = answers([script.dialogue for script in written])
    calm = [text for text, truth in zip(single.texts, single.truth, strict=True) if torch.equal(truth, NOTHING)]

    def lesson(epoch: int) -> Lesson:
        dice = random.Random(1000 * seed + epoch)
        shown = [_varied(example, calm, dice) for example in lines]
        shown += messages(single, listener, round(REMINDERS * len(lines)), dice, LIGHT)
        targets = torch.stack([torch.cat([e.felt, e.said]) for e in shown])
        rows = [pairs(row) for row in window_rows(tokenizer, [e.window for e in shown])]
        return Lesson(rows, targets, torch.tensor([e.weight for e in shown]))

    net.encoder.embeddings.requires_grad_(False)
    net.head = _joined(net.head, net.head)
    fit(
        net,
        net.encoder,
        lambda rows: logits(net, rows),
        lesson,
        both,
        epochs=epochs,
        rate=RATE,
        seed=seed,
        checkpoint=progress,
        name="reader",
    )
    net.head = _joined(net.head, end=len(EMOTIONS))


def _varied(example: Example, calm: Sequence[str], dice: random.Random) -> Example:
    if dice.random() < RENAMED:
        example = renamed(example, dice)
    return after_calm(example, calm, dice) if dice.random() < CALMED else example


def _joined(*heads: nn.Linear, end: int | None = None) -> nn.Linear:
    """One head with the rows of all, up to `end`."""
    weight, bias = torch.cat([head.weight for head in heads])[:end], torch.cat([head.bias for head in heads])[:end]
    joined = nn.Linear(weight.shape[1], len(weight))
    joined.load_state_dict({"weight": weight, "bias": bias})
    return joined


def both(found: Tensor, wanted: Tensor) -> Tensor:
    """The loss, (n, 56), of logits and targets of as many: felt counts once, said ASIDE."""
    felt, said = (surprise(*half) for half in zip(found.chunk(2, 1), wanted.chunk(2, 1), strict=True))
    return 2 * torch.cat([felt, ASIDE * said], 1)


def logits(net: EmotionNet, rows: Sequence[Pairs]) -> Tensor:
    """Rows as `pairs` makes them -> what the network says of each, (n, 28) or as many as its head has."""
    ids, mask = padded([[token for token, _ in row] for row in rows])
    types, _ = padded([[kind for _, kind in row] for row in rows])
    found: Tensor = net(ids, mask, types)
    return found


def pairs(row: Row) -> Pairs:
    """A row that is as long as its text, by which `fit` puts like with like."""
    return list(zip(*row, strict=True))


def surprise(found: Tensor, felt: Tensor) -> Tensor:
    """Cross-entropy of logits to shares, both (n, 28), spread over the labels so that their mean is a row's."""
    return -len(EMOTIONS) * felt * found.log_softmax(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with GoEmotions' train.tsv and dev.tsv")
    parser.add_argument(
        "--start", type=Path, default=STARTER / "head.safetensors", help="the classifier's weights to set out from"
    )
    parser.add_argument("--dialogues", type=Path, default=DIALOGUES, help="folder of *.txt to learn from")
    parser.add_argument("--out", type=Path, default=STARTER, help="folder to write reader.safetensors and reader.md to")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=Path("build/reader.safetensors"),
        help="the fitted network: read if it exists, else written",
    )
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=8)
    return parser.parse_args()


if __name__ == "__main__":
    main()
