"""Cards go out as they came in, whatever they hold, and a persona that was exported comes back the same."""

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from persona.card import BASE_FILE, CARD_FILE, Card, Persona, read_folder
from persona.cardfile import CardError, CardFile, read_card
from persona.cardpng import texts
from persona.cardwrite import Form, Pictures, Spec, card_object, persona_object, write, write_character
from persona.character import Character, character_of, read_character
from persona.emotions import emotion_assets
from tests.persona.cards import charx, chunk, coded, png, put, text, v2, v3

quick = settings(max_examples=30, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
FORMS: tuple[Form, ...] = (".png", ".charx", ".json")
ROOT = Path(__file__).parents[2]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
tables = st.dictionaries(st.text(), anything, max_size=3)
words = st.text(max_size=40)
texts_of = st.lists(words, max_size=3)
entry = st.fixed_dictionaries(
    {
        "keys": texts_of,
        "content": words,
        "enabled": st.booleans(),
        "insertion_order": st.integers(0, 9),
        "extensions": tables,
    },
    optional={
        "id": st.integers(0, 99),
        "selective": st.booleans(),
        "position": st.sampled_from(["before_char", "after_char"]),
    },
)
book = st.fixed_dictionaries({"entries": st.lists(entry, max_size=2), "extensions": tables}, optional={"name": words})
depth_prompt = st.fixed_dictionaries(
    {"prompt": words, "depth": st.integers(0, 9), "role": st.sampled_from(["system", "user"])}
)
extensions = st.fixed_dictionaries(
    {}, optional={"talkativeness": st.floats(0, 1), "depth_prompt": depth_prompt, "fav": st.booleans(), "chub": tables}
)
MUST = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
V2 = ("creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")
v2_data = dict.fromkeys(MUST + V2, words) | {
    "alternate_greetings": texts_of,
    "tags": texts_of,
    "extensions": extensions,
}
v3_data = v2_data | {"group_only_greetings": texts_of}
optional_v3 = {
    "character_book": book,
    "nickname": words,
    "creator_notes_multilingual": st.dictionaries(st.text(max_size=2), words, max_size=2),
    "source": texts_of,
    "creation_date": st.integers(0, 2**40),
    "modification_date": st.integers(0, 2**40),
    "x_unknown": anything,
}
unknown = st.dictionaries(
    st.text().filter(lambda key: key not in ("spec", "spec_version", "data")), anything, max_size=2
)


def whole(version: int, data: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    head = {"spec": f"chara_card_v{version}", "spec_version": f"{version}.0"}
    return st.builds(lambda inner, beside: {**beside, **head, "data": inner}, data, unknown)


every_v2 = whole(2, st.fixed_dictionaries(v2_data, optional={"character_book": book, "x_unknown": anything}))
every_v3 = whole(3, st.fixed_dictionaries(v3_data, optional=optional_v3))
every_v1 = st.builds(lambda beside, fields: beside | fields, unknown, st.fixed_dictionaries(dict.fromkeys(MUST, words)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cards")


def through(character: Character, folder: Path, form: Form, spec: Spec) -> Character:
    """Written, and read again."""
    pictures = Pictures(png()) if form == ".png" else Pictures()
    return read_character(put(folder, f"card{form}", write_character(character, form, pictures, spec)))


def said(character: Character) -> dict[str, Any]:
    """All that is read from a card, but the card itself and what was wrong with it."""
    return {key: value for key, value in vars(character).items() if key not in ("raw", "problems")}


@pytest.mark.parametrize("form", FORMS)
@quick
@given(card=every_v2)
def test_nothing_of_a_v2_card_is_lost(folder: Path, form: Form, card: dict[str, Any]) -> None:
    character = character_of(CardFile(card), "card")
    again = through(character, folder, form, 2)
    assert again.raw == card and said(again) == said(character)


@pytest.mark.parametrize("form", FORMS)
@quick
@given(card=every_v3)
def test_nothing_of_a_v3_card_is_lost(folder: Path, form: Form, card: dict[str, Any]) -> None:
    character = character_of(CardFile(card), "card")
    again = through(character, folder, form, 3)
    assert again.raw == card and said(again) == said(character)


@quick
@given(card=every_v1 | every_v2)
def test_an_older_card_becomes_v3_with_everything_that_it_had(folder: Path, card: dict[str, Any]) -> None:
    character = character_of(CardFile(card), "card")
    again = through(character, folder, ".charx", 3)
    assert said(again) == said(character)
    assert {key: again.raw[key] for key in card if key not in ("spec", "spec_version", "data")} == {
        key: value for key, value in card.items() if key not in ("spec", "spec_version", "data")
    }
    for key, value in card.get("data", {}).items():
        assert again.raw["data"][key] == value


def test_a_repaired_card_goes_out_repaired(tmp_path: Path) -> None:
    broken = v2(alternate_greetings="Hi.", personality=None, extensions=None, character_book=None, creator_notes=5)
    written = card_object(character_of(CardFile(broken), "card"), 2)["data"]
    assert written["alternate_greetings"] == ["Hi."]
    assert (written["personality"], written["creator_notes"], written["extensions"]) == ("", "5", {})
    assert "character_book" not in written
    assert (
        character_of(CardFile({"spec": "chara_card_v2", "spec_version": "2.0", "data": written}), "card").problems == ()
    )


def test_a_png_carries_both_cards_before_its_end_and_keeps_its_other_chunks(tmp_path: Path) -> None:
    stamp = chunk(b"tEXt", b"Software\0a painter")
    before = png(text("chara", coded({"name": "Old"})), stamp, after=(text("CCV3", coded({"name": "Old"})),))
    written = write_character(character_of(CardFile(v3(tags=["bird"])), "card"), ".png", Pictures(before))
    path = put(tmp_path, "card.png", written)
    with path.open("rb") as file:
        assert [one.keyword for one in texts(file)] == ["Software", "chara", "ccv3"]
    chara, ccv3 = _cards(path)
    assert (chara["spec"], ccv3["spec"]) == ("chara_card_v2", "chara_card_v3")
    assert chara["data"] == ccv3["data"]
    assert written.endswith(chunk(b"IEND", b"")) and stamp in written


def _cards(path: Path) -> list[Any]:
    with path.open("rb") as file:
        found = [one.read(file, 1 << 20) for one in texts(file) if one.keyword in ("chara", "ccv3")]
    return [json.loads(base64.b64decode(one)) for one in found]


@pytest.mark.parametrize("form", FORMS)
def test_the_pictures_of_a_card_go_along(tmp_path: Path, form: Form) -> None:
    assets = [
        {"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"},
        {"type": "emotion", "uri": "embedded://assets/emotion/images/joy.png", "name": "joy", "ext": "png"},
        {"type": "background", "uri": "embeded://lost.png", "name": "sea", "ext": "png"},
        {"type": "x_song", "uri": "https://example.org/song.mp3", "name": "song", "ext": "mp3"},
    ]
    files = {"assets/icon/images/main.png": png(), "assets/emotion/images/joy.png": b"joyful"}
    opened = read_card(put(tmp_path, "in.charx", charx(v3(assets=assets), files)))
    pictures = Pictures(png(), {"anger": b"angry"}, opened.files)
    again = read_card(put(tmp_path, f"out{form}", write(card_object(character_of(opened, "card")), form, pictures)))
    assert {one.name: one.content for one in emotion_assets(again)} == {"joy": b"joyful", "anger": b"angry"}
    kinds = {one["name"]: one["uri"] for one in again.data["assets"]}
    assert (kinds["sea"], kinds["song"]) == ("embeded://lost.png", "https://example.org/song.mp3")


def test_the_pictures_of_risuai_in_a_v2_card_go_along(tmp_path: Path) -> None:
    risu = {"emotions": [["joy", "__asset:0"]], "additionalAssets": [["song", "__asset:7", "mp3"]], "other": 1}
    path = put(
        tmp_path,
        "in.png",
        png(
            text("chara-ext-asset_:0", base64.b64encode(b"joyful")),
            text("chara", coded(v2(extensions={"risuai": risu}))),
        ),
    )
    opened = read_card(path)
    out = write(card_object(character_of(opened, "card")), ".charx", Pictures(before=opened.files))
    again = read_card(put(tmp_path, "out.charx", out))
    assert [one.content for one in emotion_assets(again)] == [b"joyful"]
    assert again.data["extensions"]["risuai"]["additionalAssets"] == [["song", "__asset:7", "mp3"]]
    with zipfile.ZipFile(io.BytesIO(out)) as archive:
        assert archive.namelist()[0] == "card.json"


def test_a_card_that_json_cannot_carry_and_a_picture_that_is_no_png_are_refused() -> None:
    character = character_of(CardFile(v3()), "card")
    with pytest.raises(CardError, match=r"larger than 18 MiB: use \.charx\."):
        write_character(character, ".json", Pictures(faces={"joy": bytes(20 << 20)}))
    with pytest.raises(CardError, match="no whole PNG"):
        write_character(character, ".png", Pictures(b"GIF89a"))
    with pytest.raises(CardError, match="needs a portrait"):
        write_character(character, ".png", Pictures())


# --- personas --------------------------------------------------------------------------------------------------------


def persona(folder: Path, card: bytes | None = None, own: str = "", name: str = "card.json") -> Persona:
    folder.mkdir(parents=True, exist_ok=True)
    put(folder, BASE_FILE, png())
    if card is not None:
        put(folder, name, card)
    if own:
        (folder / CARD_FILE).write_text(own, encoding="utf-8")
    return read_folder(folder)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("slug", ["marigold", "bram", "juno"])
def test_a_persona_of_miens_own_comes_back_the_same(tmp_path: Path, slug: str, form: Form) -> None:
    ours = read_folder(ROOT / "personas" / slug)
    written = write(persona_object(ours), form, Pictures(png()))
    theirs = persona(tmp_path / slug, written, name=f"card{form}")
    assert theirs.card == ours.card
    assert theirs.character and theirs.character.personality == ours.card.voice  # where others read it
    assert "{{user}}" in theirs.character.mes_example and theirs.character.problems == ()


def test_what_persona_toml_says_over_a_card_goes_out_where_others_read_it(tmp_path: Path) -> None:
    card = json.dumps(
        v3(x_unknown=[1], extensions={"fav": True, "depth_prompt": {"prompt": "Fly.", "odd": 1}})
    ).encode()
    own = 'scenario = "A tower."\nwords = ["bird"]\n[note]\ntext = "Sing."\ndepth = 2\n'
    ours = persona(tmp_path / "wren", card, own)
    data = persona_object(ours)["data"]
    assert (data["scenario"], data["first_mes"], data["x_unknown"]) == ("A tower.", "Hello.", [1])
    assert data["extensions"]["depth_prompt"] == {"prompt": "Sing.", "depth": 2, "role": "system", "odd": 1}
    assert data["extensions"]["mien"] == {"words": ["bird"]} and data["extensions"]["fav"] is True
    again = persona(tmp_path / "again", json.dumps(persona_object(ours)).encode())
    assert again.card == ours.card


@quick
@given(card=every_v3 | every_v2 | every_v1)
def test_every_card_is_a_persona_and_comes_back_as_one(folder: Path, card: dict[str, Any]) -> None:
    ours = persona(folder / "wren", json.dumps(card).encode())
    assert ours.character and len(ours.card.expressions) == 28
    written = persona_object(ours)
    again = persona(folder / "again", json.dumps(written).encode())
    assert again.card == ours.card
    blank = {"nickname", *(["name"] if ours.card.name == "wren" else [])}
    kept = {key: value for key, value in card.get("data", {}).items() if key not in blank}
    assert {key: written["data"][key] for key in kept} == kept


def test_what_a_stranger_wrote_into_miens_own_place_cannot_break_a_persona(tmp_path: Path) -> None:
    card = v3(extensions={"mien": {"name": "", "grammar": "../../secret.gbnf", "nonsense": 1}})
    theirs = persona(tmp_path / "wren", json.dumps(card).encode())
    assert theirs.card.name == "Wren" and theirs.card.grammar == ""
    assert theirs.character and [one.where for one in theirs.character.problems] == ["data.extensions.mien"]
    assert Card.model_fields.keys() >= {"name", "grammar"}
