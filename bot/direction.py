"""The stage direction: which of the persona's expressions the next reply wears. It never reaches the reader.

Two experts are multiplied. The language model says how likely it is to begin its answer with each stage direction of
the card, having seen in examples and history which answers stood under which; the mood says how far each expression
lies from what is felt. This is the exact form of writing the direction under a grammar over the list: every alternative
has its probability, instead of one draw.

A small model likes some lines whatever was said, so part of what it says without a conversation is divided out (Zhao
et al. 2021, "Calibrate Before Use", arXiv 2102.09690).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from avatar.expression import STAY, ExpressionSpec, bias, blended, middle, settled, spec_for
from emotion.mood import Mood
from persona.prompt import SILENCE, begin, stable
from persona.turn import ChatMessage

if TYPE_CHECKING:
    from inference.engine import Choice
    from persona.card import Card


class Chooses(Protocol):
    async def choose(
        self,
        messages: Sequence[ChatMessage],
        options: Sequence[str],
        bias: Sequence[float],
        *,
        weight: float = 1.0,
        adapter: str | None = None,
    ) -> "Choice": ...


CALIBRATION = 0.7  # how much of the model's own liking is divided out: 0 and 1 chose worse, see docs/LOG.md
BESIDE, HALF = 0.25, 0.4  # share of the second of two expressions from which a quarter, and half, of it shows
ALIKE = 0.8  # how far apart on the valence-arousal plane (-1..1 each) two expressions may be to be blended


@dataclass(frozen=True, slots=True)
class Direction:
    """An expression's name and how probable each one was (they sum to 1)."""

    expression: str
    probabilities: dict[str, float]


def look(card: "Card", direction: Direction, *, blends: bool) -> ExpressionSpec:
    """The face of a direction. With `blends`, what lies between its two leading expressions, if they are nearly as
    probable, are felt alike and neither is neutral; the words keep the direction."""
    spec = spec_for(card, direction.expression)
    others = [name for name in direction.probabilities if name != spec.name]
    if not blends or not others:
        return spec
    other = max(others, key=direction.probabilities.__getitem__)
    mine, its = direction.probabilities[spec.name], direction.probabilities[other]
    share = its / (mine + its) if mine + its else 0.0
    apart = math.dist(middle(card.expressions[spec.name]), middle(card.expressions[other]))
    if card.neutral in (spec.name, other) or share < BESIDE or apart > ALIKE:
        return spec
    return blended(spec, spec_for(card, other), 2 if share >= HALF else 1)


@dataclass
class Director:
    """Asks the model and weighs in the mood: p ∝ (p_model / p_model without conversation^0.7)^say · exp(mood · bias).

    `say` 0 asks the model nothing. `stay` is added to the log-weight of the expression already worn, so that what is
    nearly a tie keeps the face; an exact tie always does.
    """

    engine: Chooses
    say: float = 1.5
    mood: float = 1.0
    stay: float = STAY
    _priors: dict[tuple[str, ...], tuple[float, ...]] = field(default_factory=dict)

    async def direct(self, messages: Sequence[ChatMessage], card: "Card", mood: Mood, worn: str | None) -> Direction:
        """The most probable expression after `messages`, the prompt of the reply."""
        names = tuple(card.expressions)
        felt = bias(card, mood)
        says = await self._says(messages, card) if self.say else [0.0] * len(names)
        logits = {
            name: self.say * says_so + self.mood * felt[name] + self.stay * (name == worn)
            for name, says_so in zip(names, says, strict=True)
        }
        top = max(logits.values())
        total = sum(math.exp(value - top) for value in logits.values())
        probabilities = {name: math.exp(value - top) / total for name, value in logits.items()}
        return Direction(settled(card, mood, logits, worn), probabilities)

    async def prepare(self, card: "Card") -> None:
        """Read what all prompts of a card begin with, and ask what is asked once, so that no message waits for it."""
        if self.say:
            await self._prior(card, _lines(card))

    async def _says(self, messages: Sequence[ChatMessage], card: "Card") -> list[float]:
        """How likely (log) the conversation makes each direction in the model's eyes, less what it likes anyway."""
        lines = _lines(card)
        heard, liked = await self._ask(messages, card, lines), await self._prior(card, lines)
        return [math.log(p) - CALIBRATION * math.log(q) for p, q in zip(heard, liked, strict=True)]

    async def _ask(self, messages: Sequence[ChatMessage], card: "Card", lines: Sequence[str]) -> tuple[float, ...]:
        choice = await self.engine.choose(messages, lines, [0.0] * len(lines), adapter=card.adapter)
        return tuple(max(p, 1e-9) for p in choice.probabilities)

    async def _prior(self, card: "Card", lines: tuple[str, ...]) -> tuple[float, ...]:
        """What the model says when nothing was said; asked once per card."""
        key = (card.adapter or "", *lines, *(message["content"] for message in stable(card)))
        if key not in self._priors:
            self._priors[key] = await self._ask([*stable(card), ChatMessage(role="user", content=SILENCE)], card, lines)
        return self._priors[key]


def _lines(card: "Card") -> tuple[str, ...]:
    """The stage directions that an answer may begin with, one for each expression."""
    return tuple(begin(card, name).rstrip() for name in card.expressions)
