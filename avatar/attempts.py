"""Attempts at one face, each with the next seed, until the gate lets one through; and what it refused.

The first fit painting is taken, else the best of those that may be seen at all, else none. Every refusal is counted by
its reason, and the newest refused pictures are kept so that somebody can look at them. It paints nothing itself.
"""

import logging
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avatar.composite import Cutting, lay_over
from avatar.gate import Seen, Verdict
from avatar.mask import Floats
from avatar.picture import to_png
from avatar.shelf import write_whole
from avatar.wardrobe import Order

log = logging.getLogger(__name__)

ATTEMPTS = 3  # seeds tried before the best of them, or the neutral face, is taken
KEPT = 60  # refused pictures that are kept
QUICK = 2  # of zlib: a face is 5 to 14 % larger than at its usual 6, and written in two thirds of the time


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a seed gave: painted (S, S, 3), about 0..1, and what a recogniser saw in it, if one looked."""

    seed: int
    painted: Floats
    seen: Seen | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """A painting, (S, S, 3), with what the gate says of it."""

    seed: int
    painted: Floats
    verdict: Verdict

    def picture(self, order: Order, cutting: Cutting) -> bytes:
        """The finished face as PNG: the painting laid over the portrait."""
        return to_png(lay_over(order.portrait, cutting, self.painted), QUICK)


def chosen(attempts: Sequence[Attempt]) -> Attempt | None:
    """The first fit one, else the best that may be seen, else None."""
    seemly = [attempt for attempt in attempts if not attempt.verdict.broken]
    return max(seemly, key=lambda attempt: (attempt.verdict.fit, attempt.verdict.score), default=None)


class Refused:
    """Refused paintings: `counts` by reason, and the newest as pictures in a folder.

    A picture's name says when (unix milliseconds), whose face, which expression, which seed, and why not.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()

    def add(self, order: Order, cutting: Cutting, attempt: Attempt) -> None:
        """Count a refused painting and keep its picture; the oldest pictures go when there are too many."""
        log.warning("refused a painting of %s, %s: %s", order.persona.slug, order.spec.name, attempt.verdict.why)
        self.counts[attempt.verdict.why] += 1
        said = (order.persona.slug, order.spec.name, str(attempt.seed), attempt.verdict.why)
        name = "-".join(re.sub(r"[^\w]+", "_", part) for part in (str(time.time_ns() // 1_000_000), *said))
        try:
            write_whole(self.folder / f"{name}.png", attempt.picture(order, cutting))
            for path in self.pictures()[:-KEPT]:
                path.unlink(missing_ok=True)
        except OSError as error:  # a full disk: a face is not lost for want of a picture of what it was not to be
            log.warning("the refused painting could not be kept (%s)", error.strerror)

    def pictures(self) -> list[Path]:
        """The kept pictures, the oldest first."""
        return sorted(self.folder.glob("*.png"))
