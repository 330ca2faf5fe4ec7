"""Conversations to draw: made by hand, or by chance."""

from collections.abc import Sequence

from hypothesis import strategies as st

from emotion.labels import EMOTIONS
from emotion.mood import Moment, Mood

WORDS = "open sesame"  # what everybody says


def mood_of(at: float = 0.0, **felt: float) -> Mood:
    """A mood of these parts, led by the first of the largest."""
    total = sum(felt.values())
    return Mood(tuple(felt.get(name, 0.0) / total for name in EMOTIONS), max(felt, key=felt.__getitem__), at)


def talk(*turns: tuple[str, dict[str, float], str | None], start: float = 1e9, step: float = 60.0) -> list[Moment]:
    """Turns as (who, what is felt after it, the face worn by a reply), a minute apart."""
    return [
        Moment(start + number * step, who, face is not None, WORDS, mood_of(start + number * step, **felt), face)
        for number, (who, felt, face) in enumerate(turns)
    ]


@st.composite
def talks(draw: st.DrawFn, most: int = 12) -> Sequence[Moment]:
    parts = st.dictionaries(st.sampled_from(EMOTIONS), st.floats(0.05, 1), min_size=1, max_size=4)
    moments, at = [], 1e9
    for _ in range(draw(st.integers(0, most))):
        mood, own = mood_of(at, **draw(parts)), draw(st.booleans())
        name = "Dot" if own else draw(st.text(max_size=12))
        moments.append(Moment(at, name, own, WORDS, mood, draw(st.sampled_from(["joy", "gone"])) if own else None))
        at += draw(st.floats(0, 1e5))
    return moments
