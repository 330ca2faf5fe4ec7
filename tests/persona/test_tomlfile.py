from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from persona.tomlfile import Table, TomlError, load_toml


class Lamp(Table):
    watts: float = Field(gt=0, description="power drawn")
    colour: str = "white"


class House(Table):
    name: str = Field(description="what the postman calls it")
    rooms: int = Field(default=1, ge=1, le=9)
    open: bool = False
    lamps: dict[str, Lamp] = Field(default_factory=dict)
    shelves: list[Lamp] = Field(default_factory=list)


def refusals(folder: Path, text: str | bytes) -> list[str]:
    file = folder / "house.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TomlError) as caught:
        load_toml(file, House)
    start = f"{file}, "
    return [str(problem).removeprefix(start) for problem in caught.value.problems]


def test_a_sound_file_becomes_the_model_with_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    file.write_bytes(b'\xef\xbb\xbfname = "Elm"\r\n[lamps.hall]\r\nwatts = 5\r\n')
    assert load_toml(file, House).lamps["hall"].watts == 5.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = Elm", "line 1, column 8: not valid TOML near 'name = Elm': invalid value; "
         'text needs quotes: key = "text"'),
        ('name = "Elm"\nrooms', "line 2: not valid TOML near 'rooms': expected '=' after a key in a key/value pair"),
        ('name = "a"\nname = "b"', "line 2: not valid TOML near 'name = \"b\"': cannot overwrite a value"),
        ("name = 3", "line 1, column 8: name: expected text in quotes (what the postman calls it), got 3"),
        ("# hm\nrooms = 2", "line 1: name: missing; expected what the postman calls it"),
        ('name = "x"\nrooms = 10', "line 2, column 9: rooms: expected 9 or less, got 10"),
        ('name = "x"\nrooms = 2.0', "line 2, column 9: rooms: expected a whole number, got 2.0"),
        ('name = "x"\nrooms = true', "line 2, column 9: rooms: expected a whole number, got true"),
        ('name = "x"\nopen = "yes"', "line 2, column 8: open: expected true or false, got 'yes'"),
        ('name = "x"\nlamps = 3', "line 2, column 9: lamps: expected a table, got 3"),
        ('name = "x"\nshelves = "a"', "line 2, column 11: shelves: expected a list in [ ], got 'a'"),
        ('name = "x"\nromos = 3', "line 2, column 1: romos: unknown key; did you mean rooms? "
         "(known: name, rooms, open, lamps, shelves)"),
        ('name = "x"\n[lamps.hall]\nwatt = 3\nwatts = 3', "line 3, column 1: [lamps.hall] watt: unknown key; "
         "did you mean watts? (known: watts, colour)"),
        ('name = "x"\n\n[lamps.hall]\ncolour = "red"', "line 3: [lamps.hall] watts: missing; expected power drawn"),
        ('name = "x"\n[lamps.hall]\nwatts = 0', "line 3, column 9: [lamps.hall] watts: "
         "expected more than 0 (power drawn), got 0"),
        ('name = "x"\n[[shelves]]\nwatts = 1\n[[shelves]]\nwatts = -1',
         "line 5, column 9: [[shelves]] watts: expected more than 0 (power drawn), got -1"),
        ('name = "x"\n[lamp.hall]\nwatts = 1', "line 2: lamp: unknown key; did you mean lamps? "
         "(known: name, rooms, open, lamps, shelves)"),
    ],
)  # fmt: skip
def test_every_mistake_is_a_sentence_with_line_key_and_expectation(tmp_path: Path, text: str, sentence: str) -> None:
    assert refusals(tmp_path, text) == [sentence]


def test_all_mistakes_are_reported_in_the_order_of_the_file_and_the_first_stands_for_them(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    file.write_text('rooms = 0\nname = ""\nopen = 1\n[lamps.hall]\nwats = 1\n')
    with pytest.raises(TomlError) as caught:
        load_toml(file, House)
    *mistakes, missing = caught.value.problems
    assert [problem.line for problem in mistakes] == [1, 3, 5]
    assert missing.line == 4 and missing.says.startswith("missing")  # most likely the misspelt `wats`
    assert str(caught.value) == f"{file}, line 1, column 9: rooms: expected 1 or more, got 0 (and 3 more)"


def test_keys_inside_a_multi_line_string_do_not_move_the_line(tmp_path: Path) -> None:
    text = 'name = """\nrooms = 1\n[lamps.hall]\n"""\nrooms = 99\n'
    assert refusals(tmp_path, text) == ["line 5, column 9: rooms: expected 9 or less, got 99"]


def test_what_is_no_text_or_no_file_is_a_sentence_too(tmp_path: Path) -> None:
    assert refusals(tmp_path, b'name = "x"\nopen = "\xff"') == ["line 2: expected UTF-8 text; save the file as UTF-8"]
    with pytest.raises(TomlError, match=r"gone\.toml: there is no such file$"):
        load_toml(tmp_path / "gone.toml", House)
    with pytest.raises(TomlError, match="cannot be read: Is a directory"):
        load_toml(tmp_path, House)


def test_a_path_below_the_working_directory_is_shown_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("house.toml").write_text("open = 3\nname = 'x'")
    with pytest.raises(TomlError, match=r"^house\.toml, line 1, column 8: open: "):
        load_toml(tmp_path / "house.toml", House)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="name=rooms[]{}\"'\\\n #.,1é", max_size=60))
def test_no_text_whatsoever_raises_anything_but_a_toml_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "house.toml"
    file.write_bytes(text.encode())
    try:
        load_toml(file, House)
    except TomlError as error:
        assert str(error).startswith(str(file))
        assert "\n" not in str(error)
