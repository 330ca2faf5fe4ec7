"""One face of a character, and the kinds of text that a card's tables are made of.

    Expression    the emotions that lead to the face, its picture prompt, its way of speaking

Knows nothing of folders, pictures and other faces.
"""

import re
import unicodedata
from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from persona.naming import nearest
from persona.sampler import SamplerKeys
from persona.tomlfile import Table

# GoEmotions (Demszky et al. 2020, arXiv 2005.00547), without an order; emotion.labels owns the order.
_GO_EMOTIONS = """
    admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval disgust
    embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief remorse
    sadness surprise neutral
"""
EMOTION_NAMES = frozenset(_GO_EMOTIONS.split())


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError("expected one line without control characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected some text, got only blanks")
    return text


def _expression_name(name: str) -> str:
    if not re.fullmatch(r"\w[\w -]{0,39}", name):
        raise ValueError("expected a name of at most 40 letters, digits, blanks and hyphens")
    return name


def _emotion(name: str) -> str:
    if name not in EMOTION_NAMES:
        raise ValueError(f"expected one of the 28 GoEmotions labels, got {name!r}{_nearest(name)}")
    return name


def _nearest(name: str) -> str:
    near = nearest(name, sorted(EMOTION_NAMES))
    return f"; did you mean {near}?" if near else ""


def _weights(value: Any) -> Any:
    """A list of names weighs each 1; a table is taken as it is."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        twice = [name for name, times in Counter(value).items() if times > 1]
        if twice:
            raise ValueError(f"expected each emotion once, got {twice[0]} twice")
        value = dict.fromkeys(value, 1.0)
    if not isinstance(value, dict) or not value:
        raise ValueError(f"expected a list of emotion names or a table of emotion = weight, got {value!r:.60}")
    return value


Words = Annotated[str, AfterValidator(_not_blank)]
Line = Annotated[str, AfterValidator(_one_line)]
Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_not_blank), AfterValidator(_one_line)]
Nickname = Annotated[str, Field(max_length=80), AfterValidator(_one_line)]
ExpressionName = Annotated[str, AfterValidator(_expression_name)]
Opening = Annotated[str, Field(max_length=80), AfterValidator(_not_blank), AfterValidator(_one_line)]
Emotion = Annotated[str, AfterValidator(_emotion)]
Weight = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


class SamplerWishes(SamplerKeys):
    """How the words are drawn in this state; what is not mentioned, the admin's settings decide."""

    max_tokens: int = Field(default=4096, ge=8, le=4096, description="longest reply, in tokens")


class GuidanceWishes(Table):
    """What the voice must not be, and how hard the words are pushed away from it (classifier-free guidance)."""

    negative: Line = Field(
        default="", max_length=300, description="one line: how the character must not speak; the text pushed away from"
    )
    scale: float | None = Field(
        default=None,
        ge=1,
        le=10,
        description="how hard to push; 1 = not at all, and free; 1.5 to 3 is usual",
    )


class Expression(Table):
    """One face of the character."""

    emotions: Annotated[dict[Emotion, Weight], BeforeValidator(_weights)] = Field(
        description="the emotions that lead to this face: a list of names, or a table of emotion = weight (0 = never)"
    )
    prompt: Words = Field(description="what the painter is told: the look of this face")
    manner: Line = Field(default="", max_length=300, description="one line: how the character speaks in this state")
    opens: list[Opening] = Field(
        default_factory=list,
        max_length=24,
        description="beginnings of a reply in this state; the model picks one and goes on from there",
    )
    sampler: SamplerWishes = Field(default=SamplerWishes(), description="sampler wishes in this state")
    guidance: GuidanceWishes = Field(
        default=GuidanceWishes(), description="what the voice must not be in this state, and how hard that counts"
    )
    grammar: str = Field(default="", description="the form of every reply in this state: GBNF, or a .gbnf file's name")
