"""Banned phrases: where one stands in a text, and where one may be beginning.

A phrase is a plain string, sought without regard to case, inside words too ("ass" is in "class"): what KoboldCpp
calls anti-slop. Taking it back, and saying something else, is the writer's business (inference/writer.py).
"""

from collections.abc import Sequence

from inference.tags import overlap


class Phrases:
    """The phrases that may not be said."""

    def __init__(self, phrases: Sequence[str]) -> None:
        assert all(phrases), "an empty phrase would ban everything"
        self._phrases = tuple(dict.fromkeys(fold(phrase) for phrase in phrases))

    def __bool__(self) -> bool:
        return bool(self._phrases)

    def find(self, text: str, start: int) -> int | None:
        """Where the first whole phrase begins in `text`, from character `start` on; None when there is none."""
        rest = fold(text[start:])
        places = [rest.find(phrase) for phrase in self._phrases if phrase in rest]
        return start + min(places) if places else None

    def may_begin(self, text: str, start: int) -> int:
        """The place from `start` on where the end of `text` may be the beginning of a phrase; its length if none."""
        rest = fold(text[start:])
        return len(text) - max((overlap(rest, phrase) for phrase in self._phrases), default=0)


def fold(text: str) -> str:
    """`text` without case, letter by letter, so that places in it stay what they are ("ß" stays one letter)."""
    return "".join(folded if len(folded := letter.casefold()) == 1 else letter for letter in text)
