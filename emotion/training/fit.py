"""Fine-tuning: an encoder's layers and a head learn from lessons, one lesson an epoch. Embeddings stay as they are.

Knows nothing of where lessons come from: a lesson is rows to read, what is wanted of each, and how much it counts.
Training is resumable: after every epoch everything goes to a file, and a run that finds it goes on from there.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from emotion.labels import EMOTIONS
from emotion.training.corpus import batches
from emotion.training.lean import Masters, lean

BATCH = 32
WARM_UP = 0.06  # of all steps


@dataclass(frozen=True)
class Lesson:
    """What one epoch shows: rows of token ids or whatever else `read` reads, targets (n, 28) in [0, 1], each row's
    weight (n,)."""

    rows: Sequence[Any]
    targets: Tensor
    weights: Tensor


Teach = Callable[[int], Lesson]  # epoch, counted from 0 -> its lesson
Loss = Callable[[Tensor, Tensor], Tensor]  # logits and targets (n, 28) -> loss of each (n, 28)


def rarity(present: Tensor, power: float) -> Tensor:
    """(28,) weight of a label's presence: (absent / present) ** power. Power 0 counts all alike."""
    return ((1 - present) / present.clamp(min=1e-6)) ** power


def weighed(weight: Tensor) -> Loss:
    """Binary cross-entropy in which a label's presence counts `weight` (28,) times. Targets may be soft."""

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight, reduction="none")

    return loss


def fit(
    net: nn.Module,
    layers: nn.Module,
    read: Callable[[list[Any]], Tensor],
    teach: Teach,
    loss: Loss,
    *,
    epochs: int,
    rate: float,
    seed: int,
    checkpoint: Path,
    name: str = "emotion",
    thrifty: bool = True,
) -> None:
    """Train what in `net` requires gradients, in place; it ends with the running mean of its weights.

    layers: the transformers model inside `net`, computed in bfloat16. read: rows of a lesson -> logits (n, 28).
    thrifty: as lean.py does it; else the usual way, with autocast, dropout on attention as well, and the last weights.
    AdamW, linear warm-up and decay from the peak `rate`, batches of BATCH, gradients clipped at norm 1. Progress is
    kept in the file `checkpoint`, which is removed at the end.
    """
    dice = random.Random(seed)
    learning: list[Tensor] = [p for p in net.parameters() if p.requires_grad]
    truth = {name: value.clone() for name, value in net.state_dict().items()}
    net.train()
    with lean(layers, dice) if thrifty else torch.autocast("cpu", torch.bfloat16):
        masters = Masters(learning, [truth[name] for name, p in net.named_parameters() if p.requires_grad])
        for epoch in range(_resumed(masters, checkpoint), epochs):
            torch.manual_seed(seed + epoch)
            dice.seed(seed + epoch)
            title = f"{name} {epoch + 1}/{epochs}"
            _epoch(masters, read, teach(epoch), loss, _rates(rate, epoch, epochs), seed + epoch, title)
            torch.save({"epoch": epoch + 1, **masters.state()}, checkpoint)
    net.load_state_dict(truth)  # what did not learn went through bfloat16, too
    with torch.no_grad():
        torch._foreach_copy_(learning, masters.mean if thrifty else masters.weights)
    net.eval()
    checkpoint.unlink(missing_ok=True)


def _resumed(masters: Masters, checkpoint: Path) -> int:
    if not checkpoint.is_file():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    masters.resume(state)
    return int(state["epoch"])


def _rates(peak: float, epoch: int, epochs: int) -> Callable[[float], float]:
    def rate(part: float) -> float:
        done = (epoch + part) / epochs
        return peak * (done / WARM_UP if done < WARM_UP else (1 - done) / (1 - WARM_UP))

    return rate


def _epoch(
    masters: Masters,
    read: Callable[[list[Any]], Tensor],
    lesson: Lesson,
    loss: Loss,
    rate: Callable[[float], float],
    seed: int,
    title: str,
) -> None:
    order = list(batches(lesson.rows, BATCH, random.Random(seed)))
    with tqdm(order, desc=title, unit="batch", mininterval=2) as bar:
        for step, batch in enumerate(bar):
            each = loss(read([lesson.rows[i] for i in batch]).float(), lesson.targets[batch]).mean(1)
            total = (each * lesson.weights[batch]).mean()
            total.backward()  # type: ignore[no-untyped-call]
            masters.step(rate((step + 1) / len(order)))
            bar.set_postfix(loss=f"{total.item():.3f}", refresh=False)


@torch.inference_mode()
def scored(read: Callable[[list[Any]], Tensor], rows: Sequence[Any], size: int = 64) -> Tensor:
    """Logits (n, 28) float32 of all rows, in their order, read in batches of like length."""
    found = torch.empty(len(rows), len(EMOTIONS))
    order = sorted(range(len(rows)), key=lambda n: len(rows[n]))
    for start in range(0, len(order), size):
        part = order[start : start + size]
        found[part] = read([rows[n] for n in part]).float()
    return found
