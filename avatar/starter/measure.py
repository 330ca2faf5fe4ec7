"""How good a painter is on characters it never saw: `python -m avatar.starter.measure PAINTER [--published DIR]`.

Every painted face is compared with the drawing of the same face, inside the mask:

    error       mean absolute difference, of 255
    found       share of faces nearer to their own drawing than to those of the character's other expressions
    crisp       steepness of the edges where the face changes, over the drawing's own: 1 = as crisp
    tone        mean colour error, of 255, over skin that the expression does not touch: nothing should happen there
    recognised  how many of the twelve main expressions the gate's recogniser sees as what they should be
    accepted    the same where one drawing stands for several labels and any of them will do (open-peeps)

One JSON line a group, one for tone by the skin's brightness, one a row of the confusion matrix.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from avatar.recogniser import CLASSES, Recogniser
from avatar.starter.pairs import CORE, prompts
from avatar.starter.phrases import embed, minilm
from avatar.starter.sheets import paint
from avatar.starter.subjects import BANDS, Subject, by_lot, held_out, samples, strangers

MAIN = CORE[:12]  # the expressions that every persona needs; neutral comes after them
CHANGED = 0.08  # a difference that is drawn, in -1..1

Figures = dict[str, float]


def compare(subject: Subject, painted: Tensor) -> Figures:
    """painted (n, 3, S, S) in -1..1 against the subject's own drawings."""
    inside = subject.mask[0, 0] > 0
    made, true = painted[:, :, inside].flatten(1), subject.drawn[:, :, inside].flatten(1)
    distance = torch.cdist(made, true, p=1) / made.shape[1] * 127.5  # (n, n)
    own = distance.diagonal() <= distance.min(1).values + 1e-4  # two labels may share a drawing
    return {
        "error": distance.diagonal().mean().item(),
        "found": own.float().mean().item(),
        "crisp": crispness(subject, painted),
        "tone": tone(subject, painted)[1],
    }


def crispness(subject: Subject, painted: Tensor) -> float:
    """Mean steepness of the painted over that of the drawn, where the face changes."""
    changed = ((subject.drawn - subject.base).abs().amax(1, keepdim=True) > CHANGED) & (subject.mask > 0)
    made, true = (_steepness(pictures) * changed for pictures in (painted, subject.drawn))
    return (made.sum() / true.sum()).item()


def _steepness(pictures: Tensor) -> Tensor:
    """(n, 3, S, S) -> the same: how much each pixel differs from those to its right and below."""
    across = torch.nn.functional.pad(pictures.diff(dim=-1).abs(), (0, 1))
    return across + torch.nn.functional.pad(pictures.diff(dim=-2).abs(), (0, 0, 0, 1))


def tone(subject: Subject, painted: Tensor) -> tuple[int, float]:
    """The band of the skin's brightness, 0 = darkest; mean over faces and channels of how far its colour is off."""
    inside = subject.mask[0, 0] > 0
    colours, counts = torch.unique(subject.base[0][:, inside], dim=1, return_counts=True)
    skin = colours[:, counts.argmax()]  # (3,): the colour that most of the face has
    alike = ((subject.base[0] - skin[:, None, None]).abs().amax(0) < 0.02) & inside
    still = alike & ((subject.drawn - subject.base).abs().amax(1) < 0.02)  # (n, S, S)
    error = ((painted - subject.base) * still[:, None]).sum((2, 3)) / still.sum((1, 2)).clamp(min=1)[:, None]
    brightness = (skin / 2 + 0.5) @ torch.tensor([0.299, 0.587, 0.114])
    return min(BANDS - 1, int(brightness.item() * BANDS)), error.abs().mean().item() * 127.5


class Measurement:
    """One painter's figures, added up group by group."""

    def __init__(self, unet: UNet2DConditionModel, tokens: dict[str, Tensor], steps: int) -> None:
        self._unet, self._tokens, self._steps = unet, tokens, steps
        self._recogniser = Recogniser()
        self.tones: dict[int, list[float]] = defaultdict(list)
        self.confusion: dict[str, Counter[str]] = {label: Counter() for label in MAIN}

    def group(self, subjects: Iterable[Subject], *, recognise: bool) -> Figures:
        """Means over a group's subjects; `recognised`, `accepted` are of twelve, `worst` the fewest on one."""
        rows, strict, lenient = [], [], []
        for subject in subjects:
            painted = self._paint(subject)
            rows.append(compare(subject, painted))
            band, error = tone(subject, painted)
            self.tones[band].append(error)
            if recognise:
                right, fitting = self._recognise(subject, painted)
                strict.append(right)
                lenient.append(fitting)
        figures = {name: round(sum(row[name] for row in rows) / len(rows), 3) for name in rows[0]}
        if strict:
            figures |= {"recognised": round(sum(strict) / len(strict), 2), "worst": min(strict)}
            figures |= {"accepted": round(sum(lenient) / len(lenient), 2), "worst accepted": min(lenient)}
        return figures

    def _paint(self, subject: Subject) -> Tensor:
        count = len(subject.labels)
        given = torch.stack([self._tokens[label] for label in subject.labels])[:, None]
        base, mask = (part.expand(count, -1, -1, -1) for part in (subject.base, subject.mask))
        return paint(self._unet, base, mask, given, self._steps)

    def _recognise(self, subject: Subject, painted: Tensor) -> tuple[int, int]:
        """How many of the main expressions are taken for what they are, and for what will do; notes each answer."""
        base, mask = (part.expand(len(painted), -1, -1, -1) for part in (subject.base / 2 + 0.5, subject.mask))
        seen = self._recogniser.recognise(painted / 2 + 0.5, base, mask).probabilities.argmax(1).tolist()
        answers = {label: CLASSES[place] for label, place in zip(subject.labels, seen, strict=True) if label in MAIN}
        for label, answer in answers.items():
            self.confusion[label][answer] += 1
        right = sum(answer == label for label, answer in answers.items())
        return right, sum(answer in subject.also.get(label, {label}) for label, answer in answers.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("painter", type=Path)
    parser.add_argument("--published", type=Path, help="folder of dicebear_*.json; left out: drawn characters only")
    parser.add_argument("--minilm", type=Path)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--phrasing", type=int, default=0, help="which of the twelve; 0 = the canonical one")
    chosen = parser.parse_args()
    unet = UNet2DConditionModel.from_pretrained(chosen.painter / "unet", torch_dtype=torch.float32).eval()
    table = embed(prompts(), minilm(chosen.minilm))
    measurement = Measurement(unet, {label: rows[chosen.phrasing] for label, rows in table.items()}, chosen.steps)
    groups = {"strangers": strangers(), "samples": samples(), "by lot": by_lot()}
    if chosen.published:
        groups["held-out heads"] = held_out(chosen.published)
    for name, subjects in groups.items():
        figures = measurement.group(subjects, recognise=name in ("strangers", "held-out heads"))
        print(json.dumps({"group": name, **figures}), flush=True)
    tones = {band: round(sum(errors) / len(errors), 2) for band, errors in sorted(measurement.tones.items())}
    print(json.dumps({"tone by brightness of the skin": tones}))
    for label, seen in measurement.confusion.items():
        print(json.dumps({label: dict(seen.most_common())}))


if __name__ == "__main__":
    main()
