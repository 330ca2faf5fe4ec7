"""Whether a painted face is still the same character: nearer to its own base picture than to anybody else's.

    python -m bench.identity [--json] [--record] [--characters 48]

Drawn characters that the painter never learned from (the five strangers, the three samples, the rest by lot) are cut
and painted as at run time with the starter painter, first seed, nothing refused: joy, sadness, anger. Every painting is
compared, inside the mask, with the base pictures of all of them, by the features that the gate judges by
(avatar/recogniser.py). Told: the share of paintings that lie nearer to their own base than to any other (aim: 99 %),
as the gate sees them (each base under its own mask, whose shape may help to tell them apart) and, stricter, with all
bases under the painting's mask; the same for the true drawings, which is what could be had at most; and how many the
gate would have refused as another character. The ratio is the median distance to the nearest other base over the
median distance to the own. Two minutes on one busy core.
"""

import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from avatar.checkpoint import starter_folder
from avatar.composite import Cutting, cut
from avatar.conditioning import Conditioning
from avatar.inpaint import Canvas, inpaint
from avatar.mask import Portrait
from avatar.parts import Parts, open_parts, prompts_of
from avatar.recipe import STARTER_STEPS, Recipe
from avatar.recogniser import Recogniser, seen
from avatar.starter.cast import CAST
from avatar.starter.phrasings import prompts
from avatar.starter.portraits import Character, mask_pixels, portrait, random_character, rasterise
from avatar.starter.strangers import STRANGERS
from bench.report import finish, parser
from inference.card import HostCard
from inference.residency import Residency

FEELINGS = ("joy", "sadness", "anger")
FIRST_SEED = 30_000_000  # far from those that anything was trained on
CPU = torch.device("cpu")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Sitter:
    """base (3, S, S) in 0..1, faces (3, 3, S, S) of FEELINGS, painted or drawn, mask (1, S, S) of 0 and 1."""

    base: Tensor
    faces: Tensor
    mask: Tensor


def characters(count: int) -> Iterator[Character]:
    """Strangers and samples first, then by lot."""
    known = [*STRANGERS.values(), *CAST.values()]
    yield from known[:count]
    yield from (random_character(Random(FIRST_SEED + place)) for place in range(count - len(known)))


def cut_of(character: Character, expression: str, size: int) -> Cutting:
    """The painter's crop of a drawing of the character."""
    pixels = np.ascontiguousarray(rasterise(portrait(character, expression)))
    return cut(Portrait(pixels, mask_pixels(character), "", ()), size)


def sat(character: Character, parts: Parts, told: list[Conditioning]) -> tuple[Sitter, Sitter]:
    """The character painted, and truly drawn."""
    size = parts.codec.size
    base = cut_of(character, "neutral", size)
    pixels, mask = _planes(base), torch.from_numpy(base.mask)[None]
    canvases = [Canvas(pixels * 2 - 1, mask, one, seed=0) for one in told]
    painted = run(inpaint(parts, canvases, STARTER_STEPS)) / 2 + 0.5
    drawn = torch.stack([_planes(cut_of(character, feeling, size)) for feeling in FEELINGS])
    return Sitter(pixels, painted, mask), Sitter(pixels, drawn, mask)


def run(steps: Generator[Any, None, R]) -> R:
    """What steps return."""
    with torch.inference_mode():
        while True:
            try:
                next(steps)
            except StopIteration as end:
                returned: R = end.value
                return returned


def distances(recogniser: Recogniser, sitters: list[Sitter], *, own_masks: bool) -> Tensor:
    """(n, 3, n): how far each face lies from each base, one minus the cosine; own_masks: see above."""
    bases = seen(torch.stack([one.base for one in sitters]))  # (n, 3, 64, 64)
    masks = _seen_masks(torch.stack([one.mask for one in sitters]))
    with torch.inference_mode():
        rows, known = [], recogniser.network.place(bases, masks)
        for one, mask in zip(sitters, masks, strict=True):
            faces = recogniser.network.place(seen(one.faces), mask.expand(len(FEELINGS), -1, -1, -1))
            others = known if own_masks else recogniser.network.place(bases, mask.expand(len(bases), -1, -1, -1))
            rows.append(1 - faces @ others.T)
    return torch.stack(rows)


def judged(apart: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """From (n, 3, n): whether each face is nearest to its own base, how far that is, and the nearest other, (n, 3)."""
    own = torch.einsum("ifi->if", apart)
    others = apart + torch.eye(len(apart))[:, None] * 4  # a cosine's distance is at most 2
    nearest = others.amin(2)
    return own < nearest, own, nearest


def _planes(cutting: Cutting) -> Tensor:
    return torch.from_numpy(cutting.pixels).permute(2, 0, 1).contiguous()


def _seen_masks(masks: Tensor) -> Tensor:
    return (seen(masks) > 0).float()


def _told(cache: Path) -> list[Conditioning]:
    """What the painter is told, in each expression's canonical words."""
    words = [prompts()[feeling][0] for feeling in FEELINGS]
    reading, residency = prompts_of(starter_folder(), Recipe(), cache, CPU), Residency(HostCard())
    return [run(reading.embed(one, words, residency)) for one in words]


def main() -> None:
    options = parser((__doc__ or "").splitlines()[0])
    options.add_argument("--characters", type=int, default=48, help="how many (default 48)")
    chosen = options.parse_args()
    parts, recogniser = open_parts(starter_folder(), CPU), Recogniser()
    with tempfile.TemporaryDirectory() as folder:
        told = _told(Path(folder))
    painted, drawn = zip(*(sat(one, parts, told) for one in characters(chosen.characters)), strict=True)
    same, own, other = judged(distances(recogniser, list(painted), own_masks=True))
    figures: dict[str, float | int | str] = {"characters": len(painted), "faces": same.numel()}
    figures |= {"same": _share(same)} | {f"same_{name}": _share(same[:, place]) for place, name in enumerate(FEELINGS)}
    figures["same_under_one_mask"] = _share(judged(distances(recogniser, list(painted), own_masks=False))[0])
    figures["same_drawn"] = _share(judged(distances(recogniser, list(drawn), own_masks=True))[0])
    figures["gate_refuses"] = _share(own > recogniser.bounds.distance)
    figures |= {"own_median": round(own.median().item(), 4), "own_99": round(own.quantile(0.99).item(), 4)}
    figures |= {"other_median": round(other.median().item(), 4), "other_1": round(other.quantile(0.01).item(), 4)}
    finish("identity", other.median().item() / own.median().item(), figures, chosen)


def _share(which: Tensor) -> float:
    return round(which.float().mean().item(), 4)


if __name__ == "__main__":
    main()
