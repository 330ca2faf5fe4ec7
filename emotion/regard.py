"""What is held against whom: a light memory of members who hurt the character.

Each grudge is in [0, 1]. It grows with what somebody's words make the character feel against them, is forgotten over
hours, and is lifted by an apology. While it lasts, part of the pleasure that this member gives is withheld: who
insulted and then jokes is met with reserve. A friend's sorrow, however dark it makes a mood, is nobody's fault and held
against nobody. Pure arithmetic; only the gravest few are remembered.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotion.labels import EMOTIONS, INDEX, NEUTRAL, VALENCE
from emotion.motion import MoodSettings, Shares

AGAINST = [INDEX[name] for name in ("anger", "disgust", "annoyance", "disapproval")]
AMENDS = INDEX["remorse"]
MOST_REMEMBERED = 16  # members
FORGOTTEN = 0.05  # a grudge below this is none
_PLEASANT = np.array([VALENCE[name] > 0 for name in EMOTIONS])


def moved(held: ArrayLike, felt: Shares, said: ArrayLike) -> NDArray[np.float64]:
    """A grudge after one more message: `felt`, the impression it made, and `said`, how its words sound."""
    offence, amends = felt[..., AGAINST].sum(-1), np.asarray(said)[..., AMENDS]
    return np.asarray(np.maximum(held, offence) * (1 - amends))


def withheld(felt: Shares, grudge: ArrayLike, settings: MoodSettings) -> Shares:
    """An impression by somebody who hurt: part of what is pleasant in it turns neutral."""
    kept_part = 1 - settings.reserve * np.asarray(grudge)[..., None]
    shares = np.where(_PLEASANT, felt * kept_part, felt)
    shares[..., INDEX[NEUTRAL]] += felt.sum(-1) - shares.sum(-1)
    return shares


def faded(grudges: Mapping[str, float], seconds: float, settings: MoodSettings) -> dict[str, float]:
    """What is left of them after so many seconds; less than none is none."""
    left = 0.5 ** (max(seconds, 0.0) / (3600 * settings.grudge_hours))
    return {name: grudge * left for name, grudge in grudges.items()}


def kept(grudges: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """The gravest, by name, without what is as good as forgotten."""
    gravest = sorted(grudges.items(), key=lambda one: (-one[1], one[0]))[:MOST_REMEMBERED]
    return tuple(sorted((name, round(grudge, 4)) for name, grudge in gravest if grudge >= FORGOTTEN))
