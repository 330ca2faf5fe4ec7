"""Conversations as admins write them down, and what a persona feels through them."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import main
from bot.errors import MienError
from bot.transcript import transcript
from emotion.labels import EMOTIONS

TALK = """
# how she takes an insult
Robin: you clumsy oaf! I hate you!
 marigold : How rude: go away.
Robin: I am so sorry, please forgive me! | remorse -> relief, caring
{"name": "Jo", "text": "hi | there"}
{"name": "M", "text": "hello", "own": true}
== praise · Tamsin, who bakes too
Jo: well done!
Tamsin: thanks
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIEN_BOT__STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MIEN_BOT__PERSONAS", str(Path(__file__).parents[2] / "personas"))


def test_every_form_of_a_line_is_read() -> None:
    lines = list(transcript(TALK, "Marigold", "talk.txt"))
    assert [(line.name, line.text, line.own, line.begins, line.at) for line in lines] == [
        ("Robin", "you clumsy oaf! I hate you!", False, True, 60),
        ("marigold", "How rude: go away.", True, False, 120),
        ("Robin", "I am so sorry, please forgive me!", False, False, 180),
        ("Jo", "hi | there", False, False, 240),
        ("M", "hello", True, False, 300),
        ("Jo", "well done!", False, True, 60),
        ("Tamsin", "thanks", True, False, 120),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("hello there", "expected “Name: what they say”, got 'hello there'"),
        (": hello", "expected “Name: what they say”"),
        ('{"name": "Jo"}', "expected an object with “name” and “text”"),
        ('{"name": "Jo", "text": 3}', "expected texts as “name” and “text”"),
        ('{"name": "Jo", "text": "", "own": "yes"}', "true or false as “own”"),
        ("{" * 5000, "expected an object"),
        ("== Tamsin", "expected “== kind · Character"),
    ],
)
def test_a_mistake_is_told_with_its_line(row: str, expected: str) -> None:
    with pytest.raises(MienError, match=r"^talk\.txt, line 2: ") as told:
        list(transcript(f"Jo: fine\n{row}", "Marigold", "talk.txt"))
    assert expected in str(told.value)


@given(st.lists(st.text() | st.sampled_from(TALK.splitlines())).map("\n".join))
def test_whatever_is_in_a_file_it_is_lines_or_a_sentence(text: str) -> None:
    with suppress(MienError):
        for line in transcript(text, "Marigold", "x"):
            assert line.name.strip() and len(line.text) <= 8000 and line.at > 0


def test_a_persona_feels_a_conversation_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("talk.txt").write_text(TALK, encoding="utf-8")
    assert main(["feel", "--dialogue", "talk.txt", "--json"]) == 0
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [fact["name"] for fact in facts] == ["Robin", "marigold", "Robin", "Jo", "M", "Jo", "Tamsin"]
    for fact in facts:
        for table in ("said", "felt", "mood"):
            assert fact[table].keys() == set(EMOTIONS)
        assert sum(fact["mood"].values()) == pytest.approx(1, abs=0.01)
        assert fact["mood"][fact["leading"]] > 0.03
    assert facts[0]["valence"] < -0.1 < facts[5]["valence"], "hurt by an insult, glad of praise in a new conversation"
    assert "anger" in facts[0]["labels"] and facts[1]["expression"] == facts[0]["expression"] != "neutral"


def test_it_is_told_in_words_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("talk.txt").write_bytes("Юки: I love you so much, Bram! 🌸\n".encode() + b"Bram: \xff\xfe")
    assert main(["feel", "--dialogue", "talk.txt", "--persona", "bram"]) == 0
    said, told, *_ = capsys.readouterr().out.splitlines()
    assert said == "Юки: I love you so much, Bram! 🌸"
    assert told.startswith("    sounds like love") and "; Bram feels " in told and ", and looks " in told


def test_a_file_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feel", "--dialogue", "nowhere.txt"]) == 2
    assert "nowhere.txt" in capsys.readouterr().err
