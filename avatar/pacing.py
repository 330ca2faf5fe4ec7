"""The pace of a face that moves from one expression to another: which faces between the two are painted, and how long
each is shown.

A painter's answer to evenly spaced shares is anything but even: for a good third of the way nothing happens, then
everything at once. So the faces between are asked for where the face moves (`between_widest`), and each is shown for as
long as it takes to move on from it (`milliseconds`). Numbers only.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

WAY_SECONDS = 0.5  # from one expression to the other
HOLD_SECONDS = 0.3  # each of the two stands still
TICK = 10  # milliseconds; a GIF knows no finer time
CLOSEST = 1 / 256  # shares that differ by less need no face between


def between_widest(shares: Sequence[float], distances: Sequence[float], count: int) -> list[float]:
    """At most `count` new shares, rising: each halves the stretch over which the face seems to move most.

    shares: rising, of the faces there are; distances: how far each is from the next one, in any unit, one fewer.
    """
    stretches = [(far, begin, end) for far, (begin, end) in zip(distances, pairwise(shares), strict=True)]
    chosen: list[float] = []
    while len(chosen) < count and (open_ := [one for one in stretches if one[2] - one[1] > CLOSEST]):
        widest = far, begin, end = max(open_, key=lambda one: (one[0], one[2] - one[1]))
        middle = (begin + end) / 2
        chosen.append(middle)
        stretches.remove(widest)
        stretches += [(far / 2, begin, middle), (far / 2, middle, end)]
    return sorted(chosen)


def there_and_back(count: int) -> list[int]:
    """The order in which faces 0 … count - 1 of the way there make a loop."""
    return [*range(count), *range(count - 2, 0, -1)]


def milliseconds(distances: Sequence[float]) -> list[int]:
    """How long each face of the loop is shown, in multiples of TICK, in the order of `there_and_back`.

    distances: how far each face is from the next one. The face sets out slowly, is fastest in the middle and arrives
    slowly; then it stands still.
    """
    total = sum(distances)
    gone = [sum(distances[:place]) / total if total else place / len(distances) for place in range(len(distances) + 1)]
    arrives = [WAY_SECONDS * eased_at(share) for share in gone]
    leaves = [(one + next_one) / 2 for one, next_one in pairwise(arrives)]  # halfway to the next face, it is shown
    shown = [leaves[0], *(after - before for before, after in pairwise(leaves)), WAY_SECONDS - leaves[-1]]
    shown[0], shown[-1] = 2 * shown[0] + HOLD_SECONDS, 2 * shown[-1] + HOLD_SECONDS
    return _ticks([shown[place] for place in there_and_back(len(shown))])


def eased_at(share: float) -> float:
    """When a movement that eases in and out (3t² - 2t³) has come so far: the time, 0..1, for a share, 0..1."""
    return 0.5 - math.sin(math.asin(1 - 2 * min(max(share, 0.0), 1.0)) / 3)


def _ticks(seconds: Sequence[float]) -> list[int]:
    """Seconds as milliseconds in multiples of TICK, at least one each; what rounding takes, the next one gets."""
    rounded, owed = [], 0.0
    for wanted in seconds:
        owed += wanted * 1000
        rounded.append(max(1, round(owed / TICK)) * TICK)
        owed -= rounded[-1]
    return rounded
