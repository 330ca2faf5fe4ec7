"""Cards as the community made them: every form, and everything that programs and people get wrong in them."""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from persona.cardfile import CardError
from persona.character import DepthPrompt, read_character
from tests.persona.cards import (
    charx,
    chunk,
    coded,
    exif,
    international,
    jpeg,
    packed_text,
    png,
    put,
    text,
    v2,
    v3,
    webp,
)

CARD = v2(description="A tiny bird, café ☕ 🐦.")
JSON = json.dumps(CARD, ensure_ascii=False).encode()
CODED = base64.b64encode(JSON)
OLD = coded({"name": "Old"})
V1 = {key: key.upper() for key in ("name", "description", "personality", "scenario", "first_mes", "mes_example")}


def lines(content: bytes, width: int = 76) -> bytes:
    return b"\r\n".join(content[at : at + width] for at in range(0, len(content), width))


def xmp(inside: bytes) -> bytes:
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>' + inside + b"</rdf:RDF></x:xmpmeta>"


FORMS: dict[str, tuple[str, bytes]] = {
    "tEXt before the pixels": ("card.png", png(text("chara", CODED))),
    "tEXt after the pixels": ("card.png", png(after=(text("chara", CODED),))),
    "zTXt": ("card.png", png(packed_text("chara", CODED))),
    "iTXt": ("card.png", png(international("chara", CODED, packed=False))),
    "iTXt, packed": ("card.png", png(after=(international("chara", CODED, packed=True),))),
    "a keyword in capitals": ("card.png", png(text("Chara", CODED))),
    "ccv3 counts before chara, wherever it stands": ("card.png", png(text("chara", OLD), after=(text("CCV3", CODED),))),
    "base64 without its padding": ("card.png", png(text("chara", CODED.rstrip(b"=")))),
    "base64 in lines": ("card.png", png(text("chara", lines(CODED)))),
    "base64 of the url-safe alphabet": ("card.png", png(text("chara", base64.urlsafe_b64encode(JSON)))),
    "plain JSON in a chunk": ("card.png", png(text("chara", JSON))),
    "an animated PNG": (
        "card.png",
        png(chunk(b"acTL", bytes(8)), text("chara", CODED), after=(chunk(b"fdAT", bytes(9)),)),
    ),
    "checksums that are wrong": ("card.png", png(text("chara", CODED)[:-4] + b"ABCD")),
    "a card behind the end of the picture": ("card.png", png() + text("chara", CODED)),
    "a PNG that is called otherwise": ("card.webp", png(text("chara", CODED))),
    "JSON": ("card.json", JSON),
    "JSON with a byte order mark": ("card.json", b"\xef\xbb\xbf" + JSON),
    "JSON in UTF-16": ("card.json", JSON.decode().encode("utf-16")),
    "JSON in UTF-16 without a mark": ("card.json", JSON.decode().encode("utf-16-be")),
    "JSON with blanks and zeros around it": ("card.json", b" \r\n" + JSON + b"\n\0\0"),
    "JSON without an ending": ("card", JSON),
    "CHARX": ("card.charx", charx(CARD)),
    "CHARX with a byte order mark": ("card.charx", charx(b"\xef\xbb\xbf" + JSON)),
    "CHARX behind a program": ("card.charx", charx(CARD, before=b"MZ\x90\0 unpacks itself")),
    "CHARX behind a JPEG": ("card.jpg", charx(CARD, before=jpeg((0xE0, b"JFIF\0")))),
    "WebP with JSON in its EXIF": ("card.webp", webp(EXIF=exif(b"ASCII\0\0\0" + JSON))),
    "WebP as SillyTavern wrote it, numbers with commas": (
        "card.webp",
        webp(EXIF=exif(",".join(map(str, JSON)).encode())),
    ),
    "WebP with EXIF of the other byte order": ("card.webp", webp(EXIF=b"Exif\0\0" + exif(CODED, ">"))),
    "WebP with XMP": ("card.webp", webp(**{"XMP ": xmp(b"<a:chara>" + CODED + b"</a:chara>")})),
    "JPEG with EXIF in UTF-16": (
        "card.jpg",
        jpeg((0xE1, b"Exif\0\0" + exif(b"UNICODE\0" + JSON.decode().encode("utf-16-le")))),
    ),
    "JPEG with XMP": (
        "card.jpeg",
        jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(b'<d chara="' + CODED + b'"/>'))),
    ),
    "JPEG with a comment": ("card.jpg", jpeg((0xFE, CODED))),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_card_is_read_whatever_it_came_in(tmp_path: Path, form: str) -> None:
    character = read_character(put(tmp_path, *FORMS[form]))
    assert (character.name, character.first_mes) == ("Wren", "Hello.")
    assert character.description == "A tiny bird, café ☕ 🐦."
    assert character.raw == CARD
    assert character.problems == ()


PYGMALION = """
char_name: Wren
char_persona: |
  A tiny bird.
char_greeting: Hello.
example_dialogue: "<START>\\n{{user}}: Hi"
world_scenario: A garden at 5:30
"""
WEBUI = """
name = "Wren"
context = "Wren's Persona: A tiny bird."
greeting = "Hello."
your_name = "You"
turn_template = "<|user|>"
born = 2023-04-05
"""
LATIN = json.dumps(v2(description="Café"), ensure_ascii=False).encode("latin-1")

QUIRKS: dict[str, tuple[str, Any, Mapping[str, Any], str]] = {  # file, content, fields expected, the finding's words
    "V1, everything at the root": ("a.json", V1, V1, ""),
    "V1 with fields of V2 beside them": (
        "a.json",
        {**V1, "alternate_greetings": ["Hi."]},
        {"alternate_greetings": ("Hi.",)},
        "",
    ),
    "V2's fields at the root beside data": (
        "a.json",
        {**v2(), "scenario": "A garden."},
        {"scenario": "A garden."},
        "stands beside `data`",
    ),
    "data that is a text": ("a.json", {**V1, "data": "[object Object]"}, {"name": "NAME"}, "`data` is a text"),
    "a newer spec_version": ("a.json", {**v3(), "spec_version": "3.7"}, {"name": "Wren"}, "newer than what Mien knows"),
    "a spec_version that is a number": ("a.json", {**v3(), "spec_version": 3}, {"name": "Wren"}, ""),
    "a specification of the future": (
        "a.json",
        {**v3(), "spec": "chara_card_v9"},
        {"name": "Wren"},
        "no known specification",
    ),
    "null in place of a text": ("a.json", v2(personality=None), {"personality": ""}, "is null"),
    "a number in place of a text": (
        "a.json",
        v2(character_version=1.2),
        {"character_version": "1.2"},
        "was read as text",
    ),
    "a list in place of a text": (
        "a.json",
        v2(description=["One.", "Two."]),
        {"description": "One.\nTwo."},
        "is a list",
    ),
    "a table in place of a text": ("a.json", v2(scenario={"a": 1}), {"scenario": ""}, "where text belongs"),
    "character_book null": ("a.json", v2(character_book=None), {"book": None}, "is null"),
    "a lorebook that is a list of entries": (
        "a.json",
        v2(character_book=[{"keys": ["a"]}]),
        {"book": {"entries": [{"keys": ["a"]}]}},
        "book's entries",
    ),
    "a lorebook that is JSON in a text": (
        "a.json",
        v2(character_book='{"entries": []}'),
        {"book": {"entries": []}},
        "read as JSON",
    ),
    "alternate_greetings as one text": (
        "a.json",
        v2(alternate_greetings="Hi."),
        {"alternate_greetings": ("Hi.",)},
        "read as a list",
    ),
    "alternate_greetings as JSON in a text": (
        "a.json",
        v2(alternate_greetings='["Hi.", "Ho."]'),
        {"alternate_greetings": ("Hi.", "Ho.")},
        "read as a list",
    ),
    "alternate_greetings as a table": (
        "a.json",
        v2(alternate_greetings={"0": "Hi."}),
        {"alternate_greetings": ("Hi.",)},
        "values were taken",
    ),
    "alternate_greetings null": ("a.json", v2(alternate_greetings=None), {"alternate_greetings": ()}, "is null"),
    "alternate_greetings with blanks and nulls": (
        "a.json",
        v2(alternate_greetings=["Hi.", "", None, 5]),
        {"alternate_greetings": ("Hi.", "5")},
        "blank",
    ),
    "tags in one text": ("a.json", v2(tags="bird, tiny"), {"tags": ("bird", "tiny")}, "read as a list"),
    "extensions that are a list": ("a.json", v2(extensions=[]), {"talkativeness": None}, "where a table belongs"),
    "talkativeness as a text": ("a.json", v2(extensions={"talkativeness": "0.7"}), {"talkativeness": 0.7}, ""),
    "talkativeness of 50 percent": (
        "a.json",
        v2(extensions={"talkativeness": 50}),
        {"talkativeness": 1.0},
        "outside of 0 to 1",
    ),
    "talkativeness without a number": (
        "a.json",
        v2(extensions={"talkativeness": "much"}),
        {"talkativeness": None},
        "number belongs",
    ),
    "a depth prompt with numbers as texts": (
        "a.json",
        v2(extensions={"depth_prompt": {"prompt": "Fly.", "depth": "2", "role": 1}}),
        {"depth_prompt": DepthPrompt("Fly.", 2, "user")},
        "",
    ),
    "a depth prompt of strange depth and role": (
        "a.json",
        v2(extensions={"depth_prompt": {"prompt": "Fly.", "depth": -3, "role": "narrator"}}),
        {"depth_prompt": DepthPrompt("Fly.")},
        "counts as",
    ),
    "a depth prompt that is a text": (
        "a.json",
        v2(extensions={"depth_prompt": "Fly."}),
        {"depth_prompt": DepthPrompt("Fly.")},
        "stands at depth 4",
    ),
    "a depth prompt without words": (
        "a.json",
        v2(extensions={"depth_prompt": {"prompt": " "}}),
        {"depth_prompt": None},
        "",
    ),
    "no name": ("wren_v2.json", {**v2(), "data": {"first_mes": "Hi."}}, {"name": "wren_v2"}, "there is no name"),
    "a blank name": ("wren.json", v2(name=" \n "), {"name": "wren"}, "there is no name"),
    "a name over two lines": ("a.json", v2(name="Wren\nof the garden"), {"name": "Wren of the garden"}, "on one line"),
    "a name of 500 letters": ("a.json", v2(name="W" * 500), {"name": "W" * 80}, "at most 80"),
    "a nickname": ("a.json", v3(nickname="Wrenny"), {"nickname": "Wrenny"}, ""),
    "line ends of Windows": (
        "a.json",
        v2(description="One.\r\nTwo.\rThree."),
        {"description": "One.\nTwo.\nThree."},
        "",
    ),
    "zeros and control characters": (
        "a.json",
        v2(description="One.\0\x1b[0m"),
        {"description": "One.[0m"},
        "control characters",
    ),
    "half a letter": ("a.json", v2(description="Bird \ud83d"), {"description": "Bird \ufffd"}, "halves of letters"),
    "raw line ends within a text": (
        "a.json",
        b'{"name": "Wren", "description": "One.\nTwo."}',
        {"description": "One.\nTwo."},
        "",
    ),
    "a key that comes twice": ("a.json", b'{"name": "Old", "name": "Wren"}', {"name": "Wren"}, ""),
    "the alphabet of Windows": ("a.json", LATIN, {"description": "Café"}, "not UTF-8"),
    "Pygmalion, YAML": (
        "a.yaml",
        PYGMALION.encode(),
        {
            "name": "Wren",
            "description": "A tiny bird.\n",
            "first_mes": "Hello.",
            "mes_example": "<START>\n{{user}}: Hi",
            "scenario": "A garden at 5:30",
        },
        "",
    ),
    "Pygmalion, JSON": (
        "a.json",
        {"char_name": "Wren", "char_persona": "A tiny bird.", "name": ""},
        {"name": "Wren", "description": "A tiny bird."},
        "",
    ),
    "text-generation-webui, TOML": (
        "a.toml",
        WEBUI.encode(),
        {"name": "Wren", "description": "Wren's Persona: A tiny bird.", "first_mes": "Hello."},
        "",
    ),
    "text-generation-webui, YAML": (
        "a.yml",
        b"name: Wren\ngreeting: |-\n  Hello.\ncontext: A bird.\nturn_template:\n",
        {"first_mes": "Hello.", "description": "A bird."},
        "",
    ),
    "several chara chunks: the first counts": (
        "a.png",
        png(text("chara", CODED), text("chara", OLD)),
        {"name": "Wren"},
        "several chara",
    ),
    "several chara chunks, the first cut short": (
        "a.png",
        png(text("chara", CODED[:99]), text("chara", CODED)),
        {"name": "Wren"},
        "left out",
    ),
    "a ccv3 that is broken beside a chara": (
        "a.png",
        png(text("ccv3", b"e30="[:2]), text("chara", CODED)),
        {"name": "Wren"},
        "left out",
    ),
    "a camera's comment before the card": (
        "a.jpg",
        jpeg((0xE1, b"Exif\0\0" + exif(b"ASCII\0\0\0Shot at noon")), (0xFE, CODED)),
        {"name": "Wren"},
        "",
    ),
}


@pytest.mark.parametrize("quirk", QUIRKS)
def test_what_is_wrong_with_a_card_is_repaired_and_told(tmp_path: Path, quirk: str) -> None:
    name, content, fields, says = QUIRKS[quirk]
    character = read_character(
        put(tmp_path, name, content if isinstance(content, bytes) else json.dumps(content).encode())
    )
    assert {field: getattr(character, field) for field in fields} == fields
    said = [finding.says for finding in character.problems]
    assert any(says in one for one in said) if says else said == []


def test_there_are_enough_quirks() -> None:
    assert len(QUIRKS) >= 25


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a picture without a card": ("a.png", png(), "is a picture without a card in it"),
    "a WebP without a card": ("a.webp", webp(EXIF=exif(b"ASCII\0\0\0Shot at noon")), "without a card in it"),
    "a PNG that is cut off": ("a.png", png(text("chara", CODED))[:120], "is cut off within its card"),
    "a lorebook": ("a.json", b'{"spec": "lorebook_v3", "data": {"entries": []}}', "This is a lorebook"),
    "world info": ("a.json", b'{"entries": {"0": {"key": ["a"]}}}', "This is a lorebook"),
    "any other JSON": ("a.json", b'{"compilerOptions": {}}', "There is no character in this file"),
    "a list": ("a.json", b"[1, 2]", "is not an object"),
    "JSON that is cut off": ("a.json", JSON[:50], "not valid JSON (Unterminated string"),
    "an empty file": ("a.json", b"", "not valid JSON"),
    "a locked card of RisuAI": ("a.png", png(text("chara", b"rcc||abc")), "is locked by RisuAI"),
    "a zip without a card": ("a.charx", charx(b"{}").replace(b"card.json", b"cord.json"), "has no card.json in it"),
    "a text": ("a.txt", b"Wren is a bird.", "is no character card"),
    "YAML that refers to itself": ("a.yaml", b"name: &a [x]\nb: [*a, *a]", "refers to parts of itself"),
    "YAML that is broken": ("a.yaml", b"name: [", "is not valid YAML"),
    "TOML that is broken": ("a.toml", b"name = ", "is not valid TOML"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, form: str) -> None:
    name, content, says = REFUSED[form]
    with pytest.raises(CardError, match=re.escape(says)) as caught:
        read_character(put(tmp_path, name, content))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
