"""A conversation's moods as bands: which emotions led, and how high each stands over the turns. Numbers only.

Pleasant emotions are stacked upwards from the line of calm, unpleasant ones downwards; neutral is what is left. So the
picture says even without colour whether it was a good conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion.labels import EMOTIONS, INDEX, NEUTRAL, VALENCE
from emotion.mood import Mood

Curve = NDArray[np.float64]

MOST = 6  # bands; more cannot be told apart
FAINT = 0.03  # share of a mood that is too little to be seen


@dataclass(frozen=True)
class Band:
    """One emotion's band; `inner` and `outer` (samples,) are its edges in shares of a mood, 0 the line of calm and
    above it positive. `emotion`'s `inner` edge is the nearer one to that line."""

    emotion: str
    inner: Curve
    outer: Curve

    @property
    def is_above(self) -> bool:
        """Is it a pleasant one?"""
        return is_pleasant(self.emotion)


def is_pleasant(emotion: str) -> bool:
    """Does it stand above the line of calm?"""
    return VALENCE[emotion] >= 0


def leading_emotions(moods: Sequence[Mood], most: int = MOST) -> list[str]:
    """The emotions worth a band, those felt most first: what ever led, then what was strongest once; no neutral."""
    led = {mood.leading for mood in moods}
    felt = {name: [mood.weights[INDEX[name]] for mood in moods] for name in EMOTIONS if name != NEUTRAL}
    seen = [name for name, shares in felt.items() if max(shares) >= FAINT]
    seen.sort(key=lambda name: (name not in led, -max(felt[name])))
    return sorted(seen[:most], key=lambda name: -sum(felt[name]))


def bands(moods: Sequence[Mood], samples: int) -> list[Band]:
    """The bands of at least one mood as `samples` points from the first turn's column to the end of the last one's.

    Columns are equally wide. A mood holds in the middle of its column; between two middles the edges move smoothly.
    """
    stacked: dict[bool, Curve] = {True: np.zeros(samples), False: np.zeros(samples)}
    drawn = []
    for emotion in leading_emotions(moods):
        above = is_pleasant(emotion)
        shares = smooth([mood.weights[INDEX[emotion]] for mood in moods], samples)
        outer = stacked[above] + (shares if above else -shares)
        drawn.append(Band(emotion, stacked[above], outer))
        stacked[above] = outer
    return drawn


def smooth(values: Sequence[float], samples: int) -> Curve:
    """Values at the middles of equally wide columns -> (samples,), level at the ends and at every middle."""
    place = np.clip((np.arange(samples) + 0.5) / samples * len(values) - 0.5, 0, len(values) - 1)
    left = np.minimum(place.astype(int), max(len(values) - 2, 0))
    part = place - left
    ease = part * part * (3 - 2 * part)
    known: Curve = np.asarray([*values, values[-1]], float)
    between: Curve = known[left] * (1 - ease) + known[left + 1] * ease
    return between


def room_for_words(band: Band, width: int) -> tuple[int, float, float]:
    """Where `width` samples of the band leave the tallest box for words: its middle sample, its lower and upper side.

    The sides are the same where the band is nowhere as wide.
    """
    samples = len(band.inner)
    if width >= samples:
        return samples // 2, 0.0, 0.0
    low, high = (band.inner, band.outer) if band.is_above else (band.outer, band.inner)
    windows = np.lib.stride_tricks.sliding_window_view
    lower, upper = windows(low, width).max(-1), windows(high, width).min(-1)
    heights = upper - lower
    best = int(heights.argmax())
    worse = np.flatnonzero(heights < 0.95 * heights[best])  # the middle of where it is nearly as tall
    start = max((place + 1 for place in worse.tolist() if place < best), default=0)
    end = min((place for place in worse.tolist() if place > best), default=len(heights))
    place = (start + end - 1) // 2
    return place + width // 2, float(lower[place]), max(float(upper[place]), float(lower[place]))
