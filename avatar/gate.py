"""Is this face fit to be seen? Not blank, broken or unchanged, no visible edge, the right feeling, the same character.

Judged at the painter's size, inside the mask, before the face is laid over the picture: by measures of pixels, and by
what a recogniser said of it (avatar/recogniser.py), which may be missing. It runs no model. Bounds on pixels are loose
on purpose: they refuse accidents, not taste.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from avatar.composite import Cutting, change, rim_shift
from avatar.expression import ExpressionSpec
from avatar.mask import Floats
from avatar.resampling import smooth
from emotion.labels import EMOTIONS
from persona.card import Card

MEASURED = 256  # pixels of a crop's side that are measured
BLANK = 0.015  # standard deviation of the brightness below which a face has no features, in 0..1
UNCHANGED = 0.004  # mean colour difference from the base picture below which nothing was painted
BEYOND = 0.05  # share of values far outside 0..1 above which the painter has lost itself
TINT = 0.2  # mean colour difference from the base picture above which skin is no longer that skin
NOISE = 3.0  # how many times sharper than the base picture a face may be
BLUR = 0.25  # and how many times less sharp
SMUDGE = (0.05, 0.15)  # steps between neighbouring pixels that are neither flat colour nor a line
FEATURES = 0.18  # how much of the base picture's drawing must be left in both halves of the face
SEAM = 0.06  # colour difference along the mask's edge from which on it can be seen
SMUDGED = 0.42  # how much larger their share may be in what was painted than in the base picture


@dataclass(frozen=True, slots=True)
class Wish:
    """What a face should show.

    shows: the labels of emotion/labels.py that it may be recognised by, none if anything will do; may_repeat: it may
    look like the base picture, as the neutral face may.
    """

    shows: frozenset[str] = frozenset()
    may_repeat: bool = False


def wish_for(card: Card, spec: ExpressionSpec) -> Wish:
    """An expression named like one of the 28 emotions shows that one, any other what its card maps to it; what lies
    between two expressions shows either."""
    names = [spec.name] if spec.blend is None else [spec.name, spec.blend.name]
    shows = frozenset(label for name in names for label in _labels(card, name))
    return Wish(shows, spec.blend is None and spec.name == card.neutral)


def _labels(card: Card, name: str) -> list[str]:
    if name in EMOTIONS:
        return [name]
    expression = card.expressions.get(name)
    return [] if expression is None else [label for label, weight in expression.emotions.items() if weight > 0]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a recogniser says of a painting, and from where on it refuses.

    shows: how likely the face shows each emotion, together with `broken` 1; distance: from the base picture's face.
    at_least: of the wanted emotions together; most_broken, furthest: of the others. None = not asked.
    """

    shows: Mapping[str, float]
    broken: float = 0.0
    distance: float = 0.0
    at_least: float = 0.0
    most_broken: float = 1.0
    furthest: float = 2.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a face is fit to be seen; why not, in a few words for the log.

    broken: it must not be seen even for want of a better one. score: of two unfit faces the higher one is better, 0..1.
    figures: what was measured, by name.
    """

    fit: bool
    why: str = ""
    broken: bool = False
    score: float = 1.0
    figures: Mapping[str, float] = field(default_factory=dict)


def judge(cutting: Cutting, painted: Floats, wish: Wish, seen: Seen | None = None) -> Verdict:
    """Judge a painted crop (S, S, 3), about 0..1, against the base picture's and what it should show."""
    if not np.isfinite(painted).all():
        return Verdict(False, "numbers that are no numbers", broken=True, score=0.0)
    figures = measures(*_coarser(cutting, painted))
    broken = _breakages(figures, wish.may_repeat)
    flawed = [("smudged", figures["smudge"] > SMUDGED), ("a visible edge", figures["seam"] > SEAM)]
    score = 1 - min(1.0, figures["seam"] / SEAM) / 2
    score *= 1 - min(1.0, max(0.0, figures["smudge"]) / SMUDGED) / 2
    if seen is not None:
        shown = sum(seen.shows.get(label, 0.0) for label in wish.shows) if wish.shows else 1 - seen.broken
        likeliest = max(seen.shows, key=lambda label: seen.shows[label])
        figures |= {"shown": shown, likeliest: seen.shows[likeliest], "broken": seen.broken, "distance": seen.distance}
        broken += [("broken", seen.broken > seen.most_broken), ("another character", seen.distance > seen.furthest)]
        flawed += [("another expression", bool(wish.shows) and shown < seen.at_least)]
        score *= shown * (1 - seen.distance / 2)
    why = next((why for why, wrong in (*broken, *flawed) if wrong), "")
    unseen = any(wrong for _, wrong in broken)
    return Verdict(not why, why, unseen, 0.0 if unseen else score, figures)


def measures(cutting: Cutting, painted: Floats) -> dict[str, float]:
    """What can be measured without a model, by name, all inside the mask.

    beyond: share of values far outside 0..1; spread: standard deviation of the brightness; change: mean colour
    difference from the base picture; tint: how far the middle colour went; noise, blur: how much sharper than NOISE
    times the base picture, and which part of its sharpness is left; smudge: see there, more than in the base picture;
    features: see there; seam: see there.
    """
    inside, base = cutting.mask > 0, cutting.pixels
    colours, before = painted[inside], base[inside]  # (n, 3)
    sharp, sharp_before = (float(sharpness(pixels)[inside].mean()) for pixels in (painted, base))
    paint = (change(cutting, painted) > 0.5) & inside
    return {
        "beyond": float((np.abs(colours - 0.5) > 0.65).mean()),
        "spread": float(colours.mean(-1).std()),
        "change": float(np.abs(colours - before).mean()),
        "tint": float(np.abs(np.median(colours, 0) - np.median(before, 0)).max()),
        "noise": sharp - NOISE * sharp_before,
        "blur": sharp / max(sharp_before, 1e-6),
        "smudge": smudge(painted, paint) - smudge(base, inside),
        "features": features(cutting, painted),
        "seam": seam(cutting, painted),
    }


def _coarser(cutting: Cutting, painted: Floats) -> tuple[Cutting, Floats]:
    """Both at most MEASURED pixels wide, by means of squares: a large model's would take seconds to measure."""
    step = -(-len(painted) // MEASURED)
    if step == 1:
        return cutting, painted
    mask = _means(cutting.mask[..., None], step)[..., 0] > 0
    return Cutting(_means(cutting.pixels, step), mask.astype(np.float32)), _means(painted, step)


def _means(pixels: Floats, step: int) -> Floats:
    """(S, S, C) -> (S // step, S // step, C)."""
    side = len(pixels) // step
    squares = pixels[: side * step, : side * step].reshape(side, step, side, step, -1)
    return np.asarray(squares.mean((1, 3)), np.float32)


def _breakages(figures: Mapping[str, float], may_repeat: bool) -> list[tuple[str, bool]]:
    return [
        ("colours out of range", figures["beyond"] > BEYOND),
        ("blank", figures["spread"] < BLANK),
        ("the same as the base picture", not may_repeat and figures["change"] < UNCHANGED),
        ("another colour altogether", figures["tint"] > TINT),
        ("noise", figures["noise"] > 0.05),
        ("blurred", figures["blur"] < BLUR),
        ("without features", figures["features"] < FEATURES),
    ]


def features(cutting: Cutting, painted: Floats) -> float:
    """How much of the base picture's drawing is left where there is least of it, in the upper or the lower half.

    Counted are steps between neighbouring pixels, well inside the mask. A face without eyes or mouth has next to none.
    """
    rows = np.flatnonzero(cutting.mask.any(1))
    reach = max(1, len(rows) // 12)
    inner = smooth(cutting.mask[..., None], reach)[..., 0] > 0.97
    inner = inner if inner.any() else cutting.mask > 0
    upper = np.arange(len(inner))[:, None] < (rows[0] + rows[-1]) / 2
    drawn, before = _steps(painted), _steps(cutting.pixels)
    halves = [half for half in (inner & upper, inner & ~upper) if before[half].sum() > before[inner].sum() / 8]
    return min((float(drawn[half].sum() / max(before[half].sum(), 1e-6)) for half in halves), default=1.0)


def seam(cutting: Cutting, painted: Floats) -> float:
    """How far the painting is off the picture's colours along the mask's edge, as it will be laid over, in 0..1.

    What is drawn there counts little: the differences are blurred before they are measured.
    """
    shifted = painted + rim_shift(cutting, painted)
    reach = max(1, len(painted) // 48)
    mask = cutting.mask[..., None]
    off = smooth((shifted - cutting.pixels) * mask, reach) / np.maximum(smooth(mask, reach), 1e-3)
    ring = (cutting.mask > 0) & (smooth(mask, reach)[..., 0] < 0.98)
    return float(np.abs(off)[ring].max(-1).mean()) if ring.any() else 0.0


def smudge(pixels: Floats, where: NDArray[np.bool_]) -> float:
    """Share of the pixels in `where` (S, S) that are smudges, in 0..1.

    From the base picture to true drawings of other expressions it rises by 0.21 at most (112 faces of eight characters,
    blurred, some noise added), to the starter painter's 84 faces of the sample characters by 0.32 at most; after a
    third of its training, when feelings could be told but nobody would have shown the faces, by 0.32 to 0.43.
    """
    step = _steps(pixels)[where]
    return float(((step > SMUDGE[0]) & (step < SMUDGE[1])).mean()) if step.size else 0.0


def _steps(pixels: Floats) -> Floats:
    """(H, W): the larger colour difference of each pixel to its neighbour below and to the right."""
    down = np.abs(np.diff(pixels, axis=0, append=pixels[-1:])).max(-1)
    right = np.abs(np.diff(pixels, axis=1, append=pixels[:, -1:])).max(-1)
    return np.asarray(np.maximum(down, right), np.float32)


def sharpness(pixels: Floats) -> Floats:
    """How much each pixel differs from the mean of its neighbours in brightness, (H, W): fine lines and noise."""
    grey = pixels.mean(-1)
    wide = np.pad(grey, 1, mode="edge")
    around = (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]) / 4
    return np.asarray(np.abs(grey - around), np.float32)
