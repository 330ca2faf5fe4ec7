"""Which expression is meant by the names that other programs give their faces: "happy", "Smug_2", "sprite-angry-01".

The words are in synonyms.toml; a name that could be two feelings is nobody's.
"""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from persona.naming import find, fold


def meant(name: str, expressions: Iterable[str]) -> str | None:
    """The one of `expressions` that a face's name stands for; None where none does, or several may."""
    known = list(expressions)
    words = re.findall(r"[^\W\d_]+", fold(name))
    for typed in (name, name.replace("_", " ")):
        if (found := find(typed, known)) is not None:
            return found
    if re.search(r"[/\\]", name):
        return None  # a path is no name
    labels = {label for word in words for label in (word, _labels().get(word, "")) if find(label, known)}
    return find(labels.pop(), known) if len(labels) == 1 else None


@cache
def _labels() -> dict[str, str]:
    """word -> label."""
    text = (Path(__file__).parent / "synonyms.toml").read_text(encoding="utf-8")
    return {word: label for label, words in tomllib.loads(text).items() for word in words}
