"""How good and how honest the classifier is on GoEmotions' development texts, as it runs here.

    python -m bench.reliability [--data ../shared/data/goemotions] [--plot reliability.png] [--json] [--record]

F1: calibration and thresholds are fitted on one half and judged on the other, both ways, over ten random halvings.
Calibration error before (as the network was trained) and after (on texts that calibration has not seen). The plot
tells, for probabilities in each tenth, how often they come true: bars on the diagonal are honest. The ratio told is
the error before over the error after.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from bench.report import ROOT, Figures, finish, parser
from emotion.classifier import STARTER
from emotion.labels import EMOTIONS
from emotion.minilm import read_minilm
from emotion.scorer import load_scorer
from emotion.thresholds import cross_fitted
from emotion.tokens import message_rows
from emotion.training.calibration import expected_error, held_out
from emotion.training.corpus import Corpus, read
from emotion.training.ship import FILE, uncalibrated
from emotion.training.ship import Figures as Judged

DATA = ROOT.parent / "shared" / "data" / "goemotions"
BATCH = 32
BINS = 10
SIZE, EDGE = 640, 70  # of the plot, and of the room around it, in pixels
INK, GRID = (128, 128, 136, 255), (128, 128, 136, 90)  # greys that are seen on black and on white
BEFORE, AFTER = (214, 126, 44, 255), (46, 134, 193, 255)


def judged(data: Path = DATA, starter: Path = STARTER) -> Judged | None:
    """The shipped classifier's figures on dev.tsv; None, with a sentence on the screen, where that is absent."""
    if not (data / "dev.tsv").is_file():
        print(f"The classifier was not judged on GoEmotions: {data / 'dev.tsv'} is not there.")
        return None
    dev = read(data / "dev.tsv")
    return uncalibrated(starter / FILE, _logits(dev, starter), dev.truth)


@torch.inference_mode()
def _logits(dev: Corpus, starter: Path) -> Tensor:
    plain = read_minilm()
    scorer, _ = load_scorer(starter / FILE, "classifier", plain, torch.device("cpu"))
    rows = message_rows(plain.tokenizer, dev.texts)
    order = sorted(range(len(rows)), key=lambda n: len(rows[n][0]))
    logits = torch.empty(len(rows), len(EMOTIONS))
    for start in range(0, len(order), BATCH):
        part = order[start : start + BATCH]
        logits[part] = scorer([rows[n] for n in part])
    return logits


def told(found: Judged) -> dict[str, float | int | str]:
    """The figures by name."""
    each, macro = found.f1()
    before, after = found.errors()
    best = cross_fitted(found.fair.sigmoid(), found.truth)[1]
    figures: dict[str, float | int | str] = {
        "dev_texts": len(found.truth),
        "dev_macro_f1": round(macro, 4),
        "dev_macro_f1_tuned_thresholds": round(best, 4),
        "dev_ece_before": round(before, 4),
        "dev_ece_after": round(after, 4),
    }
    return figures | {f"f1 of {label}": round(f1, 3) for label, f1 in zip(EMOTIONS, each.tolist(), strict=True)}


def reliability(probabilities: Tensor, truth: Tensor) -> list[tuple[float, float, int]]:
    """For each tenth that holds any: (mean probability, share that came true, how many)."""
    p, y = probabilities.flatten(), truth.flatten()
    place = (p * BINS).long().clamp(max=BINS - 1)
    found = [(p[place == n], y[place == n]) for n in range(BINS)]
    return [(float(part.mean()), float(true.mean()), len(part)) for part, true in found if len(part)]


def draw(found: Judged) -> Image.Image:
    """The reliability plot: before calibration and after, on a ground that shows through."""
    picture = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(16)
    for tenth in range(0, 11, 2):
        share = tenth / 10
        pen.line([_at(share, 0), _at(share, 1)], GRID)
        pen.line([_at(0, share), _at(1, share)], GRID)
        pen.text(_moved(_at(share, 0), 0, 8), f"{share:.1f}", INK, font, "ma")
        pen.text(_moved(_at(0, share), -8, 0), f"{share:.1f}", INK, font, "rm")
    pen.line([_at(0, 0), _at(1, 1)], INK, 2)
    pen.text((SIZE / 2, SIZE - 14), "probability", INK, font, "ms")
    pen.text((EDGE, EDGE - 34), "how often it comes true", INK, font, "ls")
    after = held_out(found.fair, found.truth)
    both = (("before calibration", found.logits.sigmoid(), BEFORE), ("after", after, AFTER))
    for n, (name, scores, colour) in enumerate(both):
        truth = found.truth.repeat(len(scores) // len(found.truth), 1)
        _curve(pen, reliability(scores, truth), colour)
        error = expected_error(scores, truth)
        pen.text((EDGE + 16, EDGE + 12 + 24 * n), f"{name}: error {error:.4f}", colour, font, "la")
    return picture


def _curve(pen: ImageDraw.ImageDraw, points: list[tuple[float, float, int]], colour: tuple[int, ...]) -> None:
    places = [_at(p, true) for p, true, _ in points]
    pen.line(places, colour, 3, joint="curve")
    for x, y in places:
        pen.ellipse([x - 5, y - 5, x + 5, y + 5], fill=colour)


def _at(x: float, y: float) -> tuple[float, float]:
    inside = SIZE - 2 * EDGE
    return EDGE + x * inside, SIZE - EDGE - y * inside


def _moved(place: tuple[float, float], right: float, down: float) -> tuple[float, float]:
    return place[0] + right, place[1] + down


def main(options: argparse.Namespace) -> None:
    """Measure, draw if asked to, and tell."""
    if (found := judged(options.data)) is None:
        return
    if options.plot:
        draw(found).save(options.plot)
    figures: Figures = told(found)
    before, after = found.errors()
    finish("reliability", before / after, figures, options)


if __name__ == "__main__":
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=DATA, help="folder with GoEmotions' dev.tsv")
    arguments.add_argument("--plot", type=Path, help="a PNG to draw the reliability plot to")
    main(arguments.parse_args())
