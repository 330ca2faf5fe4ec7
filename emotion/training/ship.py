"""From a fitted network to what is shipped: packed weights that are calibrated, thresholds, and a card."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor

from emotion import delta
from emotion.encoder import padded
from emotion.labels import EMOTIONS
from emotion.network import EmotionNet
from emotion.thresholds import cross_fitted
from emotion.tokens import token_rows
from emotion.training.calibration import Calibration, by_calibration, calibrated, expected_error, held_out
from emotion.training.corpus import Corpus
from emotion.training.fit import scored
from emotion.training.teacher import plain

FILE = "head.safetensors"
CARD = Path(__file__).with_name("card.txt")  # the words of the model card; figures are put into them


@dataclass(frozen=True)
class Figures:
    """How good logits (n, 28) on held-out texts are, before calibration.

    `weight` (28,) is how much more presence counted in the loss; its logarithm is in the logits and is taken out again
    before calibration, which therefore has little left to do.
    """

    logits: Tensor
    truth: Tensor
    weight: Tensor

    @property
    def fair(self) -> Tensor:
        """The logits as if presence and absence had counted alike."""
        return self.logits - self.weight.log()

    def f1(self) -> tuple[Tensor, float]:
        """F1 per label and macro-F1; calibration and thresholds are fitted on one half and judged on the other."""
        return cross_fitted(self.fair, self.truth, decide=by_calibration)

    def errors(self) -> tuple[float, float]:
        """Expected calibration error before and after, the latter on texts that calibration has not seen."""
        halved = held_out(self.fair, self.truth)
        after = expected_error(halved, self.truth.repeat(len(halved) // len(self.truth), 1))
        return expected_error(self.logits.sigmoid(), self.truth), after


def ship(
    fitted: EmotionNet,
    weight: Tensor,
    encoder: Path | None,
    dev: Corpus,
    lines: Corpus,
    out: Path,
    facts: dict[str, object],
) -> None:
    """Write head.safetensors and card.md to `out`. weight: how much presence counted (28,); lines: our own that were
    kept out; facts: what the card tells of the training."""
    file = out / FILE
    # Calibration belongs to the weights as they are shipped, so these are packed, read back, and only then scored.
    delta.write(file, fitted, plain(encoder)[0], torch.full((len(EMOTIONS),), 0.5))
    shipped, tokenizer = plain(encoder)
    delta.merge(file, shipped)
    figures = Figures(logits(shipped, tokenizer, dev.texts), dev.truth, weight)
    found = of_raw(calibrated(figures.fair, dev.truth), weight)
    told = {
        **facts,
        "full": Figures(logits(fitted, tokenizer, dev.texts), dev.truth, weight).f1()[1],
        "tuned": cross_fitted(figures.logits.sigmoid(), dev.truth)[1],
        "own": own_f1(found, logits(shipped, tokenizer, lines.texts), lines.truth),
        "own_count": len(lines),
    }
    delta.write(file, folded(fitted, found), plain(encoder)[0], found.thresholds, notes=notes(found, weight))
    (out / "card.md").write_text(card(file, figures, found, told), encoding="utf-8")


def logits(net: EmotionNet, tokenizer: Tokenizer, texts: list[str]) -> Tensor:
    """(n, 28) float32."""
    return scored(lambda rows: net.eval()(*padded(rows)), token_rows(tokenizer, texts))


def of_raw(found: Calibration, weight: Tensor) -> Calibration:
    """A calibration of fair logits as one of those that the network gives."""
    return Calibration(found.slope, found.shift - found.slope * weight.log(), found.thresholds)


def folded(net: EmotionNet, found: Calibration) -> EmotionNet:
    """The net, in place, with the calibration in its head: its probabilities need no further step at run time."""
    with torch.no_grad():
        net.head.weight.mul_(found.slope[:, None])
        net.head.bias.mul_(found.slope).add_(found.shift)
    return net


def uncalibrated(file: Path, logits: Tensor, truth: Tensor) -> Figures:
    """The figures of a shipped file's network, from the `logits` it gives now, with the calibration in its head."""
    with safe_open(file, "pt") as stored:
        found = {name: torch.tensor(value) for name, value in json.loads(stored.metadata()["calibration"]).items()}
    return Figures((logits - found["shift"]) / found["slope"], truth, found["weight"])


def own_f1(found: Calibration, logits: Tensor, truth: Tensor) -> float:
    """Macro-F1 on our own lines, with the shipped thresholds."""
    said = found.probabilities(logits) >= found.thresholds
    right = (said & truth.bool()).sum(0)
    return float((2 * right / (said.sum(0) + truth.sum(0)).clamp(min=1)).mean())


def card(file: Path, figures: Figures, found: Calibration, facts: dict[str, object]) -> str:
    """The model card of a shipped file."""
    each, macro = figures.f1()
    before, after = figures.errors()
    count = figures.truth.sum(0).int().tolist()
    rows = zip(EMOTIONS, count, found.thresholds.tolist(), each.tolist(), strict=True)
    return CARD.read_text(encoding="utf-8").format(
        **facts,
        dev=len(figures.truth),
        macro=macro,
        before=before,
        after=after,
        size=file.stat().st_size / 1e6,
        sha=hashlib.sha256(file.read_bytes()).hexdigest(),
        rows="\n".join(f"| {name} | {n} | {threshold:.2f} | {f1:.2f} |" for name, n, threshold, f1 in rows),
        **{name: n for name, n in zip(EMOTIONS, count, strict=True) if name in ("grief", "pride", "relief")},
    )


def notes(found: Calibration, weight: Tensor) -> dict[str, str]:
    """What a file remembers of the calibration in its head, so that it can be judged with and without."""
    kept = {"slope": found.slope, "shift": found.shift, "weight": weight}
    return {"calibration": json.dumps({name: [round(x, 5) for x in value.tolist()] for name, value in kept.items()})}
