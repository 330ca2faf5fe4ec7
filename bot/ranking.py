"""Which of several drafts is the best: arithmetic on what the classifier and the language model say about them.

Two judges that know nothing of each other. The classifier reads a draft as any listener would: how much of what it
hears are the emotions of the face that will be shown beside the words? The language model compares two prompts: how
much likelier are the words under the manner of this expression than under the rubric, what the voice must not be?
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from emotion.labels import EMOTIONS
from emotion.motion import evidence

if TYPE_CHECKING:
    from persona.card import Card

AGREEMENT = 1.0  # weight of log(agreement), which ranges over log(1 / LEAST), about 4
RUBRIC = 0.5  # weight of the difference of mean log-likelihoods: drafts of one reply differ by tenths of a nat
LEAST = 0.02  # agreement below this is all the same: the classifier is not that sure of anything


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each judge counts."""

    agreement: float = AGREEMENT
    rubric: float = RUBRIC


@dataclass(frozen=True, slots=True)
class Judged:
    """A draft's words with what was found about them. `gravity`: of its faults, 0 = it passed the floor."""

    text: str
    gravity: int
    agreement: float  # 0 to 1
    contrast: float = 0.0  # nats a token: log p under the prompt minus log p under the rubric; 0 = not asked


def agreement(card: "Card", expression: str, scores: Sequence[float]) -> float:
    """How much of what the classifier hears, (28,) probabilities, are this expression's emotions: 0 to 1."""
    heard = evidence(scores)
    wanted = card.expressions[expression].emotions
    return float(sum(share * min(wanted.get(name, 0.0), 1.0) for name, share in zip(EMOTIONS, heard, strict=True)))


def worth(draft: Judged, weights: Weights) -> float:
    """Higher is better; in nats, as far as they are comparable."""
    return weights.agreement * log(max(draft.agreement, LEAST)) + weights.rubric * draft.contrast


def ranked(drafts: Sequence[Judged], weights: Weights) -> list[Judged]:
    """Best first: those without faults by their worth, then the rest, the least bad first. Doubles count once."""
    unique: dict[str, Judged] = {}
    for draft in drafts:
        unique.setdefault(" ".join(draft.text.casefold().split()), draft)
    return sorted(unique.values(), key=lambda draft: (draft.gravity, -worth(draft, weights)))
