"""From what is felt to which face shows it. Words and numbers only: no pictures, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import dist, log

from emotion.labels import AROUSAL, EMOTIONS, NEUTRAL, VALENCE
from emotion.mood import Mood
from persona.card import Card
from persona.expression import Expression

FLOOR = 0.01  # the share every expression keeps: a mood makes a face unlikely, never impossible
STAY = 0.2  # lean (log) of the expression that is worn already
PARTS = {1: ("mostly", "a little"), 2: ("half", "half"), 3: ("a little", "mostly")}  # by quarters of a blend
QUARTERS = tuple(PARTS)
ROUNDING = 1e-9  # sums that differ by less are equal: 0.1 + 0.2 is not 0.3 to a computer


@dataclass(frozen=True, slots=True)
class Blend:
    """How far a face has gone towards another expression: its name, its prompt, and how many quarters of the way."""

    name: str
    prompt: str
    quarters: int

    def __post_init__(self) -> None:
        if self.quarters not in QUARTERS:
            raise ValueError(f"a blend goes 1, 2 or 3 quarters of the way, got {self.quarters}")


@dataclass(frozen=True, slots=True)
class ExpressionSpec:
    """What the painter is asked for: the expression's name, its prompt, the seed of its noise, and what it is blended
    with, if it is."""

    name: str
    prompt: str
    seed: int = 0
    blend: Blend | None = None

    @property
    def words(self) -> str:
        """What the face shows: "joy", or "half joy, half sadness"."""
        if self.blend is None:
            return self.name
        first, second = PARTS[self.blend.quarters]
        return f"{first} {self.name}, {second} {self.blend.name}"


def spec_for(card: Card, name: str, seed: int = 0) -> ExpressionSpec:
    """The spec of one of the card's expressions; KeyError for a name that is not on the card."""
    return ExpressionSpec(name, card.expressions[name].prompt, seed)


def blended(spec: ExpressionSpec, other: ExpressionSpec, quarters: int) -> ExpressionSpec:
    """The face that is 1, 2 or 3 quarters of the way from one expression to another; it keeps the first one's name."""
    return replace(spec, blend=Blend(other.name, other.prompt, quarters))


def bias(card: Card, mood: Mood) -> dict[str, float]:
    """Log-weight of every expression of the card under a mood; exp of them sums to 1.

    An emotion feeds the expressions that name it, by the card's weights, of which only the proportions matter; an
    emotion that no expression names feeds the one nearest to it (see `leads_to`).
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


def worn_by(card: Card, mood: Mood, worn: str | None = None, stay: float = STAY) -> str:
    """The expression that a mood alone puts on a face which wears `worn` now; what `settled` says of `bias`.

    stay: by how much (log) another expression must outweigh the worn one. No language model is asked, so this is the
    face of a `Director` whose `say` is 0.
    """
    felt = bias(card, mood)
    return settled(card, mood, {name: weight + stay * (name == worn) for name, weight in felt.items()}, worn)


def settled(card: Card, mood: Mood, weights: Mapping[str, float], worn: str | None) -> str:
    """The heaviest expression. A tie keeps the face: the one worn; else one that the mood's leading emotion leads to,
    else the neutral one, else the first of the card.

    weights: log-weight of each of the card's expressions; what rounding can part is a tie.
    """
    top = max(weights.values())
    tied = [name for name in card.expressions if weights[name] >= top - ROUNDING]
    return next(name for name in (worn, *leads_to(card, mood.leading), card.neutral, *tied) if name in tied)


def leads_to(card: Card, emotion: str) -> dict[str, float]:
    """The expressions an emotion leads to, with the card's weights; never empty.

    An emotion that no expression names leads to the nearest one, as strongly as that one's heaviest; to several if
    they are equally near. Calm that no expression names leads to the card's neutral face.
    """
    named = {name: e.emotions[emotion] for name, e in card.expressions.items() if e.emotions.get(emotion)}
    return named or {name: _heaviest(card, name) for name in nearest(card, emotion)}


def _heaviest(card: Card, name: str) -> float:
    """The largest weight of an expression; for one whose weights are all 0, of the card; else 1."""
    everywhere = (weight for expression in card.expressions.values() for weight in expression.emotions.values())
    return max(card.expressions[name].emotions.values()) or max(everywhere) or 1.0


def nearest(card: Card, emotion: str) -> list[str]:
    """The expressions whose emotions lie nearest to this one on the valence-arousal plane, usually one.

    A weight of 0 keeps an emotion away from a face; if all keep it away, the neutral face takes it.
    """
    place = VALENCE[emotion], AROUSAL[emotion]
    away = {
        name: dist(place, middle(expression))
        for name, expression in card.expressions.items()
        if emotion not in expression.emotions and any(expression.emotions.values())
    }
    if emotion == NEUTRAL or not away:
        return [card.neutral]
    return [name for name, distance in away.items() if distance <= min(away.values()) + ROUNDING]


def middle(expression: Expression) -> tuple[float, float]:
    """Where an expression lies on the valence-arousal plane: the weighted mean of its emotions."""
    weights = expression.emotions if any(expression.emotions.values()) else dict.fromkeys(expression.emotions, 1.0)
    total = sum(weights.values())
    valence = sum(VALENCE[emotion] * weight for emotion, weight in weights.items()) / total
    arousal = sum(AROUSAL[emotion] * weight for emotion, weight in weights.items()) / total
    return valence, arousal
