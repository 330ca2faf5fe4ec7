"""From what is felt to which face shows it. Words and numbers only: no pictures, no torch."""

from dataclasses import dataclass
from math import dist, log

from emotion.labels import AROUSAL, EMOTIONS, VALENCE
from emotion.mood import Mood
from persona.card import Card, Expression

FLOOR = 0.01  # the share every expression keeps: a mood makes a face unlikely, never impossible


@dataclass(frozen=True, slots=True)
class ExpressionSpec:
    """What the painter is asked for: the expression's name, its prompt, and the seed of its noise."""

    name: str
    prompt: str
    seed: int = 0


def spec_for(card: Card, name: str, seed: int = 0) -> ExpressionSpec:
    """The spec of one of the card's expressions; KeyError for a name that is not on the card."""
    return ExpressionSpec(name, card.expressions[name].prompt, seed)


def bias(card: Card, mood: Mood) -> dict[str, float]:
    """Log-weight of every expression of the card under a mood; exp of them sums to 1.

    An emotion feeds the expressions that name it, by the card's weights; an emotion that no expression names feeds the
    expression nearest to it by valence and arousal.
    """
    fed = dict.fromkeys(card.expressions, 0.0)
    for emotion, felt in zip(EMOTIONS, mood.weights, strict=True):
        for name, weight in leads_to(card, emotion).items():
            fed[name] += felt * weight
    total = sum(fed.values())
    count = len(fed)
    shares = {name: value / total if total > 0 else 1 / count for name, value in fed.items()}
    return {
        name: log((1 - FLOOR * count / (count + 1)) * share + FLOOR / (count + 1)) for name, share in shares.items()
    }


def leads_to(card: Card, emotion: str) -> dict[str, float]:
    """The expressions an emotion leads to, with the card's weights; never empty."""
    named = {name: e.emotions[emotion] for name, e in card.expressions.items() if emotion in e.emotions}
    return named or {nearest_expression(card, emotion): 1.0}


def nearest_expression(card: Card, emotion: str) -> str:
    """The expression whose emotions lie nearest to this one on the valence-arousal plane; the first of equals."""
    place = (VALENCE[emotion], AROUSAL[emotion])
    return min(card.expressions, key=lambda name: dist(place, middle(card.expressions[name])))


def middle(expression: Expression) -> tuple[float, float]:
    """Where an expression lies on the valence-arousal plane: the weighted mean of its emotions."""
    total = sum(expression.emotions.values())
    valence = sum(VALENCE[emotion] * weight for emotion, weight in expression.emotions.items()) / total
    arousal = sum(AROUSAL[emotion] * weight for emotion, weight in expression.emotions.items()) / total
    return valence, arousal
