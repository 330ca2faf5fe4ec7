"""`mien lore`: what awakens and why, for people and as JSON; what is wrong with a file is one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main

BOOK = """
[[entries]]
name = "the oven"
keys = ["oven"]
text = "{{char}} bakes on Mill Lane."
[[entries]]
name = "the lane"
keys = ["mill lane"]
text = "It ends at the river."
[[entries]]
name = "the river"
keys = ["river"]
text = "It is deep."
probability = 0
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "town.toml"
    file.write_text(BOOK)
    return file


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["lore", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_awakens_is_told_in_order_and_through_what(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = told(capsys, str(book), "--text", "hello", "--text", "Ann: the oven!", "--char", "Juno")
    assert [(entry["name"], entry["text"]) for entry in answer["entries"]] == [
        ("the oven", "Juno bakes on Mill Lane."),
        ("the lane", "It ends at the river."),
    ]
    oven, lane = (entry["why"] for entry in answer["entries"])
    assert (oven["key"], oven["message"], oven["through"]) == ("oven", 2, None)
    assert (lane["key"], lane["message"], lane["through"]) == ("mill lane", None, "the oven")
    assert [(out["name"], out["reason"]) for out in answer["left_out"]] == [("the river", "probability")]


def test_it_is_told_for_people(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lore", str(book), "--text", "the oven"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1. the oven (after): “oven” in message 1 of 1",
        "   the character bakes on Mill Lane.",
        "2. the lane (after): “mill lane” in what the oven says",
        "   It ends at the river.",
        "- the river stays asleep (probability): it awakens 0 times in a hundred",
    ]
    assert main(["lore", str(book), "--text", "hello"]) == 0
    assert capsys.readouterr().out == "Nothing awakens.\n"


def test_a_file_of_messages_comes_before_the_text(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messages = book.with_name("talk.txt")
    messages.write_text("Ann: the oven\n\nBob: hm\nAnn: ah\n", encoding="utf-8")
    arguments = (str(book), "--messages", str(messages), "--text", "so")
    assert [entry["why"]["message"] for entry in told(capsys, *arguments)["entries"]] == [1, None]
    assert told(capsys, *arguments, "--scan-depth", "3")["entries"] == []


def test_a_budget_leaves_out_what_comes_last(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = told(capsys, str(book), "--text", "the oven", "--budget", "10")
    assert [entry["name"] for entry in answer["entries"]] == ["the oven"]
    assert ("the lane", "budget") in {(out["name"], out["reason"]) for out in answer["left_out"]}


def test_the_book_of_a_card_and_of_a_persona(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [{"keys": ["key", ""], "content": "{{char}} knows."}]
    card = {"spec": "chara_card_v2", "data": {"name": "Tess", "character_book": {"entries": entries}}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    answer = told(capsys, str(tmp_path / "card.json"), "--text", "key")
    assert [entry["scope"] for entry in answer["entries"]] == ["persona"]
    assert [(found["level"], found["where"]) for found in answer["findings"]] == [("error", "entries[0].keys[1]")]
    sample = Path(__file__).parents[2] / "personas" / "bram"
    assert told(capsys, str(sample), "--text", "the cellar")["entries"][0]["name"] == "the cellar"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone.toml"], "gone.toml: there is no such file"),
        (["nobody"], "there is no persona 'nobody'"),
        (["town.toml", "--messages", "gone.txt"], "gone.txt cannot be read"),
        (["broken.json"], "broken.json, line 1, column 2: not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    book: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    (book.parent / "broken.json").write_text("{")
    assert main(["lore", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
