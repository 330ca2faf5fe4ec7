"""The stage direction: which of the persona's expressions the next reply wears. It never reaches the reader.

Two experts are multiplied. The language model says how likely each expression's name follows the conversation; the
mood says how far each expression lies from what is felt. A small model likes some words whatever was said, so its say
is taken relative to the same question without a conversation (Zhao et al. 2021, "Calibrate Before Use", arXiv
2102.09690).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from avatar.expression import bias
from emotion.mood import Mood
from persona.turn import ChatMessage

if TYPE_CHECKING:
    from inference.engine import Choice
    from persona.card import Card


class Chooses(Protocol):
    async def choose(
        self, messages: Sequence[ChatMessage], options: Sequence[str], bias: Sequence[float], *, weight: float = 1.0
    ) -> "Choice": ...


@dataclass(frozen=True, slots=True)
class Direction:
    """An expression's name and how probable each one was (they sum to 1)."""

    expression: str
    probabilities: dict[str, float]


@dataclass
class Director:
    """Asks the model and weighs in the mood: p ∝ (p_model / p_model without conversation)^say · exp(bias(mood)).

    `stay` is added to the log-weight of the expression already worn, so that a tie keeps the face.
    """

    engine: Chooses
    say: float = 0.3
    stay: float = 0.2
    _priors: dict[tuple[str, ...], tuple[float, ...]] = field(default_factory=dict)

    async def direct(self, messages: Sequence[ChatMessage], card: "Card", mood: Mood, worn: str | None) -> Direction:
        """The most probable expression after `messages` (the prompt of the reply, without a direction)."""
        names = tuple(card.expressions)
        felt = bias(card, mood)
        heard = await self._ask(asked(messages, question(card, names)), names)
        prior = await self._prior(card, names)
        logits = [
            self.say * (math.log(p) - math.log(q)) + felt[name] + self.stay * (name == worn)
            for name, p, q in zip(names, heard, prior, strict=True)
        ]
        top = max(logits)
        total = sum(math.exp(value - top) for value in logits)
        probabilities = {name: math.exp(v - top) / total for name, v in zip(names, logits, strict=True)}
        return Direction(max(probabilities, key=lambda name: probabilities[name]), probabilities)

    async def _ask(self, messages: Sequence[ChatMessage], names: Sequence[str]) -> tuple[float, ...]:
        choice = await self.engine.choose(messages, names, [0.0] * len(names))
        return tuple(max(p, 1e-9) for p in choice.probabilities)

    async def _prior(self, card: "Card", names: tuple[str, ...]) -> tuple[float, ...]:
        """What the model says when nothing was said; asked once per list of expressions."""
        if names not in self._priors:
            self._priors[names] = await self._ask(asked([], question(card, names)), names)
        return self._priors[names]


def question(card: "Card", names: Sequence[str]) -> str:
    """The question a stage direction answers."""
    return f"(Out of character: which word fits how {card.name} feels now? {', '.join(names)}. Answer with one word.)"


def asked(messages: Sequence[ChatMessage], text: str) -> list[ChatMessage]:
    """`messages` with `text` at the end of the last one (chat templates want roles to alternate)."""
    if not messages:
        return [ChatMessage(role="user", content=text)]
    *before, last = messages
    return [*before, ChatMessage(role=last["role"], content=f"{last['content']}\n{text}")]
