"""docs/personas.md explains every key, and what it shows works."""

import re
import tomllib
from pathlib import Path

import pytest

from persona.card import (
    BASE_FILE,
    CARD_FILE,
    Card,
    Example,
    MoodWishes,
    Note,
    check,
)
from persona.expression import EMOTION_NAMES, Expression, GuidanceWishes, SamplerWishes
from persona.faces import FaceWishes
from persona.tomlfile import Table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "personas.md").read_text()


@pytest.mark.parametrize(
    ("heading", "table"),
    [
        ("### The character", Card),
        ("### `[note]`", Note),
        ("### `[[examples]]`", Example),
        ("### `[expressions.NAME]`", Expression),
        ("### `sampler`", SamplerWishes),
        ("### `guidance`", GuidanceWishes),
        ("### `[face]`", FaceWishes),
        ("### `[mood]`", MoodWishes),
    ],
)
def test_every_key_is_explained_in_its_table(heading: str, table: type[Table]) -> None:
    section = PAGE.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(table.model_fields)


def test_every_emotion_is_named() -> None:
    assert set(re.findall(r"\w+", PAGE)) >= EMOTION_NAMES


def test_the_persona_of_the_ten_minutes_is_sound(tmp_path: Path) -> None:
    block = PAGE.split("```toml\n", 1)[1].split("```", 1)[0]
    (tmp_path / CARD_FILE).write_text("\n".join(line.removeprefix("   ") for line in block.split("\n")))
    (tmp_path / BASE_FILE).write_bytes(b"a picture")
    assert check(tmp_path) == []


@pytest.mark.parametrize("slug", ["marigold", "bram", "juno"])
def test_the_sample_personas_are_complete(slug: str) -> None:
    folder = ROOT / "personas" / slug
    assert check(folder) == []
    card = Card.model_validate(tomllib.loads((folder / CARD_FILE).read_text()))
    must = {"neutral", "joy", "sadness", "anger", "fear", "surprise", "love", "embarrassment"}
    assert must <= set(card.expressions)
    assert {name for face in card.expressions.values() for name in face.emotions} == EMOTION_NAMES
    assert 4 <= len(card.examples) <= 8
    assert all(face.manner for name, face in card.expressions.items() if name != card.neutral)


@pytest.mark.parametrize("slug", ["marigold", "bram", "juno"])
def test_the_sample_personas_ask_the_starter_painter_in_words_it_was_taught(slug: str) -> None:
    taught = tomllib.loads((ROOT / "avatar" / "starter" / "prompts.toml").read_text())
    known = {prompt for prompts in taught.values() for prompt in prompts}
    card = Card.model_validate(tomllib.loads((ROOT / "personas" / slug / CARD_FILE).read_text()))
    assert [face.prompt for face in card.expressions.values() if face.prompt not in known] == []
