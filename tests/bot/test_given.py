"""Faces of other programs' cards come into a persona's folder, and faces leave as such a card: real files."""

import base64
import io
import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from avatar.expression import spec_for
from avatar.picture import to_png
from avatar.shelf import Shelf
from avatar.wardrobe import Wardrobe
from bot.cli import main
from bot.given import export, take
from persona.card import Persona, PersonaError, check, read_folder
from persona.cardfile import CardError, read_card
from persona.emotions import emotion_assets
from tests.bot.stage import ROOT


@pytest.fixture
def marigold(tmp_path: Path) -> Persona:
    return read_folder(Path(shutil.copytree(ROOT / "personas" / "marigold", tmp_path / "personas" / "marigold")))


def png(colour: str, side: int = 64) -> bytes:
    return to_png(Image.new("RGB", (side, side), colour))


def encoded(picture: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def card(*assets: tuple[str, str], kind: str = "emotion") -> dict[str, Any]:
    listed = [{"type": kind, "name": name, "uri": uri, "ext": "png"} for name, uri in assets]
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": {"name": "Elsewhere", "assets": listed}}


def write_charx(path: Path, card: dict[str, Any], files: dict[str, bytes], before: bytes = b"") -> Path:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", json.dumps(card))
        for name, content in files.items():
            archive.writestr(name, content)
    path.write_bytes(before + out.getvalue())
    return path


def as_charx(folder: Path, faces: dict[str, bytes], scheme: str = "embeded://", before: bytes = b"") -> Path:
    paths = {name: f"assets/emotion/images/{number}.png" for number, name in enumerate(faces)}
    assets = card(*((name, scheme + path) for name, path in paths.items()))
    return write_charx(folder / "card.charx", assets, {paths[name]: faces[name] for name in faces}, before)


def as_json(folder: Path, faces: dict[str, bytes]) -> Path:
    (folder / "card.json").write_text(json.dumps(card(*((name, encoded(face)) for name, face in faces.items()))))
    return folder / "card.json"


def as_png(folder: Path, faces: dict[str, bytes], packed: bool = False) -> Path:
    """As RisuAI writes it: the card in `ccv3` (and something else in `chara`), each face in a chunk of its own."""
    texts = PngImagePlugin.PngInfo()
    assets = card(*((name, f"__asset:{number}") for number, name in enumerate(faces)))
    texts.add_text("chara", base64.b64encode(b'{"name": "old"}').decode())
    texts.add_text("ccv3", base64.b64encode(json.dumps(assets).encode()).decode(), zip=packed)
    for number, face in enumerate(faces.values()):
        texts.add_text(f"chara-ext-asset_:{number}", base64.b64encode(face).decode(), zip=packed)
    Image.new("RGB", (32, 32)).save(folder / "card.png", pnginfo=texts)
    return folder / "card.png"


FORMS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "charx": as_charx,
    "charx, spelled right": lambda folder, faces: as_charx(folder, faces, "embedded://"),
    "charx behind a picture": lambda folder, faces: as_charx(folder, faces, before=png("red")[8:]),
    "json": as_json,
    "png": as_png,
    "png, packed": lambda folder, faces: as_png(folder, faces, packed=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_faces_of_a_card_are_worn_as_they_are(marigold: Persona, tmp_path: Path, form: str) -> None:
    faces = {"Joy": png("gold"), "ANGER": png("red"), "hungry": png("green")}
    taken = take(marigold, FORMS[form](tmp_path, faces))
    assert (sorted(taken.worn), taken.unmatched, taken.trouble) == (["anger", "joy"], ["hungry"], {})
    again = read_folder(marigold.folder)
    assert {name: path.read_bytes() for name, path in again.faces.items()} == {"joy": png("gold"), "anger": png("red")}
    assert check(marigold.folder) == []
    face = Wardrobe(Shelf(tmp_path / "shelf"), "no painter").shelved(again, spec_for(again.card, "joy"))
    assert face and (face.path, face.expression) == (again.faces["joy"], "joy")


def test_what_is_given_already_is_kept_unless_it_is_to_be_replaced(marigold: Persona, tmp_path: Path) -> None:
    (marigold.folder / "faces").mkdir()
    (marigold.folder / "faces" / "joy.webp").write_bytes(b"my own")
    source = as_json(tmp_path, {"joy": png("gold")})
    assert take(marigold, source).kept == ["joy"]
    assert [path.name for path in (marigold.folder / "faces").iterdir()] == ["joy.webp"]
    assert list(take(marigold, source, replace=True).worn) == ["joy"]
    assert [path.name for path in (marigold.folder / "faces").iterdir()] == ["joy.png"]


def test_other_kinds_of_pictures_become_png(marigold: Persona, tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("P", (32, 32), 3).save(out, "GIF")
    [file] = take(marigold, as_json(tmp_path, {"joy": out.getvalue()})).worn.values()
    assert file.name == "joy.png" and file.read_bytes().startswith(b"\x89PNG")


def huge_png() -> bytes:
    """A PNG that says it is 50,000 pixels wide and high."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = b"IHDR" + header
    chunk = struct.pack(">I", len(header)) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (huge_png(), "pixels"),
        (png("gold")[:60], "PNG"),
        (b"#!/bin/sh\nrm -rf /", "not a picture"),
        (b"", "empty file"),
    ],
)
def test_what_is_no_usable_picture_is_left_out_with_a_sentence(
    marigold: Persona, tmp_path: Path, content: bytes, says: str
) -> None:
    taken = take(marigold, as_charx(tmp_path, {"anger": content, "joy": png("gold")}))
    assert list(taken.worn) == ["joy"] and says in taken.trouble["anger"]
    assert [path.name for path in (marigold.folder / "faces").iterdir()] == ["joy.png"]


def test_names_that_point_elsewhere_get_nowhere(marigold: Persona, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    slips = {"../joy": png("gold"), "/etc/joy": png("gold"), "joy/../../anger": png("gold")}
    taken = take(marigold, as_charx(tmp_path, slips))
    assert taken.worn == {} and sorted(taken.unmatched) == sorted(slips)
    outside = write_charx(
        tmp_path / "card.charx", card(("joy", "embeded://../../joy.png")), {"../../joy.png": png("red")}
    )
    [file] = take(marigold, outside).worn.values()  # found in the archive by its name there, written by ours
    assert sorted(set(tmp_path.rglob("*")) - {*before, tmp_path / "card.charx", file.parent}) == [file]
    assert file == marigold.folder / "faces" / "joy.png"


def test_a_bomb_is_not_unpacked(marigold: Persona, tmp_path: Path) -> None:
    bomb = write_charx(tmp_path / "bomb.charx", card(("joy", "embeded://joy.png")), {"joy.png": bytes(40 << 20)})
    assert bomb.stat().st_size < 100_000
    assert "larger than 16 MiB" in take(marigold, bomb).trouble["joy"]


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("https://example.org/joy.png", "fetches nothing"),
        ("ccdefault:", "no known form"),
        ("embeded://missing.png", "not in the file"),
        ("data:image/png,abc", "not base64"),
    ],
)
def test_an_address_that_leads_to_no_picture_is_told(marigold: Persona, tmp_path: Path, uri: str, says: str) -> None:
    assert says in take(marigold, write_charx(tmp_path / "card.charx", card(("joy", uri)), {})).trouble["joy"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04 and so on", "damaged zip"),
        (b"{not json", "not valid JSON"),
        (b"hello", "no character card"),
        (png("gold"), "without a card"),
        (b"[" * 100_000, "no character card"),
        (b"{" + b'"a":{' * 100_000, "nested more than 64 deep"),
    ],
)
def test_what_is_no_card_is_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "card").write_bytes(content)
    with pytest.raises(CardError, match=says):
        read_card(tmp_path / "card")


def test_a_card_of_odd_shapes_has_no_faces(tmp_path: Path) -> None:
    for data in ({}, {"assets": None}, {"assets": [None, 3, {"type": "icon"}]}, {"extensions": {"risuai": []}}):
        (tmp_path / "card.json").write_text(json.dumps({"data": data}))
        assert list(emotion_assets(read_card(tmp_path / "card.json"))) == []


def test_faces_of_a_v2_card_of_risu_are_found_too(marigold: Persona, tmp_path: Path) -> None:
    risu = {"extensions": {"risuai": {"emotions": [["joy", encoded(png("gold"))], ["broken"]]}}}
    (tmp_path / "card.json").write_text(json.dumps({"spec": "chara_card_v2", "data": risu}))
    assert list(take(marigold, tmp_path / "card.json").worn) == ["joy"]


@pytest.mark.parametrize("ending", [".charx", ".json"])
def test_faces_go_out_and_come_back_byte_for_byte(marigold: Persona, tmp_path: Path, ending: str) -> None:
    wardrobe = Wardrobe(Shelf(tmp_path / "shelf"), "some painter")
    wardrobe.shelf.put(wardrobe.order(marigold, spec_for(marigold.card, "sadness")).key, png("blue"))
    take(marigold, as_json(tmp_path, {"joy": png("gold")}))
    marigold, target = read_folder(marigold.folder), tmp_path / f"out{ending}"
    assert export(marigold, wardrobe, target) == ["joy", "sadness"]
    shutil.copytree(marigold.folder, tmp_path / "other", ignore=shutil.ignore_patterns("faces"))
    other = read_folder(tmp_path / "other")
    taken = take(other, target)
    assert {name: path.read_bytes() for name, path in taken.worn.items()} == {
        "joy": png("gold"),
        "sadness": png("blue"),
    }
    written = read_card(target)
    assert (written.card["spec"], written.card["spec_version"]) == ("chara_card_v3", "3.0")
    needed = {"name", "description", "tags", "creator", "character_version", "mes_example", "extensions"}
    needed |= {"system_prompt", "post_history_instructions", "first_mes", "alternate_greetings", "personality"}
    assert needed | {"scenario", "creator_notes", "group_only_greetings"} <= set(written.data)
    icon = written.data["assets"][0]
    assert (icon["type"], icon["name"], icon["ext"]) == ("icon", "main", "png")
    if ending == ".charx":
        assert written.files.read(icon["uri"].removeprefix("embeded://")) == marigold.base.read_bytes()


def test_a_card_of_another_ending_is_refused(marigold: Persona, tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match=r"neither in \.png nor in \.charx nor in \.json"):
        export(marigold, Wardrobe(Shelf(tmp_path / "shelf"), ""), tmp_path / "out.zip")


def test_the_command_takes_and_writes(
    marigold: Persona, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_BOT__STATE", str(tmp_path / "state"))
    source = as_charx(tmp_path, {"joy": png("gold"), "hungry": png("green")})
    assert main(["persona", "faces", str(marigold.folder), "--from", str(source)]) == 0
    said = capsys.readouterr().out
    assert "Marigold wears 1 given faces: joy" in said and "no expression of Marigold is called so: hungry" in said
    assert main(["persona", "faces", str(marigold.folder), "--to", str(tmp_path / "out.charx"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faces"] == ["joy"]
    assert main(["persona", "check", str(marigold.folder)]) == 0
    assert "given faces for joy" in capsys.readouterr().out
    assert main(["persona", "faces", str(marigold.folder), "--from", str(tmp_path / "none.charx")]) == 2
    assert "There is no card" in capsys.readouterr().err
