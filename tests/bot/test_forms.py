"""The grammars of cards, and what `mien persona check` says of them."""

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bot.check import check_personas
from bot.compose import Rooms
from bot.forms import Forms, mistakes
from bot.speaking import Said
from persona.card import CARD_FILE, load_persona
from persona.turn import Role, Turn

ROOT = Path(__file__).parents[2]


def marigold(tmp_path: Path, grammar: str, name: str = "form.gbnf") -> Path:
    """Marigold's folder with a grammar in a file."""
    here = tmp_path / "marigold"
    here.mkdir()
    for file in (ROOT / "personas" / "marigold").iterdir():
        (here / file.name).write_bytes(file.read_bytes())
    card = here / CARD_FILE
    card.write_text(card.read_text().replace("\n[sampler]", f'\ngrammar = "{name}"\n[sampler]', 1))
    (here / name).write_text(grammar)
    return here


def test_a_form_is_read_once(tmp_path: Path) -> None:
    card = load_persona(str(marigold(tmp_path, 'root ::= "Hoo!"')), []).card
    forms = Forms()
    grammar = forms(card, "joy")
    assert grammar is not None
    assert grammar.accepts("Hoo!")
    assert not grammar.accepts("Hoo?")
    assert forms(card, "sadness") is grammar


def test_a_card_without_a_form_is_free() -> None:
    assert Forms()(load_persona("marigold", [ROOT / "personas"]).card, "joy") is None


def test_a_broken_form_is_told_once_and_the_reply_is_free(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    card = load_persona(str(marigold(tmp_path, "root ::= more")), []).card
    forms = Forms()
    with caplog.at_level(logging.WARNING):
        assert forms(card, "joy") is None
        assert forms(card, "joy") is None
    [record] = caplog.records
    assert "a grammar of Marigold is left out" in record.getMessage()
    assert "there is no rule `more`" in record.getMessage()


def test_the_check_says_where_a_grammar_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = marigold(tmp_path, '# a list\nroot ::= item+\nitem ::= "- " [^\\n\n')
    assert check_personas([str(here)], as_json=True) == 1
    [notice] = [one for one in json.loads(capsys.readouterr().out)["notices"] if one["level"] == "error"]
    assert (notice["file"], notice["line"]) == (str(here / "form.gbnf"), 3)
    assert notice["says"] == "column 15: the bracket [ that begins here is not closed on its line"


def test_the_check_is_content_with_a_sound_grammar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_personas([str(marigold(tmp_path, 'root ::= "- " [^\\n]+'))], as_json=False) == 0
    assert capsys.readouterr().out.startswith("ok ")


def test_the_grammar_of_the_docs_is_sound(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "personas.md").read_text()
    grammar = page.split("```gbnf\n", 1)[1].split("```", 1)[0]
    here = marigold(tmp_path, grammar, "fortune.gbnf")
    assert list(mistakes(here)) == []
    form = Forms()(load_persona(str(here), []).card, "neutral")
    assert form is not None
    quoted = re.findall(r"^> 🔮.*\n> .*\n> .*$", page, re.MULTILINE)
    assert len(quoted) == 2
    for reply in quoted:
        assert form.accepts("\n".join(line.removeprefix("> ").rstrip("\\") for line in reply.splitlines()))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("count", [1, 2])
async def test_a_reply_has_the_form_of_its_card(rooms: Rooms, tmp_path: Path, count: int) -> None:
    card = load_persona(str(marigold(tmp_path, 'root ::= "Hoo! Hoo! Hoo! " [a-z]{3,8} "\\n" [a-z]{3,8}')), []).card
    speaker = rooms.story.speaker
    speaker = replace(speaker, manners=replace(speaker.manners, count=count))
    turns = [Turn(Role.USER, "Robin", "Say hoo.", 0.0)]
    *growing, said = [each async for each in speaker.speak(card, turns, "joy", 1)]
    assert isinstance(said, Said)
    for text in (said.text, *said.variations):
        assert re.fullmatch(r"Hoo! Hoo! Hoo! [a-z]{3,8}\n[a-z]{3,8}", text)  # as it was written: nothing is tidied
    assert all(isinstance(text, str) and said.text.startswith(text) for text in growing)
    assert bool(growing) == (count == 1)
