"""The formats of lorebooks: what each says is understood, kept apart, or told as not used."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from persona.lore.engine import Lore
from persona.lore.entry import SOURCES, Group, Logic, Place, Recursion, Scope
from persona.lore.folder import read_lore
from persona.lorebook import Lorebook, read_lorebook
from persona.tomlfile import TomlError
from tests.persona.lore import awaken, texts

CARD_ENTRY: dict[str, Any] = {
    "keys": ["dragon", "/wyrms?/i"],
    "content": "@@depth 2\n@@role assistant\n@@sing\nThe dragon sleeps.",
    "extensions": {
        "position": 4,
        "depth": 7,
        "role": 1,
        "selectiveLogic": 3,
        "probability": 40,
        "useProbability": True,
        "scan_depth": 9,
        "match_whole_words": False,
        "case_sensitive": True,
        "prevent_recursion": True,
        "exclude_recursion": True,
        "delay_until_recursion": 2,
        "group": "beasts, night",
        "group_override": True,
        "group_weight": 30,
        "use_group_scoring": True,
        "sticky": 3,
        "cooldown": 4,
        "delay": 5,
        "ignore_budget": True,
        "outlet_name": "cave",
        "triggers": ["Normal"],
        "match_scenario": True,
        "vectorized": True,
        "automation_id": "x",
    },
    "enabled": True,
    "insertion_order": 12,
    "priority": 5,
    "comment": "The beast",
    "selective": True,
    "secondary_keys": ["cave", "gold"],
}
WORLD_ENTRY: dict[str, Any] = {
    "key": ["dragon", "/wyrms?/i"],
    "keysecondary": ["cave", "gold"],
    "comment": "The beast",
    "content": CARD_ENTRY["content"],
    "selective": True,
    "selectiveLogic": 3,
    "order": 12,
    "position": 4,
    "depth": 7,
    "role": 1,
    "disable": False,
    "probability": 40,
    "useProbability": True,
    "scanDepth": 9,
    "matchWholeWords": False,
    "caseSensitive": True,
    "preventRecursion": True,
    "excludeRecursion": True,
    "delayUntilRecursion": 2,
    "group": "beasts, night",
    "groupOverride": True,
    "groupWeight": 30,
    "useGroupScoring": True,
    "sticky": 3,
    "cooldown": 4,
    "delay": 5,
    "ignoreBudget": True,
    "outletName": "cave",
    "triggers": ["Normal"],
    "matchScenario": True,
    "vectorized": True,
    "automationId": "x",
}


@pytest.mark.parametrize("form", ["card", "v3", "world info"])
def test_every_option_is_read_from_every_form(form: str) -> None:
    book = {
        "card": lambda: Lorebook.of_card_book({"entries": [CARD_ENTRY]}),
        "v3": lambda: Lorebook.of_v3({"spec": "lorebook_v3", "data": {"entries": [CARD_ENTRY]}}),
        "world info": lambda: Lorebook.of_world_info({"entries": {"0": WORLD_ENTRY}}),
    }[form]()
    entry = book.entries[0]
    assert [(key.written, key.pattern) for key in entry.keys] == [("dragon", None), ("/wyrms?/i", "wyrms?")]
    assert [key.written for key in entry.conditions[0].keys] == ["cave", "gold"]
    assert entry.conditions[0].logic is Logic.ALL
    assert entry.text == "The dragon sleeps."
    assert (entry.place, entry.depth, entry.role, entry.outlet) == (Place.DEPTH, 2, "assistant", "cave")
    assert (entry.order, entry.weight) == (12, 12 if form == "world info" else 5)
    assert (entry.probability, entry.scan_depth, entry.case_sensitive, entry.whole_words) == (40, 9, True, False)
    assert entry.recursion == Recursion(prevent=True, exclude=True, level=2)
    assert entry.group == Group(("beasts", "night"), True, 30, True)
    assert (entry.timing.sticky, entry.timing.cooldown, entry.timing.delay) == (3, 4, 5)
    assert entry.ignore_budget and entry.enabled and not entry.constant
    assert entry.name == "The beast"
    assert entry.filter.triggers == {"normal"}
    assert entry.sources == {"scenario"}
    assert [(found.level, found.where, found.says) for found in book.findings] == [
        ("note", "entries[0].vectorized", "is not used: entries awaken by their keys, not by likeness of meaning"),
        ("note", "entries[0].automation_id", "is not used: there are no scripts to run"),
        ("warning", "entries[0].content", "@@sing is not used: Mien does not know it"),
    ]


def test_what_a_book_says_of_itself() -> None:
    book = Lorebook.of_card_book(
        {"name": "Beasts", "scan_depth": 3, "token_budget": "200", "recursive_scanning": False, "entries": []}
    )
    assert (book.name, book.scan_depth, book.token_budget, book.recursive) == ("Beasts", 3, 200, False)
    silent = Lorebook.of_card_book({"entries": []})
    assert (silent.scan_depth, silent.token_budget, silent.recursive) == (None, None, None)


@pytest.mark.parametrize("name", SOURCES)
def test_texts_of_the_card_awaken_who_listens_to_them(name: str) -> None:
    book = Lorebook.of_card_book(
        {
            "entries": [
                {"keys": ["oak"], "content": "A", "extensions": {f"match_{name}": True}},
                {"keys": ["oak"], "content": "B"},
            ]
        }
    )
    awakened = Lore([book]).awaken([], count=len, budget=99, chance=Random(0), sources={name: "An oak.", "x": "oak"})
    assert texts(awakened) == ["A"]
    assert awakened.entries[0].why.source == name


HONOURED = {
    *("activate", "activate_only_after", "activate_only_every", "additional_keys", "depth", "dont_activate"),
    *("dont_activate_after_match", "exclude_keys", "ignore_on_max_context", "is_greeting"),
    *("keep_activate_after_match", "position", "role", "scan_depth"),
}
UNUSED = {
    *("disable_ui_prompt", "instruct_depth", "instruct_scan_depth", "is_user_icon", "reverse_depth"),
    "reverse_instruct_depth",
}
VALUES = {"position": "before_desc", "role": "user", "additional_keys": "a, b", "exclude_keys": "c"}


@pytest.mark.parametrize("name", sorted(HONOURED | UNUSED))
def test_every_decorator_is_honoured_or_told_as_unused(name: str) -> None:
    plain = Lorebook.of_card_book({"entries": [{"keys": ["k"], "content": "Text"}]}).entries[0]
    content = f"@@{name} {VALUES.get(name, '3')}\nText"
    book = Lorebook.of_card_book({"entries": [{"keys": ["k"], "content": content}]})
    assert book.entries[0].text == "Text"
    assert book.entries[0] != plain
    assert bool(book.findings) is (name in UNUSED)


def test_what_never_awakens_is_told() -> None:
    book = Lorebook.of_card_book(
        {
            "entries": [
                {"keys": ["", "a"], "content": "A"},
                {"keys": [], "content": "B"},
                {"keys": ["/(/"], "content": "C"},
                {"keys": ["d"], "content": " "},
                {"keys": [""], "content": "off", "enabled": False},
            ]
        }
    )
    assert [(found.level, found.where) for found in book.findings] == [
        ("error", "entries[0].keys[0]"),
        ("error", "entries[1]"),
        ("error", "entries[2].keys[0]"),
        ("warning", "entries[3].content"),
    ]


def test_a_file_is_told_by_its_shape(tmp_path: Path) -> None:
    entries = [{"keys": ["a1"], "content": "A"}]
    world = {"entries": {"0": {"key": ["a1"], "content": "A", "order": 3}}}
    shapes: list[Any] = [
        {"entries": entries},
        {"spec": "lorebook_v3", "data": {"entries": entries}},
        {"spec": "chara_card_v3", "data": {"name": "Juno", "character_book": {"entries": entries}}},
        world,
        {"entries": [world["entries"]["0"]]},
    ]
    for number, shape in enumerate(shapes):
        file = tmp_path / f"{number}.json"
        file.write_text("\ufeff" + json.dumps(shape), encoding="utf-8")
        book = read_lorebook(file, scope=Scope.GUILD)
        assert (book.scope, book.path, book.label()) == (Scope.GUILD, file, str(number))
        assert texts(awaken(book, "a1")) == ["A"]


BROKEN = [  # what is in the file, what is told
    ("{", "book.json, line 1, column 2: not valid JSON: Expecting property name"),
    ('{\n "entries": [,]}', "book.json, line 2, column 14: not valid JSON"),
    ("[]", "book.json: expected a lorebook, a JSON object"),
    ("{}", "book.json: expected a lorebook, and there are no entries in it"),
    ("[" * 100_000, "book.json: brackets are nested too deeply"),
    (f'{{"entries": {"9" * 5000}}}', "book.json: a number is too long"),
    ("\udcff", "book.json, line 1: expected UTF-8 text"),
]


@pytest.mark.parametrize(("content", "says"), BROKEN, ids=lambda value: value[:12])
def test_a_file_that_is_none_is_one_sentence(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "book.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(TomlError) as error:
        read_lorebook(file)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


TOML = """\
name = "The town"
scan_depth = 2
budget = 100

[[entries]]
keys = ["golden crumb", "/bakery|bakeries/i"]
text = "The Golden Crumb is a bakery."

[[entries]]
keys = ["oven"]
also = ["fire", "smoke"]
logic = "all"
text = "The oven burns."
position = "depth"
depth = 1
role = "user"
priority = 3
group = ["kitchen"]
sticky = 2
once = true
"""


def test_lorebook_toml(tmp_path: Path) -> None:
    file = tmp_path / "lorebook.toml"
    file.write_text(TOML, encoding="utf-8")
    book = read_lorebook(file)
    assert (book.name, book.scan_depth, book.token_budget, book.scope) == ("The town", 2, 100, Scope.PERSONA)
    assert texts(awaken(book, "in the Golden Crumb")) == ["The Golden Crumb is a bakery."]
    assert texts(awaken(book, "all bakeries")) == ["The Golden Crumb is a bakery."]
    oven = book.entries[1]
    assert (oven.conditions[0].logic, oven.place, oven.depth, oven.role) == (Logic.ALL, Place.DEPTH, 1, "user")
    assert (oven.weight, oven.order, oven.group.names, oven.timing.sticky) == (3, 100, ("kitchen",), 2)
    assert oven.timing.once
    assert book.findings == ()


MISTAKES = [
    ('[[entries]]\nkeys = [""]\ntext = "A"', "line 2", "got only blanks"),
    ('[[entries]]\nkeys = ["/(/"]\ntext = "A"', "line 2", "/(/: the pattern is not valid: missing )"),
    ('[[entries]]\ntext = "A"', "line 1", "expected keys, or constant = true"),
    ('[[entries]]\nkeys = ["a"]\ntxt = "A"', "line 3", "unknown key; did you mean text?"),
    ('[[entries]]\nkeys = ["a"]\ntext = "A"\nposition = "top"', "line 4", "'before'"),
    ('[[entries]]\nkeys = ["a"]\ntext = "A"\nposition = "outlet"', "line 1", "expected outlet ="),
    ('[[entries]]\nkeys = ["a"]\ntext = "A"\nprobability = 101', "line 4", "100 or less"),
]


@pytest.mark.parametrize(("content", "line", "says"), MISTAKES)
def test_mistakes_in_toml_are_told_with_their_line(tmp_path: Path, content: str, line: str, says: str) -> None:
    file = tmp_path / "lorebook.toml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(TomlError) as error:
        read_lorebook(file)
    assert line in str(error.value)
    assert says in str(error.value)


def test_the_lore_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "lorebook.toml").write_text('[[entries]]\nkeys = ["a1"]\ntext = "toml"', encoding="utf-8")
    for name in ("lorebook", "town"):
        book = {"entries": [{"keys": ["a1"], "content": name}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(book), encoding="utf-8")
    books = read_lore(tmp_path, ["town.json"], {"entries": [{"keys": ["a1"], "content": "card"}]})
    assert [book.scope for book in books] == [Scope.CHARACTER, Scope.PERSONA, Scope.PERSONA, Scope.PERSONA]
    assert [entry.text for book in books for entry in book.entries] == ["card", "toml", "lorebook", "town"]
    assert read_lore(tmp_path / "nothing") == ()


def test_all_mistakes_of_a_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "lorebook.json").write_text("{", encoding="utf-8")
    with pytest.raises(TomlError, match=r"lorebook\.json, line 1, column 2: not valid JSON.* \(and 1 more\)") as error:
        read_lore(tmp_path, ["gone.json"])
    assert "there is no such file" in str(error.value.problems[1])
    for name in ("../secret.json", "/etc/passwd", "a\\b.json", ".."):
        with pytest.raises(TomlError, match="expected the name of a file beside"):
            read_lore(tmp_path, [name])
