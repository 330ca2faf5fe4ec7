"""Examples for the recogniser: crops of faces, each beside its character's base, with the expression it wears.

    python -m avatar.starter.examples --seed 1 --out build/examples.npz [--published DIR] [--painter DIR] [--minilm DIR]

Three sources: characters drawn by this project, the same painted by a painter, since paintings are what will be judged,
and published styles (recipes.py says which; the last eight open-peeps heads are never among them). Characters come in
pairs of look-alikes: the second has the first one's colours or its build, so that neither alone tells who somebody is.
Nothing here is broken; broken faces are made of these while the recogniser learns (spoiling.py).
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from avatar.starter.checkpoint import CROP
from avatar.starter.expressions import LABELS
from avatar.starter.pairs import CORE, random_mask
from avatar.starter.phrases import embed, minilm
from avatar.starter.phrasings import prompts
from avatar.starter.portraits import SIZE, Character, mask_svg, portrait, random_character, rasterise
from avatar.starter.published import Published
from avatar.starter.recipes import published
from avatar.starter.sheets import paint

SIDE = 80  # pixels of a stored crop; the recogniser sees 64, so that learning may shift and scale it
FACES = 14  # expressions a drawn character wears
SHARED = 0.65  # how much of a drawing that stands for several labels belongs to the one it is asked for
Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
View = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Example:
    """One character: base (S, S, 3), mask (S, S), faces (K, S, S, 3) and how much each shows each label (K, 28)."""

    base: Pixels
    mask: Mask
    faces: Pixels
    shows: npt.NDArray[np.float32]


def one_hot(labels: list[str]) -> npt.NDArray[np.float32]:
    """(K, 28): row by row, 1 for the label."""
    return np.eye(len(LABELS), dtype=np.float32)[[LABELS.index(label) for label in labels]]


def look_alike(random: Random, first: Character) -> Character:
    """Another character with the first one's colours, or with its build; its face drawn anew."""
    other = random_character(random)
    if random.random() < 0.5:
        return replace(other, style=replace(other.style, palette=first.style.palette))
    same = other if other.build.kind == first.build.kind else first
    return replace(first, style=replace(same.style, palette=other.style.palette))


def view_of(random: Random, character: Character) -> View:
    """The square the painter would cut, a little shifted and scaled: left, top, side in pixels of 512."""
    mask = rasterise(mask_svg(character), 128)[..., 0] > 0
    rows, columns = np.flatnonzero(mask.any(1)) * 4, np.flatnonzero(mask.any(0)) * 4
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 4, rows[-1] + 4
    side = min(SIZE, max(right - left, bottom - top) * random.uniform(1.15, 1.35))
    x, y = (
        (low + high - side) / 2 + random.uniform(-0.03, 0.03) * side for low, high in ((left, right), (top, bottom))
    )
    return min(max(x, 0.0), SIZE - side), min(max(y, 0.0), SIZE - side), side


def labels_of(random: Random) -> list[str]:
    """The twelve main expressions' turn comes a little oftener; `neutral` is among them like any other."""
    chosen: list[str] = []
    while len(chosen) < FACES:
        label = random.choice(LABELS + CORE)
        if label not in chosen:
            chosen.append(label)
    return chosen


def drawn(random: Random, character: Character, labels: list[str]) -> Example:
    """A drawn character wearing each of the labels."""
    view = view_of(random, character)
    base, *faces = (rasterise(portrait(character, label, view), SIDE) for label in ("neutral", *labels))
    return Example(base, small_mask(random_mask(random, _exact(character, view))), np.stack(faces), one_hot(labels))


def borrowed(random: Random, source: Published) -> Example:
    """A character of a published style with every face that has a label; two labels may share a drawing."""
    labels = [label for label in source.labels if label in LABELS]
    base, faces, region = source.character(random, labels)
    shows = np.stack([shown(source, label) for label in labels])
    return Example(small(base), small_mask(region), np.stack([small(face) for face in faces]), shows)


def shown(source: Published, label: str) -> npt.NDArray[np.float32]:
    """(28,): a drawing that stands for several labels is shared among them, more of it for the one that is asked."""
    parts = source.recipe.faces.get(label, {})
    same = [other for other in source.labels if other in LABELS and source.recipe.faces.get(other, {}) == parts]
    shares = dict.fromkeys(same, (1 - SHARED) / max(1, len(same) - 1)) | {label: SHARED if len(same) > 1 else 1.0}
    return np.array([shares.get(other, 0.0) for other in LABELS], np.float32)


@dataclass(frozen=True, slots=True)
class Artist:
    """A painter in diffusers' format, and its prompts' embeddings, label -> (phrasings, 384)."""

    unet: UNet2DConditionModel
    table: dict[str, Tensor]

    def paint(self, random: Random, base: Pixels, mask: Mask, labels: list[str]) -> Example:
        """base (128, 128, 3), mask (128, 128): a painting of each label, in one of its phrasings."""
        count = len(labels)
        tokens = torch.stack([self.table[label][random.randrange(6)] for label in labels])[:, None]
        pixels = torch.from_numpy(np.array(base)).permute(2, 0, 1)[None].float() / 127.5 - 1
        shape = torch.from_numpy(np.array(mask))[None, None].float()
        made = paint(
            self.unet, pixels.repeat(count, 1, 1, 1), shape.repeat(count, 1, 1, 1), tokens, seed=random.getrandbits(32)
        )
        faces = ((made + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        return Example(small(base), small_mask(mask), np.stack([small(face) for face in faces]), one_hot(labels))


def painted(random: Random, artist: Artist, character: Character, labels: list[str]) -> Example:
    """A drawn character painted with each of the labels."""
    view = view_of(random, character)
    mask = random_mask(random, _exact(character, view))
    return artist.paint(random, rasterise(portrait(character, "neutral", view), CROP), mask, labels)


def small(pixels: Pixels) -> Pixels:
    """(S, S, 3) -> (SIDE, SIDE, 3) by Lanczos."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def small_mask(mask: Mask) -> Mask:
    """(S, S) -> (SIDE, SIDE): what the mask touches."""
    grey = Image.fromarray(np.uint8(255) * np.ascontiguousarray(mask).astype(np.uint8))
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX)) > 0


def _exact(character: Character, view: View) -> Mask:
    return np.asarray(rasterise(mask_svg(character, view), CROP)[..., 0] > 0)


def gather(random: Random, pairs: int, artist: Artist | None, styles: list[Published]) -> Iterator[Example]:
    """Two look-alikes a time; every fourth pair is painted, every fifth is of the published styles."""
    for turn in range(pairs):
        if styles and turn % 5 == 4:
            source = random.choice(styles)
            yield borrowed(random, source)
            yield borrowed(random, source)
            continue
        first = random_character(random)
        for character in (first, look_alike(random, first)):
            if artist is not None and turn % 4 == 1:
                yield painted(random, artist, character, labels_of(random))
            else:
                yield drawn(random, character, labels_of(random))


def store(examples: list[Example], path: Path) -> None:
    """One .npz: bases (N, S, S, 3), masks (N, S, S), faces (M, S, S, 3), shows (M, 28), owners (M,): whose."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path,
        bases=np.stack([one.base for one in examples]),
        masks=np.stack([one.mask for one in examples]),
        faces=np.concatenate([one.faces for one in examples]),
        shows=np.concatenate([one.shows for one in examples]),
        owners=np.repeat(np.arange(len(examples)), [len(one.faces) for one in examples]),
    )


def open_artist(painter: Path, folder: Path | None) -> Artist:
    """The painter in a folder, and its prompts read by MiniLM. ModelMissing where MiniLM is not installed."""
    unet = UNet2DConditionModel.from_pretrained(painter / "unet", torch_dtype=torch.float32).eval()
    return Artist(unet, embed(prompts(), minilm(folder)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=640, help="pairs of look-alikes")
    parser.add_argument("--out", type=Path, default=Path("build/recogniser/examples.npz"))
    parser.add_argument("--published", type=Path, help="folder with the published styles; left out: none of them")
    parser.add_argument("--painter", type=Path, help="folder of a painter; left out: drawings only")
    parser.add_argument("--minilm", type=Path, help="folder of all-MiniLM-L6-v2; left out: the installed carrier's")
    chosen = parser.parse_args()
    styles = published(chosen.published) if chosen.published else []
    artist = open_artist(chosen.painter, chosen.minilm) if chosen.painter else None
    with torch.inference_mode():
        made = gather(Random(chosen.seed), chosen.pairs, artist, styles)
        store(list(tqdm(made, total=2 * chosen.pairs, unit="character")), chosen.out)


if __name__ == "__main__":
    main()
