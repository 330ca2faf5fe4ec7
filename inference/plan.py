"""What fits on a card, before anything is loaded: arithmetic and nothing else.

    plan = Plan("the card", 24 << 30, (weights, keys_and_values, classifier, painter))
    print(plan.table())
    plan.check()

Knows names and bytes. How large a model is, is measured elsewhere (inference/weights.py); who is where while Mien runs
is the ledger's business (inference/residency.py), which measures again and believes no plan.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from inference.job import NoRoom

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LIBRARIES_CUDA = 600 << 20  # what CUDA itself, cuBLAS and the kernels take before the first weight
SHARE_NAMED = 0.04  # of the sum; whoever wants less is not named in a refusal
LIBRARIES_HOST = 700 << 20  # Python, torch and transformers, imported

Kind = Literal["stays", "comes and goes", "working"]
"""Stays: there from the start to the end. Comes and goes: parked in host memory while others need its room. Working:
memory of a single step, given back after it; the largest counts, for one step runs at a time."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that wants memory, as a sentence names it: "8 replies of 4,096 tokens"."""

    name: str
    bytes: int
    kind: Kind = "stays"


@dataclass(frozen=True, slots=True)
class Plan:
    """Who wants memory of a card, and what comes of it.

    card: as a sentence names it: "the card", "this machine". total: bytes that can be had there. apart: whether its
    memory is other than the host's; if not, nobody can be parked anywhere. advice: what to choose when it is too much.
    """

    card: str
    total: int
    needs: tuple[Need, ...]
    apart: bool = True
    advice: str = "choose a smaller model, or fewer tokens"

    @property
    def settled(self) -> int:
        """Bytes of all that stays."""
        return self._sum("stays")

    @property
    def working(self) -> int:
        """Bytes of the largest step."""
        return max((need.bytes for need in self.needs if need.kind == "working"), default=0)

    @property
    def guests(self) -> int:
        """Bytes of all that comes and goes."""
        return self._sum("comes and goes")

    @property
    def swaps(self) -> bool:
        """Whether guests have to make room for each other, because they do not fit together."""
        return self.apart and self.settled + self.working + self.guests > self.total

    @property
    def least(self) -> int:
        """Bytes without which it cannot be done: all that stays, the largest step, and the largest guest; or all of
        them, where nobody can be parked."""
        largest = max((need.bytes for need in self.needs if need.kind == "comes and goes"), default=0)
        return self.settled + self.working + (largest if self.apart else self.guests)

    @property
    def left(self) -> int:
        """Bytes left when everybody is there who can be there at the same time; less than 0 if it cannot be done."""
        return self.total - (self.least if self.swaps else self.settled + self.working + self.guests)

    @property
    def refusal(self) -> str | None:
        """Why it cannot be done, in one sentence with the arithmetic; None if it can."""
        if self.least <= self.total:
            return None
        counted = [need for need in self.needs if self._counts(need)]
        named = [need for need in counted if need.bytes >= SHARE_NAMED * self.least]
        rest = self.least - sum(need.bytes for need in named)
        wants = [f"{need.name} {size(need.bytes)}" for need in named[1:]] + [f"the rest {size(rest)}"] * (rest > 0)
        sums = ", ".join([f"{named[0].name} needs {size(named[0].bytes)}", *wants, f"together {size(self.least)}"])
        return f"{sums}; {self.card} has {size(self.total)}: {self.advice}."

    def check(self) -> None:
        """Raise NoRoom with the refusal, if there is one."""
        if (refusal := self.refusal) is not None:
            raise NoRoom(refusal)

    def table(self) -> str:
        """Who wants how much and what comes of it, a line each."""
        verdicts = {"stays": "stays", "working": "while a step runs"}
        guest = "comes and goes" if self.swaps else "stays while there is room" if self.apart else "stays"
        rows = [(need.name, size(need.bytes), verdicts.get(need.kind, guest)) for need in self.needs]
        rows.append(("left" if self.left >= 0 else "lacking", size(abs(self.left)), f"of {size(self.total)}"))
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"{name:<{widths[0]}}  {bytes:>{widths[1]}}  {verdict}" for name, bytes, verdict in rows]
        if self.apart and self.guests:
            lines.append(f"(parked in host memory: up to {size(self.guests)})")
        return "\n".join(lines)

    def data(self) -> Mapping[str, object]:
        """The plan for programs; bytes throughout."""
        return {
            "card": self.card,
            "total": self.total,
            "needs": [asdict(need) for need in self.needs],
            "settled": self.settled,
            "working": self.working,
            "guests": self.guests,
            "least": self.least,
            "left": self.left,
            "swaps": self.swaps,
            "fits": self.refusal is None,
        }

    def _sum(self, kind: Kind) -> int:
        return sum(need.bytes for need in self.needs if need.kind == kind)

    def _counts(self, need: Need) -> bool:
        """Whether a need is part of `least`: of guests and of steps, the largest."""
        if need.kind == "stays" or (need.kind == "comes and goes" and not self.apart):
            return True
        alike = [other for other in self.needs if other.kind == need.kind]
        return need is max(alike, key=lambda other: other.bytes)


def size(count: int) -> str:
    """Bytes for people: "38.2 GiB", "86 MiB"."""
    return f"{count / 2**30:,.1f} GiB" if count >= 1 << 30 else f"{count / 2**20:,.0f} MiB"


def parse_size(text: str) -> int:
    """Bytes of "24GB", "24 GiB", "512M" or "25769803776". Units are powers of 1,024, as makers of cards mean them.

    Raises ValueError with a sentence.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    count = int(float(found[1]) * UNITS[found[2].upper()]) if found else 0
    if count <= 0:
        raise ValueError(f"'{text}' is no size of a card: write it like 24GB.")
    return count
