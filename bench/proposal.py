"""How well a proposed mask meets the face: the finder (avatar/proposal.py) against the ellipse (avatar/symmetry.py).

    python -m bench.proposal [--json] [--record] [--scenes 120] [--sheet FILE]

Scenes are drawn characters that the finder never saw, from close up to half figure, off the middle, tilted, before
busy grounds and none; the same with published portraits whose heads and hair were kept out of training, where
../shared/data/avatars is there. Told for each: overlap with the region that expressions may change (intersection over
union), how much of brows, eyes and mouth is covered, in the mean and in the worst tenth, and how much of the mask
lies beyond the head. The ratio is the uncovered part by the ellipse over ours.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import mean

import numpy as np
from PIL import Image

from avatar.finder import on_grey
from avatar.proposal import propose
from avatar.starter.cast import CAST
from avatar.starter.recipes import published
from avatar.starter.scenes import Scene, drawn_figure, published_figure, random_figure, scene
from avatar.symmetry import ellipse
from bench.report import ROOT, finish, parser

PUBLISHED = ROOT.parent / "shared" / "data" / "avatars"
SEED = 20_000_000  # far from those that anything was trained on
SIZES = ((256, 256), (320, 240), (220, 330))
Propose = Callable[[Image.Image], Image.Image]
Figures = dict[str, float | int | str]


def drawn_scenes(count: int) -> list[Scene]:
    """Our own characters: the three samples first, then as many random ones."""
    random = Random(SEED)
    figures = [drawn_figure(character) for character in CAST.values()]
    figures += [random_figure(random) for _ in range(count - len(figures))]
    return [scene(figure, random, random.choice(SIZES)) for figure in figures]


def published_scenes(count: int, folder: Path = PUBLISHED) -> list[Scene]:
    """Portraits of four published styles with heads and hair kept out of training; empty without the folder."""
    if not folder.is_dir():
        return []
    random, styles = Random(SEED), published(folder)[2:]
    figures = [published_figure(styles[place % 4], random, held_out=True) for place in range(count)]
    return [scene(figure, random, random.choice(SIZES)) for figure in figures if figure.region.any()]


def judged(scenes: Sequence[Scene], how: Propose) -> Figures:
    """Overlap, coverage and what lies outside, in shares; seconds a picture."""
    overlaps, covered, outside, began = [], [], [], time.perf_counter()
    for one in scenes:
        mask = np.asarray(how(one.picture)) > 0
        overlaps.append(float((mask & one.region).sum() / (mask | one.region).sum()))
        covered.append(float((mask & one.features).sum() / max(1, one.features.sum())))
        outside.append(float((mask & ~(one.head | one.region)).sum() / mask.sum()))
    return {
        "overlap": round(mean(overlaps), 3),
        "covered": round(mean(covered), 3),
        "covered_worst_tenth": round(float(np.quantile(covered, 0.1)), 3),
        "outside_head": round(mean(outside), 3),
        "seconds": round((time.perf_counter() - began) / len(scenes), 3),
    }


def laid_over(one: Scene, how: Propose, side: int = 256) -> Image.Image:
    """The scene with the proposal in red, for looking at."""
    pixels = np.asarray(on_grey(one.picture)).astype(np.float32)
    pixels[np.asarray(how(one.picture)) > 0] *= (1.0, 0.55, 0.55)
    tile = Image.new("RGB", (side, side))
    tile.paste(Image.fromarray(pixels.astype(np.uint8)).resize((side, side)))
    return tile


def sheet(scenes: Sequence[Scene], columns: int = 8) -> Image.Image:
    """Many scenes with their proposals."""
    picture = Image.new("RGB", (columns * 256, -(-len(scenes) // columns) * 256))
    for place, one in enumerate(scenes):
        picture.paste(laid_over(one, propose), (place % columns * 256, place // columns * 256))
    return picture


def main() -> None:
    options = parser((__doc__ or "").splitlines()[0])
    options.add_argument("--scenes", type=int, default=120, help="of each sort (default 120)")
    options.add_argument("--sheet", type=Path, help="also write the first 40 of each sort with their proposals here")
    chosen = options.parse_args()
    sorts = {"drawn": drawn_scenes(chosen.scenes), "published": published_scenes(chosen.scenes)}
    figures: Figures = {}
    for sort, scenes in sorts.items():
        for name, how in (("finder", propose), ("ellipse", ellipse)):
            if scenes:
                figures |= {f"{sort}_{name}_{key}": value for key, value in judged(scenes, how).items()}
    if chosen.sheet:
        sheet([one for scenes in sorts.values() for one in scenes[:40]]).save(chosen.sheet)
    missed = [1 - float(figures[f"drawn_{name}_covered"]) for name in ("ellipse", "finder")]
    finish("proposal", missed[0] / max(missed[1], 1e-3), figures, chosen)


if __name__ == "__main__":
    main()
