"""Is this face fit to be seen? First form: nothing blank, nothing broken, nothing unchanged.

Judged at the painter's size, inside the mask, before the face is laid over the picture. It knows no model; whether the
right feeling is shown is not judged yet. Bounds are loose on purpose: they refuse accidents, not taste.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.composite import Cutting, change
from avatar.mask import Floats

BLANK = 0.015  # standard deviation of the brightness below which a face has no features, in 0..1
UNCHANGED = 0.004  # mean colour difference from the base picture below which nothing was painted
BEYOND = 0.05  # share of values far outside 0..1 above which the painter has lost itself
TINT = 0.25  # mean colour difference from the base picture above which skin is no longer that skin
NOISE = 3.0  # how many times sharper than the base picture a face may be
BLUR = 0.25  # and how many times less sharp
SMUDGE = (0.05, 0.15)  # steps between neighbouring pixels that are neither flat colour nor a line
SMUDGED = 0.38  # how much larger their share may be in what was painted than in the base picture


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a face may be shown; why not, in a few words for the log."""

    fit: bool
    why: str = ""


def judge(cutting: Cutting, painted: Floats, may_repeat: bool = False) -> Verdict:
    """Judge a painted crop (S, S, 3), about 0..1, against the base picture's.

    may_repeat: the neutral face may look like the base picture.
    """
    inside = cutting.mask > 0
    if not np.isfinite(painted).all():
        return Verdict(False, "numbers that are no numbers")
    for why, wrong in _faults(cutting.pixels, painted, inside, may_repeat):
        if wrong:
            return Verdict(False, why)
    paint = (change(cutting, painted) > 0.5) & inside
    if smudge(painted, paint) > smudge(cutting.pixels, inside) + SMUDGED:
        return Verdict(False, "smudged")
    return Verdict(True)


def _faults(base: Floats, painted: Floats, inside: NDArray[np.bool_], may_repeat: bool) -> list[tuple[str, bool]]:
    colours, before = painted[inside], base[inside]  # (n, 3)
    sharp, sharp_before = sharpness(painted)[inside].mean(), sharpness(base)[inside].mean()
    return [
        ("colours out of range", bool((np.abs(colours - 0.5) > 0.65).mean() > BEYOND)),
        ("blank", bool(colours.mean(-1).std() < BLANK)),
        ("the same as the base picture", not may_repeat and bool(np.abs(colours - before).mean() < UNCHANGED)),
        ("another colour altogether", bool(np.abs(np.median(colours, 0) - np.median(before, 0)).max() > TINT)),
        ("noise", bool(sharp > NOISE * sharp_before + 0.05)),
        ("blurred", bool(sharp < BLUR * sharp_before)),
    ]


def smudge(pixels: Floats, where: NDArray[np.bool_]) -> float:
    """Share of the pixels in `where` (S, S) that are smudges, in 0..1.

    From the base picture to true drawings of other expressions it rises by 0.21 at most (112 faces of eight characters,
    blurred, some noise added), to the starter painter's 84 faces of the sample characters by 0.32 at most; after a
    third of its training, when feelings could be told but nobody would have shown the faces, by 0.32 to 0.43.
    """
    down = np.abs(np.diff(pixels, axis=0, append=pixels[-1:])).max(-1)
    right = np.abs(np.diff(pixels, axis=1, append=pixels[:, -1:])).max(-1)
    step = np.maximum(down, right)[where]
    return float(((step > SMUDGE[0]) & (step < SMUDGE[1])).mean()) if step.size else 0.0


def sharpness(pixels: Floats) -> Floats:
    """How much each pixel differs from the mean of its neighbours in brightness, (H, W): fine lines and noise."""
    grey = pixels.mean(-1)
    wide = np.pad(grey, 1, mode="edge")
    around = (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]) / 4
    return np.asarray(np.abs(grey - around), np.float32)
