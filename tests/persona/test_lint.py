"""The linter: what it says of cards, lorebooks and folders with one thing odd about them, and nothing of sound ones."""

import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona.lint.character import Measure
from persona.lint.check import lint, lint_one
from persona.lint.circles import components
from persona.lint.notice import Notice, Report
from persona.lint.places import Places

ROOT = Path(__file__).parents[2]
ROUGH = Measure()
CARD: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Pip",
        "description": "{{char}} is a tiny owl who delivers the post.",
        "personality": "polite, quick, proud",
        "scenario": "An evening at the post office.",
        "first_mes": "Hoo, good evening!",
        "mes_example": "<START>\n{{user}}: Hi!\n{{char}}: Hoo, hello.",
        "creator_notes": "",
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": ["Who knocks?"],
        "tags": [],
        "creator": "",
        "character_version": "",
        "extensions": {"talkativeness": "0.5", "fav": False},
    },
}
ENTRY: dict[str, Any] = {"keys": ["lighthouse"], "content": "It is white.", "enabled": True, "insertion_order": 1}


def card(**changes: Any) -> dict[str, Any]:
    made = deepcopy(CARD)
    made["data"] |= changes
    return made


def book(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"entries": [deepcopy(ENTRY) | {"extensions": {}} | one for one in entries], **more}


def report_of(tmp_path: Path, content: object, name: str = "pip.json", measure: Measure = ROUGH) -> Report:
    file = tmp_path / name
    file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
    return lint_one(file, measure)


def test_of_a_sound_card_there_is_nothing_to_say(tmp_path: Path) -> None:
    report = report_of(tmp_path, card(character_book=book(ENTRY)))
    assert report.notices == [] and report.fine and report.name == "Pip" and report.kind == "V2 card (JSON)"
    assert report.used == [
        *("description", "personality", "scenario", "example dialogue", "greeting", "1 other greeting"),
        "1 lore entry",
    ]


@pytest.mark.parametrize(
    ("changes", "level", "code", "where"),
    [
        ({"name": "Pip, Pop"}, "warning", "name-comma", "data.name"),
        ({"name": "Pip: owl"}, "warning", "name-colon", "data.name"),
        ({"name": "Clyde"}, "warning", "name-forbidden", "data.name"),
        ({"name": "The DISCORD owl"}, "warning", "name-forbidden", "data.name"),
        ({"name": "everyone"}, "warning", "name-forbidden", "data.name"),
        ({"name": "System"}, "warning", "name-role", "data.name"),
        ({"name": "{{user}}'s owl"}, "warning", "name-macro", "data.name"),
        ({"name": "Pi\u200bp"}, "warning", "name-invisible", "data.name"),
        ({"name": "P" * 81}, "warning", "name-long", "data.name"),
        ({"name": ""}, "warning", "repaired", "data.name"),
        ({"first_mes": "x" * 2001}, "warning", "greeting-long", "data.first_mes"),
        ({"alternate_greetings": ["a", "x" * 4001]}, "warning", "greeting-long", "data.alternate_greetings[1]"),
        ({"alternate_greetings": "Hoo!"}, "warning", "repaired", "data.alternate_greetings"),
        ({"first_mes": "<div class='x'>Hoo</div>"}, "warning", "greeting-html", "data.first_mes"),
        ({"first_mes": "![me](https://a.b/c.png)"}, "warning", "greeting-picture", "data.first_mes"),
        ({"first_mes": "Hoo.\n{{user}}: I nod."}, "warning", "greeting-for-member", "data.first_mes"),
        ({"first_mes": "See https://owl.example/post"}, "note", "address", "data.first_mes"),
        ({"first_mes": "", "alternate_greetings": []}, "note", "greeting-none", "data.first_mes"),
        ({"alternate_greetings": ["Hoo, good evening!"]}, "note", "greeting-twice", "data.alternate_greetings[0]"),
        ({"description": "An owl of {{colour}}."}, "warning", "macro-unknown", "data.description"),
        ({"first_mes": "Hello {{usr}}!"}, "warning", "macro-unknown", "data.first_mes"),
        ({"description": "{char} is an owl."}, "warning", "macro-braces", "data.description"),
        ({"description": "{{char} is an owl."}, "warning", "macro-braces", "data.description"),
        ({"scenario": "It is {{time}}."}, "note", "macro-changing", "data.scenario"),
        ({"scenario": "{{user}} comes in."}, "note", "user-changing", "data.scenario"),
        ({"description": "An owl.<|im_end|>"}, "warning", "template-marks", "data.description"),
        ({"description": "### Response:\nAn owl."}, "warning", "template-marks", "data.description"),
        ({"mes_example": ""}, "note", "examples-none", "data.mes_example"),
        ({"mes_example": "<START>\nHoo!"}, "warning", "examples-mute", "data.mes_example"),
        ({"description": "", "personality": ""}, "warning", "description-none", "data.description"),
        ({"description": "owl " * 3000}, "warning", "card-long", "data.description"),
        ({"system_prompt": "Be an owl."}, "note", "original", "data.system_prompt"),
        ({"creator_notes": "Set the temperature to 2."}, "note", "kept", "data.creator_notes"),
        ({"creator": "me"}, "note", "kept", "data.creator"),
        ({"tags": ["owl"]}, "note", "kept", "data.tags"),
        ({"voice_id": 7}, "note", "unknown-field", "data.voice_id"),
        ({"extensions": {"chub": {"id": 1}}}, "note", "extension", "data.extensions.chub"),
        ({"extensions": {"world": "Owls"}}, "warning", "lorebook-missing", "data.extensions.world"),
        ({"extensions": {"talkativeness": 0}}, "note", "talkativeness", "data.extensions.talkativeness"),
        (
            {"extensions": {"depth_prompt": {"prompt": "{{mod}}", "depth": 4}}},
            *("warning", "macro-unknown", "data.extensions.depth_prompt.prompt"),
        ),
        ({"assets": [{"type": "background", "uri": "ccdefault:"}]}, "note", "asset-unused", "data.assets[0]"),
        (
            {"assets": [{"type": "emotion", "name": "joy", "uri": "embeded://a/joy.png"}]},
            *("warning", "asset-missing", "data.assets[0]"),
        ),
    ],
)
def test_what_surprises_in_a_card_is_told_with_its_place(
    tmp_path: Path, changes: dict[str, Any], level: str, code: str, where: str
) -> None:
    report = report_of(tmp_path, card(**changes))
    [notice] = [notice for notice in report.notices if notice.code == code]
    assert (notice.level, notice.where) == (level, where)
    lines = (tmp_path / "pip.json").read_text().split("\n")
    last = where.rpartition(".")[2].partition("[")[0]
    assert f'"{last}": ' in lines[notice.line - 1] or where.endswith("]") or code == "repaired"
    assert notice.line > 1 and notice.column > 1
    others = [other for other in report.notices if other.level != "note" and other != notice]
    assert others == [] or code in ("name-macro", "name-long")


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"keys": [""]}, "lore"),
        ({"keys": ["/owl[/"]}, "lore"),
        ({"keys": []}, "lore"),
        ({"content": " "}, "lore"),
        ({"enabled": False}, "lore-disabled"),
        ({"keys": ["/o*/"]}, "key-everything"),
        ({"keys": ["/(\\w+\\s?)+$/"]}, "key-slow"),
        ({"keys": ["owl, post"]}, "key-comma"),
        ({"keys": ["o"]}, "key-short"),
        ({"extensions": {"probability": 0, "useProbability": True}}, "lore-never"),
        ({"extensions": {"scan_depth": 0}}, "lore-never"),
        ({"extensions": {"delay_until_recursion": True, "exclude_recursion": True}}, "lore-never"),
        (
            {"selective": True, "secondary_keys": ["lighthouse"], "extensions": {"selectiveLogic": 2}},
            "lore-never",
        ),
        ({"content": "It is {{colour}}."}, "macro-unknown"),
        ({"extensions": {"position": 7}}, "lore-outlet"),
    ],
)
def test_what_surprises_in_a_lorebook_is_told(tmp_path: Path, entry: dict[str, Any], code: str) -> None:
    report = report_of(tmp_path, card(character_book=book(entry, recursive_scanning=False)))
    assert [notice.code for notice in report.notices] == [code]
    assert report.notices[0].where.startswith("data.character_book.entries[0]") and report.notices[0].line


def test_secondary_keys_that_only_some_keys_hold_are_fine(tmp_path: Path) -> None:
    entry = {"keys": ["lighthouse", "tower"], "selective": True, "secondary_keys": ["lighthouse"]}
    report = report_of(tmp_path, card(character_book=book(entry | {"extensions": {"selectiveLogic": 2}})))
    assert report.notices == []


def test_entries_that_call_each_other_are_told_as_a_circle(tmp_path: Path) -> None:
    entries = [
        {"keys": ["owl"], "content": "The owl lives in the tower."},
        {"keys": ["tower"], "content": "The tower has a bell."},
        {"keys": ["bell"], "content": "The bell scares the owl."},
        {"keys": ["mouse"], "content": "The mouse fears the owl and the mouse."},
    ]
    [notice] = report_of(tmp_path, card(character_book=book(*entries))).notices
    assert notice.code == "lore-circle" and notice.level == "note" and "“owl”, “tower”, “bell” awaken" in notice.says
    entries[2]["extensions"] = {"prevent_recursion": True}
    assert report_of(tmp_path, card(character_book=book(*entries))).notices == []


def test_constant_entries_that_need_more_than_there_is_are_told(tmp_path: Path) -> None:
    entry = {"constant": True, "content": "word " * 100}
    [notice] = report_of(tmp_path, card(character_book=book(entry, token_budget=50))).notices
    assert notice.code == "lore-budget" and "about 125 tokens (four characters each)" in notice.says


def test_what_cannot_be_read_is_an_error_with_its_place(tmp_path: Path) -> None:
    report = report_of(tmp_path, '{"name": "Pip",\n "description": }')
    assert not report.fine and [notice.code for notice in report.notices] == ["unreadable"]
    assert "line 2, column 17" in report.notices[0].says


def test_a_world_info_file_and_a_lorebook_toml_are_linted_too(tmp_path: Path) -> None:
    world = {"entries": {"7": {"uid": 7, "key": ["", "owl"], "keysecondary": [], "content": "x", "disable": False}}}
    report = report_of(tmp_path, world, "world.json")
    assert report.kind == "lorebook"
    assert [(n.where, n.line, n.column) for n in report.notices] == [("entries[7].keys[0]", 6, 5)]
    toml = '[[entries]]\nkeys = ["owl"]\ntext = "It is {{colour}}."\n'
    [notice] = report_of(tmp_path, toml, "lorebook.toml").notices
    assert (notice.code, notice.line, notice.column) == ("macro-unknown", 3, 8)


def persona(folder: Path, toml: str, base: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "persona.toml").write_text(toml)
    if base:
        (folder / "base.png").write_bytes(b"a picture")
    return folder


TOML = """name = "Pip"
description = "You are an owl."
[[examples]]
user = "Hi!"
reply = "Hoo!"
[expressions.neutral]
emotions = ["neutral"]
prompt = "calm"
[expressions.joy]
emotions = ["joy"]
prompt = "happy"
manner = "Pip is happy."
"""


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        (lambda t: t.replace('"Pip"\n', '"Clyde"\n'), "name-forbidden", 1),
        (lambda t: t.replace("an owl", "{{who}}"), "macro-unknown", 2),
        (lambda t: t.replace("You are an owl.", " "), "description-none", 2),
        (lambda t: t.replace('["joy"]', "{ joy = 0.0 }"), "face-never", 10),
        (lambda t: t.replace('["joy"]', "{ neutral = 2.0 }"), "face-twice", 10),
        (lambda t: t.replace('"happy"', '"Calm"'), "face-same", 11),
        (lambda t: t.replace('manner = "Pip is happy."\n', ""), "manner-none", 9),
        (lambda t: t + 'opens = ["Yay!"]\n', "opens-few", 13),
        (lambda t: t.replace('[[examples]]\nuser = "Hi!"\nreply = "Hoo!"\n', ""), "examples-none", 0),
        (lambda t: 'greeting = "<b>Hoo</b>"\n' + t, "greeting-html", 1),
        (lambda t: 'greetings = ["a", "{{b}}"]\n' + t, "macro-unknown", 1),
    ],
)
def test_what_surprises_in_a_persona_toml_is_told_with_its_line(
    tmp_path: Path, change: Callable[[str], str], code: str, line: int
) -> None:
    assert lint_one(persona(tmp_path / "sound", TOML), ROUGH).notices == []
    report = lint_one(persona(tmp_path / "pip", change(TOML)), ROUGH)
    assert [(notice.code, notice.line) for notice in report.notices] == [(code, line)] and report.fine


def test_a_card_in_a_folder_is_linted_with_what_persona_toml_says_over_it(tmp_path: Path) -> None:
    here = tmp_path / "pip"
    here.mkdir()
    (here / "base.png").write_bytes(b"a picture")
    (here / "card.json").write_text(json.dumps(card(first_mes="Hoo {{usr}}!", creator_notes="for people"), indent=1))
    alone = lint_one(here, ROUGH)
    assert (alone.kind, alone.name) == ("V2 card (JSON)", "Pip") and "28 expressions" in alone.used
    assert [notice.code for notice in alone.notices] == ["macro-unknown", "kept"]
    (here / "persona.toml").write_text('name = "Pippa"\ngreeting = "Hi {{who}}!"\n')
    both = lint_one(here, ROUGH)
    assert (both.kind, both.name) == ("persona.toml over a V2 card (JSON)", "Pippa")
    said = [(n.code, n.file and n.file.name, n.line) for n in both.notices if n.code != "kept"]
    assert said == [
        ("macro-unknown", "persona.toml", 2),
        ("over-card", "persona.toml", 1),
        ("over-card", "persona.toml", 2),
    ]
    (here / "card.json").write_text("{")
    assert [notice.level for notice in lint_one(here, ROUGH).notices] == ["error"]


def test_a_folder_that_is_refused_says_why_first(tmp_path: Path) -> None:
    report = lint_one(persona(tmp_path / "pip", "name = 3", base=False), ROUGH)
    assert not report.fine and {notice.level for notice in report.notices} == {"error"}
    assert "there is no base.png" in " ".join(notice.says for notice in report.notices)
    assert (report.notices[0].line, report.notices[0].column) == (1, 8)


def test_files_that_nobody_reads_are_told(tmp_path: Path) -> None:
    here = persona(tmp_path / "pip", TOML)
    (here / "world.json").write_text("{}")
    (here / "Mask.PNG").write_bytes(b"")
    (here / "faces").mkdir()
    (here / "faces" / "joyy.png").write_bytes(b"")
    codes = [(notice.code, notice.file and notice.file.name) for notice in lint_one(here, ROUGH).notices]
    assert codes == [("face-misfit", "joyy.png"), ("file-unread", "world.json"), ("file-unread", "Mask.PNG")]


def test_a_folder_of_cards_is_looked_through_and_two_of_a_name_are_told(tmp_path: Path) -> None:
    persona(tmp_path / "personas" / "pip", TOML)
    (tmp_path / "cards" / "inner").mkdir(parents=True)
    (tmp_path / "cards" / "a.json").write_text(json.dumps(card()))
    (tmp_path / "cards" / "inner" / "b.json").write_text(json.dumps(card(name="Juno")))
    (tmp_path / "cards" / "package.json").write_text('{"version": 1}')
    (tmp_path / "cards" / "photo.png").write_bytes((ROOT / "personas" / "juno" / "base.png").read_bytes())
    (tmp_path / "cards" / "half.json").write_text('{"name": ')
    reports = list(lint([tmp_path / "personas", tmp_path / "cards"], ROUGH))
    assert [report.path.name for report in reports] == ["pip", "a.json", "half.json", "b.json"]
    assert [notice.code for report in reports for notice in report.notices] == ["name-twice", "unreadable"]


@pytest.mark.parametrize("slug", ["marigold", "bram", "juno"])
def test_the_samples_have_neither_errors_nor_warnings(slug: str) -> None:
    report = lint_one(ROOT / "personas" / slug, ROUGH)
    assert [notice for notice in report.notices if notice.level != "note"] == []


def test_hundreds_of_cards_take_seconds(tmp_path: Path) -> None:
    entries = [{"keys": [f"place {n}", f"thing{n}"], "content": f"Place {n} is near place {n + 1}."} for n in range(40)]
    for number in range(150):
        (tmp_path / f"{number}.json").write_text(json.dumps(card(name=f"Owl {number}", character_book=book(*entries))))
    start = time.process_time()
    assert sum(report.fine for report in lint([tmp_path], ROUGH)) == 150
    assert time.process_time() - start < 10


# --- places ----------------------------------------------------------------------------------------------------------

_VALUES = st.recursive(
    st.text(max_size=5) | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abxyz_", min_size=1, max_size=3), inner),
    max_leaves=12,
)


@given(document=st.dictionaries(st.text("abxyz_", min_size=1, max_size=3), _VALUES), indent=st.sampled_from([None, 2]))
@settings(max_examples=60, deadline=None)
def test_the_place_of_a_field_is_where_its_value_begins(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any], indent: int | None
) -> None:
    file = tmp_path_factory.getbasetemp() / "card.json"
    file.write_text(json.dumps(document, indent=indent))
    lines, places = file.read_text().split("\n"), Places(file)

    def walk(value: Any, where: str) -> None:
        if where:
            line, column = places.of(where)
            written = json.dumps(value, indent=indent).split("\n")[0]
            assert lines[line - 1][column - 1 :].startswith(written[:1] if isinstance(value, dict | list) else written)
        for key, inner in value.items() if isinstance(value, dict) else ():
            walk(inner, f"{where}.{key}".lstrip("."))
        for at, inner in enumerate(value if isinstance(value, list) else ()):
            walk(inner, f"{where}[{at}]")

    walk(document, "")


def test_places_in_yaml_and_toml(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text("name: Tess\ntags:\n  - robot\n  - odd\ngreeting: >\n  Hi.\n")
    (tmp_path / "card.toml").write_text('name = "Tess"\n[[entries]]\nkeys = ["a", "b"]\n')
    yaml, toml = Places(tmp_path / "card.yaml"), Places(tmp_path / "card.toml")
    assert [yaml.of(where) for where in ("name", "tags[1]", "first_mes", "")] == [(1, 7), (4, 5), (5, 11), (0, 0)]
    assert [toml.of(where) for where in ("name", "entries[0].keys[1]", "gone")] == [(1, 8), (3, 14), (1, 0)]
    assert Places(tmp_path / "card.png").of("data.name") == (0, 0)


@given(st.lists(st.lists(st.integers(0, 7), max_size=4), min_size=8, max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_component_is_who_reaches_each_other(calls: list[list[int]]) -> None:
    reach = [{at} for at in range(8)]
    for _ in range(8):
        reach = [set().union(known, *(reach[after] for at in known for after in calls[at])) for known in reach]
    expected = {frozenset(other for other in range(8) if other in reach[at] and at in reach[other]) for at in range(8)}
    assert sorted(map(sorted, components(calls))) == sorted(map(sorted, expected))


def test_the_report_for_programs_is_json(tmp_path: Path) -> None:
    report = report_of(tmp_path, card(name="Pip, Pop"))
    data = json.loads(json.dumps(report.data()))
    assert (data["fine"], data["errors"], data["warnings"], data["name"]) == (True, 0, 1, "Pip, Pop")
    [notice] = data["notices"]
    assert set(notice) == set(Notice.__dataclass_fields__)


_FIELDS = st.sampled_from(
    [*CARD["data"], "assets", "character_book", "nickname", "group_only_greetings", "source", "entries", "keys", "uri"]
)
_ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.text(max_size=8)
    | st.sampled_from(["{{user}}", "{{x::{{y}}", "/(a+)+$/", "<START>", "embeded://../x", "data:,", "@@depth x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS, inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(data=st.dictionaries(_FIELDS, _ODD, max_size=8), ending=st.sampled_from([".json", ".yaml"]))
@settings(max_examples=40, deadline=None)
def test_no_card_whatsoever_is_too_much(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any], ending: str
) -> None:
    file = tmp_path_factory.getbasetemp() / f"odd{ending}"
    file.write_text(json.dumps(CARD | {"data": CARD["data"] | data}, indent=1))
    report = lint_one(file, ROUGH)
    assert json.dumps(report.data()) and all(notice.says for notice in report.notices)
    assert report.fine or [notice.code for notice in report.notices] == ["unreadable"]
