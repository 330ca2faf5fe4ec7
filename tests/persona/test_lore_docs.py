"""docs/lore.md explains every key, and what it shows works."""

import re
from pathlib import Path

import pytest

from persona.lore.tomlbook import BookTable, EntryTable
from persona.lorebook import read_lorebook
from persona.tomlfile import Table
from tests.persona.lore import awaken, texts

PAGE = (Path(__file__).parents[2] / "docs" / "lore.md").read_text()


@pytest.mark.parametrize(("heading", "table"), [("### The book", BookTable), ("### `[[entries]]`", EntryTable)])
def test_every_key_is_explained_with_its_default(heading: str, table: type[Table]) -> None:
    section = PAGE.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", section, re.MULTILINE))
    assert set(rows) == set(table.model_fields)
    for name, field in table.model_fields.items():
        told = rows[name].strip().strip("`").strip('"')
        if isinstance(field.default, bool):
            assert told == str(field.default).lower(), name
        elif isinstance(field.default, int | float | str) and field.default != "":
            assert told == str(field.default), name


def test_the_book_of_two_minutes_is_sound(tmp_path: Path) -> None:
    file = tmp_path / "lorebook.toml"
    file.write_text(PAGE.split("```toml\n", 1)[1].split("```", 1)[0])
    book = read_lorebook(file)
    assert book.findings == ()
    assert texts(awaken(book, "Who is Old Thistle, and who bakes honey buns?")) == [
        entry.text for entry in book.entries
    ]
