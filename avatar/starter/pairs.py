"""Training pairs for the starter painter: the same character with two faces, as the painter will see them.

A pair is cut like the painter cuts: a square around the mask, 128 pixels wide, values in [-1, 1]. The mask's shape,
the crop's place and scale vary at random; outside of the mask the target *is* the base, so any mask shape is a true
example. Characters are drawn afresh for every batch, so that none is ever seen twice; only the last pass adds a share
of the sample characters. Drawn characters are not flipped, since a mirrored wink would make the answer ambiguous.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from avatar.starter.checkpoint import CROP
from avatar.starter.expressions import LABELS
from avatar.starter.phrasings import prompts as prompts
from avatar.starter.portraits import SIZE, mask_svg, portrait, random_character, rasterise
from avatar.starter.published import Published

CORE = (
    "joy", "sadness", "anger", "fear", "surprise", "love", "embarrassment", "amusement", "caring", "curiosity",
    "disgust", "pride", "neutral",
)  # fmt: skip
Pixels = npt.NDArray[np.uint8]
View = tuple[float, float, float]
MOVED = 0.2  # share of bases that wear an expression already


@dataclass(frozen=True, slots=True)
class Batch:
    """base, target (N, 3, 128, 128) in [-1, 1]; mask (N, 1, 128, 128) of 0 and 1; labels: one expression a row."""

    base: Tensor
    target: Tensor
    mask: Tensor
    labels: list[str]


def _view(random: Random, box: tuple[float, float, float, float]) -> View:
    """A square around the box (left, top, right, bottom), inside the picture; mostly framed as the painter frames."""
    left, top, right, bottom = box
    grow, off = (random.uniform(1.19, 1.31), 0.02) if random.random() < 0.65 else (random.uniform(1.1, 1.6), 0.06)
    side = min(SIZE, max(right - left, bottom - top) * grow)
    x = (left + right - side) / 2 + random.uniform(-off, off) * side
    y = (top + bottom - side) / 2 + random.uniform(-off, off) * side
    return min(max(x, 0.0), SIZE - side), min(max(y, 0.0), SIZE - side), side


def _box(mask: npt.NDArray[np.bool_], scale: float) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0] * scale, rows[0] * scale, (columns[-1] + 1) * scale, (rows[-1] + 1) * scale


def random_mask(random: Random, exact: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The exact region, or a box, an ellipse or a rounded box about as large, some pixels off. bool (128, 128)."""
    kind = random.choice(("exact", "exact", "box", "ellipse", "round"))
    if kind == "exact":
        return exact
    left, top, right, bottom = _box(exact, 1.0)
    grow = random.uniform(-0.04, 0.12) + (0.12 if kind == "ellipse" else 0.0)
    power = {"box": 40.0, "ellipse": 2.0, "round": random.uniform(3.0, 8.0)}[kind]
    rx, ry = (right - left) * (0.5 + grow), (bottom - top) * (0.5 + grow)
    x = (np.arange(CROP) + 0.5 - (left + right) / 2 - random.uniform(-4, 4)) / rx
    y = (np.arange(CROP) + 0.5 - (top + bottom) / 2 - random.uniform(-4, 4)) / ry
    inside: npt.NDArray[np.bool_] = np.abs(x[None, :]) ** power + np.abs(y[:, None]) ** power < 1.0
    return inside


def _drawn(random: Random, wanted: Sequence[str]) -> tuple[list[Pixels], npt.NDArray[np.bool_]]:
    """A new character of the project's own with the faces wanted, and the region they lie in."""
    character = random_character(random)
    whole = rasterise(mask_svg(character), 64)[..., 0] > 0
    view = _view(random, _box(whole, SIZE / 64))
    exact = rasterise(mask_svg(character, view), CROP)[..., 0] > 0
    scale = random.choice((1, 2, 3))  # the painter's crops are scaled down from larger pictures, so lines are softer
    return [_shrunk(portrait(character, expression, view), scale) for expression in wanted], exact


def _shrunk(svg: str, scale: int) -> Pixels:
    """The drawing at CROP pixels, drawn `scale` times larger and resized as avatar/composite.py resizes."""
    large = Image.fromarray(rasterise(svg, CROP * scale))
    return np.asarray(large.resize((CROP, CROP), Image.Resampling.LANCZOS))


def _relit(random: Random, pixels: list[Pixels]) -> list[Pixels]:
    """Now and then another light on every picture of one character: a tint, a shadow that falls off softly, or both."""
    gain, offset = np.ones((1, 1, 3), np.float32), np.zeros((1, 1, 3), np.float32)
    if random.random() < 0.3:
        gain = np.array([[[random.uniform(0.8, 1.0) for _ in range(3)]]], np.float32)
        offset = np.array([[[random.uniform(0.0, 255.0) for _ in range(3)]]], np.float32) * (1 - gain)
    if random.random() < 0.3:
        gain, offset = gain * (light := _shadow(random)), offset * light
    if gain.size == 3 and (gain == 1).all():
        return pixels
    return [np.asarray(picture * gain + offset, np.uint8) for picture in pixels]


def _shadow(random: Random) -> npt.NDArray[np.float32]:
    """Light over the crop, (128, 128, 1) in 0.55..1: falling to one side, or away from a bright spot."""
    rows, columns = np.mgrid[0:CROP, 0:CROP].astype(np.float32) / CROP - 0.5
    angle, depth = random.uniform(0, 2 * np.pi), random.uniform(0.1, 0.45)
    x, y = np.cos(angle), np.sin(angle)
    far = 0.5 + x * columns + y * rows if random.random() < 0.5 else np.hypot(columns - x * 0.3, rows - y * 0.3)
    return np.asarray(1 - depth * np.clip(far, 0, 1)[..., None], np.float32)


def batch(
    random: Random, characters: int, faces: int, published: Sequence[Published] = (), share: float = 0.35
) -> Batch:
    """`characters` characters with `faces` different expressions each: characters * faces rows.

    `share` of the characters come from the published styles. A fifth of the bases wear some expression already.
    """
    bases, targets, masks, labels = [], [], [], []
    for _ in range(characters):
        source = random.choice(published) if published and random.random() < share else None
        known = source.labels if source else LABELS
        worn = random.choice(known) if random.random() < MOVED else "neutral"
        if source:
            chosen = random.sample(known, faces)
            base, wearing, region = source.character(random, chosen, worn)
        else:
            chosen = _sample(random, faces)
            (base, *wearing), region = _drawn(random, (worn, *chosen))
        base, *wearing = _relit(random, [base, *wearing])
        for picture in wearing:
            mask = random_mask(random, region)
            bases.append(base)
            targets.append(np.where(mask[..., None], picture, base))
            masks.append(mask)
        labels += chosen
    return Batch(_tensor(bases), _tensor(targets), torch.from_numpy(np.stack(masks))[:, None].float(), labels)


def _sample(random: Random, count: int) -> list[str]:
    """Different labels; those every persona needs come three times as often."""
    chosen: list[str] = []
    while len(chosen) < count:
        label = random.choice(LABELS + CORE * 2)
        if label not in chosen:
            chosen.append(label)
    return chosen


def _tensor(pixels: list[Pixels]) -> Tensor:
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1.0
