"""How good a painter is on characters it never saw: `python -m avatar.starter.measure PAINTER [--minilm DIR]`.

For every character and expression the painted face is compared with the drawing of the same face: the mean absolute
error inside the mask (of 255), and whether that drawing is nearer than those of the 27 other expressions. One JSON line
a group.
"""

import argparse
import json
import time
from pathlib import Path
from random import Random

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from avatar.starter.cast import CAST
from avatar.starter.expressions import LABELS
from avatar.starter.pairs import prompts
from avatar.starter.phrases import embed, minilm
from avatar.starter.portraits import Character, random_character
from avatar.starter.sheets import faces, paint

UNSEEN_SEEDS = range(10_000_000, 10_000_008)


def compare(painted: Tensor, drawn: Tensor, mask: Tensor) -> tuple[float, int]:
    """Both (28, 3, S, S) in -1..1, mask (1, 1, S, S): mean error in the mask, and how many find their own drawing."""
    inside = mask[0, 0] > 0
    made, true = painted[:, :, inside].flatten(1), drawn[:, :, inside].flatten(1)
    distance = torch.cdist(made, true, p=1) / made.shape[1] * 127.5  # (28, 28)
    own = distance.argmin(1) == torch.arange(len(LABELS))
    return distance.diagonal().mean().item(), int(own.sum())


def measure(
    unet: UNet2DConditionModel, tokens: dict[str, Tensor], cast: list[Character], steps: int
) -> dict[str, float]:
    """Mean error, share of faces nearest to their own drawing, seconds a face in batches of 28."""
    errors, found, seconds = [], 0, 0.0
    given = torch.stack([tokens[label] for label in LABELS])[:, None]
    for character in cast:
        base, drawn, mask = faces(character)
        began = time.monotonic()
        painted = paint(unet, base.expand_as(drawn), mask.expand(len(LABELS), -1, -1, -1), given, steps)
        seconds += time.monotonic() - began
        error, own = compare(painted, drawn, mask)
        errors.append(error)
        found += own
    count = len(cast) * len(LABELS)
    return {
        "error": round(sum(errors) / len(errors), 2),
        "found": round(found / count, 3),
        "seconds": round(seconds / count, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("painter", type=Path)
    parser.add_argument("--minilm", type=Path)
    parser.add_argument("--steps", type=int, default=4)
    chosen = parser.parse_args()
    unet = UNet2DConditionModel.from_pretrained(chosen.painter / "unet", torch_dtype=torch.float32).eval()
    table = embed(prompts(), minilm(chosen.minilm))
    unseen = [random_character(Random(seed)) for seed in UNSEEN_SEEDS]
    for phrasing, name in ((0, "canonical"), (6, "seventh phrasing")):
        tokens = {label: rows[phrasing] for label, rows in table.items()}
        for group, cast in (("sample characters", list(CAST.values())), ("random characters", unseen)):
            figures = measure(unet, tokens, cast, chosen.steps)
            print(json.dumps({"prompts": name, "group": group, "steps": chosen.steps, **figures}), flush=True)


if __name__ == "__main__":
    main()
