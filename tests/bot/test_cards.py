"""`mien persona import`, `export` and `show`: real files in and out, nothing outside the target, nothing half."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from avatar.expression import spec_for
from avatar.picture import open_picture, to_png
from bot.cards import import_card
from bot.cli import main
from bot.errors import MienError
from bot.given import shelved_by
from bot.settings import load_settings
from persona.card import CARD_FILE, check, read_folder
from persona.cardfile import CardError
from persona.cast import Cast
from persona.character import read_character
from tests.bot.stage import ROOT
from tests.persona.cards import charx, coded, exif, png, put, text, v2, v3, webp

BOOK = {
    "entries": [{"keys": ["egg"], "content": "Eggs are blue.", "enabled": True, "insertion_order": 1, "extensions": {}}]
}


def picture(colour: str, side: int = 96) -> bytes:
    return to_png(Image.new("RGB", (side, side), colour))


def carrying(card: dict[str, Any], picture: bytes) -> bytes:
    """A picture with a card before its end."""
    return picture[:-12] + text("chara", coded(card)) + picture[-12:]


def wren(**fields: Any) -> bytes:
    assets = [
        {"type": "icon", "name": "main", "ext": "png", "uri": "embeded://assets/icon/image/main.png"},
        {"type": "emotion", "name": "Joy", "ext": "png", "uri": "__asset:assets/emotion/joy.png"},
        {"type": "emotion", "name": "smug", "ext": "png", "uri": "embedded://../../../joy.png"},
    ]
    files = {"assets/icon/image/main.png": picture("blue"), "assets/emotion/joy.png": picture("gold")}
    files["../../evil.txt"] = b"out"
    return charx(v3(description="You are Wren.", assets=assets, character_book=BOOK, **fields), files)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with personas in it, at which `mien` is called."""
    shutil.copytree(ROOT / "personas" / "marigold", tmp_path / "personas" / "marigold")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_card_becomes_a_persona_that_speaks_at_the_next_look(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cast = Cast([home / "personas"])
    assert cast.names() == ["Marigold"]
    put(home, "download.charx", wren())
    before = {path.name for path in home.iterdir()}
    assert main(["persona", "import", "download.charx"]) == 0
    folder = home / "personas" / "wren"
    assert cast.names() == ["Marigold", "Wren"]
    assert (folder / "card.charx").read_bytes() == (home / "download.charx").read_bytes()
    assert open_picture(folder / "base.png").size == (96, 96)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        *("card.charx", "base.png", "persona.toml", "faces/joy.png"),
    }
    persona = cast.get("wren")
    assert persona.card.description == "You are Wren." and list(persona.faces) == ["joy"]
    assert len(persona.lore[0].entries) == 1 and check(folder) == []
    assert {path.name for path in home.iterdir()} == before
    said = capsys.readouterr().out
    assert "Wren is the persona wren now" in said and "smug" in said and "1 entries" in said


def test_what_persona_toml_says_wins_and_the_rest_stays_the_cards(home: Path) -> None:
    made = import_card(put(home, "a.charx", wren(scenario="A garden.")), home / "personas")
    with (made.persona.folder / CARD_FILE).open("a") as file:
        file.write('scenario = "A tower."\nsentences = 2\n')
    card = read_folder(made.persona.folder).card
    assert (card.scenario, card.sentences, card.description) == ("A tower.", 2, "You are Wren.")
    assert len(card.expressions) == 28


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("card.png", carrying(v2(), picture("red"))),
        ("card.webp", webp(EXIF=exif(b"ASCII\0\0\0" + json.dumps(v2()).encode()))),
        ("card.json", json.dumps(v2()).encode()),
        ("card.yaml", b"char_name: Wren\nchar_greeting: Hello."),
        ("card.charx", wren()),
    ],
)
def test_a_folder_with_a_card_alone_is_a_persona(tmp_path: Path, name: str, content: bytes) -> None:
    folder = tmp_path / "wren"
    folder.mkdir()
    put(folder, name, content)
    if name.endswith(("json", "yaml")):  # these carry no picture
        put(folder, "base.png", picture("red"))
    persona = read_folder(folder)
    assert (persona.card.name, persona.card.greeting, len(persona.card.expressions)) == ("Wren", "Hello.", 28)
    assert persona.base.is_file() and check(folder) == []
    if not name.endswith("webp"):  # whose pixels the test did not draw
        assert open_picture(persona.base).size == (96, 96)


def test_a_name_that_is_taken_or_no_name_is_refused_and_leaves_nothing(home: Path) -> None:
    file = put(home, "a.charx", wren())
    import_card(file, home / "personas")
    for name, says in [(None, "There is a persona wren already"), ("../out", "is no name"), ("a/b", "is no name")]:
        with pytest.raises(MienError, match=says):
            import_card(file, home / "personas", name)
    with pytest.raises(MienError, match="There is a persona MARIGOLD already"):
        import_card(file, home / "elsewhere", "MARIGOLD", known=[home / "personas" / "marigold"])
    assert sorted(path.name for path in (home / "personas").iterdir()) == ["marigold", "wren"]
    assert not (home / "elsewhere").exists()


def test_names_of_every_script_make_folders_and_paths_do_not(home: Path) -> None:
    for name, slug in [
        ("紫の魔女", "紫の魔女"),
        ("../../etc/passwd", "etc-passwd"),
        ("  Ann, the «Brave»! ", "ann-the-brave"),
    ]:
        file = put(home, "a.png", carrying(v2(name=name), picture("red")))
        assert import_card(file, home / "personas").persona.slug == slug


def test_a_card_that_fails_fails_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home, "bad.png", png())
    put(home, "words.json", json.dumps(v2(name="Robin")).encode())
    put(home, "good.png", carrying(v2(), picture("red")))
    assert main(["persona", "import", "bad.png", "words.json", "good.png", "--json"]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "without a card in it" in told[0]["error"] and "name one with --picture" in told[1]["error"]
    assert told[2]["persona"] == "wren"
    assert sorted(path.name for path in (home / "personas").iterdir()) == ["marigold", "wren"]
    put(home, "robin.png", picture("red"))
    assert main(["persona", "import", "words.json", "--picture", "robin.png", "--name", "bird"]) == 0
    assert read_folder(home / "personas" / "bird").card.name == "Robin"


def test_the_first_import_takes_the_samples_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "a.charx", wren())
    assert main(["persona", "import", "a.charx"]) == 0
    assert sorted(path.name for path in (tmp_path / "personas").iterdir()) == ["bram", "juno", "marigold", "wren"]


@pytest.mark.parametrize("ending", [".png", ".charx", ".json"])
def test_a_persona_goes_out_and_comes_back(home: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    assert main(["persona", "export", "marigold", "--out", f"out{ending}"]) == 0
    character = read_character(home / f"out{ending}")
    assert (character.name, character.problems) == ("Marigold", ())
    assert main(["persona", "import", f"out{ending}", "--name", "again"]) == 0
    again, ours = read_folder(home / "personas" / "again"), read_folder(home / "personas" / "marigold")
    assert again.card == ours.card
    assert open_picture(again.base).tobytes() == open_picture(ours.base).tobytes()


def test_faces_that_were_painted_as_the_admin_wishes_go_out_with_the_card(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "mien.toml").write_text("[face]\nsteps = 3\n")
    persona, wardrobe = read_folder(home / "personas" / "marigold"), shelved_by(load_settings())
    wardrobe.shelf.put(wardrobe.order(persona, spec_for(persona.card, "joy")).key, picture("gold"))
    assert main(["persona", "export", "marigold", "--out", "out.png", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faces"] == ["joy"]


def test_a_card_is_shown_normalised(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home, "a.json", json.dumps(v2(alternate_greetings="Hi.", tags=None, x_unknown=1)).encode())
    assert main(["persona", "show", "a.json", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["card"]["data"]["alternate_greetings"] == ["Hi."] and told["card"]["data"]["x_unknown"] == 1
    assert [one["where"] for one in told["findings"]] == ["data.alternate_greetings", "data.tags"]
    assert main(["persona", "show", "a.json"]) == 0
    assert "warning: data.alternate_greetings: is one text" in capsys.readouterr().out


def test_a_broken_card_in_a_folder_keeps_the_last_good_one(home: Path) -> None:
    made = import_card(put(home, "a.png", carrying(v2(), picture("red"))), home / "personas")
    cast = Cast([home / "personas"])
    assert cast.get("wren").card.greeting == "Hello."
    put(made.persona.folder, "card.png", picture("red"))
    assert cast.get("wren").card.greeting == "Hello."
    put(made.persona.folder, "card.png", carrying(v2(first_mes="Good day."), picture("red")))
    assert cast.get("wren").card.greeting == "Good day."
    with pytest.raises(CardError):
        read_character(put(home, "b.png", picture("red")))
