"""Grammars in cards: written in the card or in a file beside it, and where each of their lines stands."""

import re
from pathlib import Path

import pytest

from persona.card import CARD_FILE, Card, check, load_persona
from persona.cast import Cast
from persona.form import forms
from persona.tomlfile import TomlError, load_toml
from tests.persona.test_card import CARD, folder

HAIKU = 'root ::= line\nline ::= "a"\n'


def with_grammar(value: str, joy: str = "") -> str:
    own = f"description = {'A tiny owl.'!r}\ngrammar = {value}\n"
    card = CARD.replace('description = "A tiny owl."\n', own)
    return card.replace('manner = "Pip hoots', f'grammar = {joy}\nmanner = "Pip hoots') if joy else card


def test_a_card_without_a_grammar_is_free(tmp_path: Path) -> None:
    card = load_persona(str(folder(tmp_path)), []).card
    assert card.form("joy") == card.form("neutral") == ""


def test_a_grammar_in_the_card_is_for_every_state_that_has_none_of_its_own(tmp_path: Path) -> None:
    here = folder(tmp_path, card=with_grammar("'root ::= \"hoo\"'", joy="'''\nroot ::= .*\n'''"))
    card = load_persona(str(here), []).card
    assert card.form("neutral") == 'root ::= "hoo"'
    assert card.form("joy") == "root ::= .*\n"


def test_a_grammar_in_a_file_is_read_with_the_card(tmp_path: Path) -> None:
    here = folder(tmp_path, card=with_grammar('"haiku.gbnf"'))
    (here / "haiku.gbnf").write_text(HAIKU)
    cast = Cast([tmp_path])
    assert cast.get("pip").card.form("joy") == HAIKU
    (here / "haiku.gbnf").write_text(HAIKU.replace("a", "o-o"))
    assert cast.get("pip").card.form("joy") == HAIKU.replace("a", "o-o")


def test_every_line_of_a_grammar_has_its_place(tmp_path: Path) -> None:
    text = with_grammar('"haiku.gbnf"', joy="'''\nroot ::= x\nx ::= y\n'''")
    here = folder(tmp_path, card=text)
    (here / "haiku.gbnf").write_text(HAIKU)
    file = here / CARD_FILE
    beside, inside = forms(file, load_toml(file, Card)).values()
    assert str(beside.problem(2, "no")) == f"{here / 'haiku.gbnf'}, line 2: no"
    line = text.split("\n").index("x ::= y") + 1
    assert str(inside.problem(2, "no")) == f"{file}, line {line}: [expressions.joy] grammar: no"
    assert inside.problem(0, "no").line == line - 1


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ('"haiku.gbnf"', "line 4: grammar: there is no file haiku.gbnf beside persona.toml"),
        ('"../other.gbnf"', r"line 4: grammar: expected a grammar \(`root ::= …`\) or the name of a .gbnf file beside"),
        ('"as a poem"', "line 4: grammar: expected a grammar"),
        ("3", "line 4, column 11: grammar: expected text in quotes"),
    ],
)
def test_what_is_neither_a_grammar_nor_a_file_is_told(tmp_path: Path, value: str, says: str) -> None:
    here = folder(tmp_path, card=with_grammar(value))
    [problem] = check(here)
    assert re.search(says, str(problem))
    with pytest.raises(TomlError, match=says):
        load_persona(str(here), [])
