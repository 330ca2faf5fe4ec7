"""docs/personas.md explains every key, and what it shows works."""

import argparse
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from bot.cli import main, parser
from persona.card import (
    CARD_FILE,
    Card,
    Example,
    MoodWishes,
    Note,
    check,
)
from persona.cast import Cast
from persona.expression import EMOTION_NAMES, Expression, GuidanceWishes, SamplerWishes
from persona.faces import FaceWishes, LoraWish
from persona.lore.tomlbook import BookTable, EntryTable
from persona.tomlfile import Table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "personas.md").read_text()


SECTIONS: dict[str, type[Table]] = {
    "### The character": Card,
    "### `[note]`": Note,
    "### `[[examples]]`": Example,
    "### `[expressions.NAME]`": Expression,
    "### `sampler`": SamplerWishes,
    "### `guidance`": GuidanceWishes,
    "### `[face]`": FaceWishes,
    "### `[mood]`": MoodWishes,
}
BLOCKS = [
    block.split("```", 1)[0] for block in PAGE.split("## Ten minutes", 1)[1].split("\n## ", 1)[0].split("```toml\n")[1:]
]


@pytest.mark.parametrize(("heading", "table"), SECTIONS.items())
def test_every_key_is_explained_in_its_table(heading: str, table: type[Table]) -> None:
    section = PAGE.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(table.model_fields)


def test_every_emotion_is_named() -> None:
    assert set(re.findall(r"\w+", PAGE)) >= EMOTION_NAMES


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


def tables(table: type[Table]) -> set[type[Table]]:
    """A table and all that lie in it."""
    found = {table}
    waiting: list[object] = [field.annotation for field in table.model_fields.values()]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, Table):
            if kind not in found:
                found |= tables(kind)
        else:
            waiting += get_args(kind)
    return found


def test_every_table_of_a_card_has_a_section() -> None:
    assert tables(Card) == set(SECTIONS.values()) | {LoraWish}


@pytest.mark.parametrize(("heading", "table"), [("### The book", BookTable), ("### `[[entries]]`", EntryTable)])
def test_every_key_of_a_lorebook_is_explained_on_the_page_that_this_one_leads_to(
    heading: str, table: type[Table]
) -> None:
    page = (ROOT / "docs" / "lore.md").read_text()
    section = page.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(table.model_fields)
    assert "(lore.md)" in PAGE


def test_every_code_of_the_check_is_explained() -> None:
    files = [*(ROOT / "persona" / "lint").glob("*.py"), ROOT / "bot" / "check.py"]
    source = "".join(file.read_text() for file in files)
    codes = set(re.findall(r'Notice\(\s*(?:"(?:error|warning|note)"|[a-z.]*level),\s*"([a-z-]+)"', source))
    codes |= set(re.findall(r'code="([a-z-]+)"', source)) | set(re.findall(r'_tried\("([a-z-]+)"', source))
    section = PAGE.split("## What the check says\n", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == codes


def test_every_option_of_the_commands_for_personas_is_explained() -> None:
    pages = PAGE + "".join((ROOT / "docs" / page).read_text() for page in ("lore.md", "commands.md"))
    for command, options in commands(parser()):
        if command[:1] in (("persona",), ("lore",)):
            assert f"mien {' '.join(command)}" in pages, command
            assert [option for option in options if f"{option}`" not in pages and f"{option} " not in pages] == []


def commands(top: argparse.ArgumentParser, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every command with its long options."""
    inner = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    for action in inner:
        for name, one in action.choices.items():
            yield from commands(one, (*before, name))
    if not inner:
        yield (
            before,
            [
                option
                for action in top._actions
                for option in action.option_strings
                if option[:2] == "--" and option != "--help"
            ],
        )


def test_the_ten_minutes_are_sound_and_print_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, whole, lore = BLOCKS
    here = tmp_path / "personas" / "pip"
    here.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "personas" / "bram" / "base.png", here)
    (here / CARD_FILE).write_text(first)
    assert main(["persona", "check", "personas/pip"]) == 0
    assert capsys.readouterr().out in PAGE
    (here / CARD_FILE).write_text(whole)
    (here / "lorebook.toml").write_text(lore)
    assert main(["persona", "check", "personas/pip"]) == 0
    assert "note" not in capsys.readouterr().out
    assert main(["lore", "personas/pip", "--text", "Is there a letter for the lighthouse?"]) == 0
    assert capsys.readouterr().out in PAGE
    cast = Cast([Path("personas")])
    assert cast.troubles() == {}
    (here / CARD_FILE).write_text(whole.replace('Shall I read it?"', "Shall I read it?"))
    assert next(iter(cast.troubles().values())) in PAGE
