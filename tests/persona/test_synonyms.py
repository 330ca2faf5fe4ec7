"""What other programs call their faces."""

import tomllib
from pathlib import Path

import pytest

from persona.expression import EMOTION_NAMES
from persona.synonyms import meant

ALL = sorted(EMOTION_NAMES)


@pytest.mark.parametrize(
    ("called", "worn"),
    [
        ("joy", "joy"), ("Joy", "joy"), ("happy", "joy"), ("Happy_01", "joy"), ("joy-2", "joy"),
        ("sprite-angry-3", "anger"),
        ("ANGRY", "anger"), ("smug", "pride"), ("blush", "embarrassment"), ("Crying (1)", "sadness"),
        ("default", "neutral"),
        ("marigold_surprised", "surprise"), ("happy smile", "joy"),
        ("happy and sad", None), ("beach outfit", None), ("", None), ("../joy", None),
        ("01", None), ("unhappyish", None),
    ],
)  # fmt: skip
def test_a_name_stands_for_the_one_feeling_in_it(called: str, worn: str | None) -> None:
    assert meant(called, ALL) == worn


def test_only_what_the_character_has_is_meant_as_it_is_written_there() -> None:
    assert meant("happy", ["Joy", "neutral"]) == "Joy"
    assert meant("happy", ["beaming", "neutral"]) is None
    assert meant("quite_smug", ["quite smug", "pride"]) == "quite smug"


def test_no_word_stands_for_two_feelings() -> None:
    tables = tomllib.loads((Path(__file__).parents[2] / "persona/synonyms.toml").read_text(encoding="utf-8"))
    words = [word for named in tables.values() for word in named]
    assert set(tables) == set(EMOTION_NAMES) and len(words) == len(set(words))
    assert not set(words) & set(EMOTION_NAMES) and all(word.isalpha() and word == word.casefold() for word in words)
