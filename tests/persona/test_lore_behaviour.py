"""Every feature of lorebooks with a case: what awakens, in the order of the prompt."""

from typing import Any

import pytest

from persona.lore.outcome import Cause, Reason
from tests.persona.lore import awaken, card, reasons, texts, world

Row = dict[str, Any]


def key(*keys: str, **row: Any) -> Row:
    """An entry of a world info file."""
    return {"key": list(keys), **row}


def then(name: str, to: str, **row: Any) -> Row:
    """An entry whose text names another."""
    return {"key": [name], "content": f"{name.upper()} {to}", **row}


WORLD: dict[str, tuple[list[Row], list[str], list[str]]] = {  # feature: entries, messages, texts that awaken
    "a key awakens": ([key("dragon"), key("elf")], ["a Dragon!"], ["DRAGON"]),
    "any of several keys does": ([key("wyrm", "dragon")], ["a dragon"], ["WYRM"]),
    "nothing awakens without a key": ([key("dragon")], ["hello"], []),
    "an empty key awakens nothing": ([key("", " ", "\u200b")], ["hello"], []),
    "no keys awaken nothing": ([key()], ["hello ?"], []),
    "a speaker's name counts": ([key("robin")], ["hello"], ["ROBIN"]),
    "a disabled entry never awakens": ([key("dragon", disable=True, constant=True)], ["dragon"], []),
    "a constant entry needs no key": ([key(constant=True, content="C")], ["hello"], ["C"]),
    "case counts where asked": ([key("Rose", caseSensitive=True)], ["a rose"], []),
    "case is the same where asked": ([key("Rose", caseSensitive=True)], ["Rose!"], ["ROSE"]),
    "whole words by default": ([key("cat")], ["concatenate"], []),
    "parts of words where asked": ([key("cat", matchWholeWords=False)], ["concatenate"], ["CAT"]),
    "several words": ([key("golden  crumb")], ["the golden\ncrumb"], ["GOLDEN  CRUMB"]),
    # patterns
    "a pattern": ([key("/dragons?/i", content="D")], ["DRAGONS"], ["D"]),
    "a pattern without i minds case": ([key("/dragon/", content="D")], ["DRAGON"], []),
    "a pattern over messages": ([key("/\\x01Robin: [^\\x01]*sword/", content="D")], ["a sword"], ["D"]),
    "a broken pattern never matches": ([key("/dragon(/", content="D")], ["dragon("], []),
    # secondary keys
    "and any": ([key("a1", keysecondary=["b1", "c1"])], ["a1 c1"], ["A1"]),
    "and any: none there": ([key("a1", keysecondary=["b1", "c1"])], ["a1"], []),
    "not all": ([key("a1", keysecondary=["b1", "c1"], selectiveLogic=1)], ["a1 b1"], ["A1"]),
    "not all: all there": ([key("a1", keysecondary=["b1", "c1"], selectiveLogic=1)], ["a1 b1 c1"], []),
    "not any": ([key("a1", keysecondary=["b1", "c1"], selectiveLogic=2)], ["a1"], ["A1"]),
    "not any: one there": ([key("a1", keysecondary=["b1", "c1"], selectiveLogic=2)], ["a1 b1"], []),
    "and all": ([key("a1", keysecondary=["b1", "c1"], selectiveLogic=3)], ["a1", "b1 c1"], ["A1"]),
    "and all: one missing": ([key("a1", keysecondary=["b1", "c1"], selectiveLogic=3)], ["a1 b1"], []),
    "not selective": ([key("a1", keysecondary=["b1"], selective=False)], ["a1"], ["A1"]),
    "no secondary keys": ([key("a1", keysecondary=["", " "], selectiveLogic=3)], ["a1"], ["A1"]),
    # scan depth
    "four messages by default": ([key("old")], ["old", "2", "3", "4"], ["OLD"]),
    "not the fifth": ([key("old")], ["old", "2", "3", "4", "5"], []),
    "as deep as an entry asks": ([key("old", scanDepth=5)], ["old", "2", "3", "4", "5"], ["OLD"]),
    "no deeper than it asks": ([key("old", scanDepth=1)], ["old", "2"], []),
    "no message at all": ([key("old", scanDepth=0)], ["old"], []),
    "patterns look as deep": ([key("/old/", content="O", scanDepth=1)], ["old", "2"], []),
    # recursion
    "a text awakens another": ([then("a1", "b1"), key("b1")], ["a1"], ["A1 b1", "B1"]),
    "and that a third": ([then("a1", "b1"), then("b1", "c1"), key("c1")], ["a1"], ["A1 b1", "B1 c1", "C1"]),
    "in circles, once each": ([then("a1", "b1"), then("b1", "a1")], ["a1"], ["A1 b1", "B1 a1"]),
    "a text that awakens nobody": ([then("a1", "b1", preventRecursion=True), key("b1")], ["a1"], ["A1 b1"]),
    "an entry that listens to messages only": (
        [then("a1", "b1"), key("b1", excludeRecursion=True)],
        ["a1"],
        ["A1 b1"],
    ),
    "and does listen to messages": ([then("a1", "b1"), key("b1", excludeRecursion=True)], ["a1 b1"], ["A1 b1", "B1"]),
    "an entry that waits for texts": ([key("b1", delayUntilRecursion=True)], ["b1"], []),
    "and hears them": ([then("a1", "b1"), key("b1", delayUntilRecursion=True)], ["a1"], ["A1 b1", "B1"]),
    "levels come one after the other": (
        [then("a1", "b1 c1"), then("c1", "d1", delayUntilRecursion=2), key("b1", delayUntilRecursion=1), key("d1")],
        ["a1"],
        ["A1 b1 c1", "C1 d1", "B1", "D1"],
    ),
    "a secondary key in a text": ([then("a1", "b1"), key("c1", keysecondary=["b1"])], ["a1 c1"], ["A1 b1", "C1"]),
    "a pattern in a text": ([then("a1", "b1"), key("/b\\d/", content="P")], ["a1"], ["A1 b1", "P"]),
    # order and place
    "the lower order stands first": ([key("a1", order=20), key("b1", order=10)], ["a1 b1"], ["B1", "A1"]),
    "places of the prompt": (
        [
            key("d1", position=4, depth=1),
            key("d9", position=4, depth=9),
            key("nb", position=3),
            key("nt", position=2),
            key("eb", position=6),
            key("et", position=5),
            key("after", position=1),
            key("before", position=0),
            key("o", position=7, outletName="inn"),
        ],
        ["d1 d9 nb nt eb et after before o"],
        ["BEFORE", "AFTER", "ET", "EB", "NT", "NB", "D9", "D1", "O"],
    ),
    # groups
    "one of a group": ([key("a1", group="g", groupWeight=0), key("b1", group="g")], ["a1 b1"], ["B1"]),
    "overrides win by order": (
        [key("a1", group="g", order=1, groupOverride=True), key("b1", group="g", order=2, groupOverride=True)],
        ["a1 b1"],
        ["B1"],
    ),
    "an override wins over the rest": (
        [key("a1", group="g", order=1, groupOverride=True), key("b1", group="g", order=200)],
        ["a1 b1"],
        ["A1"],
    ),
    "scoring: more keys win": (
        [key("a1", group="g", useGroupScoring=True), key("b1", "b2", group="g", useGroupScoring=True)],
        ["a1 b1 b2"],
        ["B1"],
    ),
    "one that awakened keeps its group": (
        [then("a1", "b1", group="g"), key("b1", group="g")],
        ["a1"],
        ["A1 b1"],
    ),
    "of two groups, both must be won": (
        [key("a1", group="g, h"), key("b1", group="g", groupOverride=True), key("c1", group="h", groupOverride=True)],
        ["a1 b1 c1"],
        ["B1", "C1"],
    ),
    # filters
    "another kind of reply": ([key("a1", triggers=["continue"])], ["a1"], []),
    "this kind of reply": ([key("a1", triggers=["normal"])], ["a1"], ["A1"]),
    # chances that are none
    "never": ([key("a1", probability=0)], ["a1"], []),
    "probability that is switched off": ([key("a1", probability=0, useProbability=False)], ["a1"], ["A1"]),
}


@pytest.mark.parametrize("feature", WORLD)
def test_world_info(feature: str) -> None:
    rows, messages, expected = WORLD[feature]
    assert texts(awaken(world(*rows), *messages)) == expected


def deco(*lines: str, **row: Any) -> Row:
    """An entry of a V3 book with the key "key"; it says TEXT."""
    return {"keys": ["key"], "content": "\n".join((*lines, "TEXT")), **row}


CARDS: dict[str, tuple[list[Row], list[str], list[str]]] = {
    "selective": ([{"keys": ["a1"], "secondary_keys": ["b1"], "selective": True}], ["a1"], []),
    "not selective": ([{"keys": ["a1"], "secondary_keys": ["b1"]}], ["a1"], ["A1"]),
    "not enabled": ([{"keys": ["a1"], "enabled": False}], ["a1"], []),
    "case sensitive": ([{"keys": ["Aa"], "case_sensitive": True}], ["aa"], []),
    "use_regex": ([{"keys": ["dragons?$"], "use_regex": True, "content": "D"}], ["the DRAGONS"], ["D"]),
    "use_regex with slashes": ([{"keys": ["/dragons?/i"], "use_regex": True, "content": "D"}], ["DRAGON"], ["D"]),
    "use_regex as SillyTavern writes it": (
        [{"keys": ["C++"], "use_regex": True, "constant": False, "extensions": {"selectiveLogic": 0}}],
        ["I love C++"],
        ["C++"],
    ),
    "use_regex ignores constant": ([{"keys": ["x"], "use_regex": True, "constant": True}], ["hello"], []),
    "SillyTavern's constant counts": (
        [{"keys": ["x"], "use_regex": True, "constant": True, "extensions": {"useProbability": True}}],
        ["hello"],
        ["X"],
    ),
    "position": (
        [{"keys": ["a1"], "insertion_order": 1}, {"keys": ["b1"], "position": "before_char", "insertion_order": 9}],
        ["a1 b1"],
        ["B1", "A1"],
    ),
    "an empty content says nothing": ([{"keys": ["a1"], "content": ""}], ["a1"], []),
    # decorators
    "@@activate": ([deco("@@activate")], ["hello"], ["TEXT"]),
    "@@dont_activate": ([deco("@@dont_activate")], ["key"], []),
    "@@activate over @@dont_activate": ([deco("@@dont_activate", "@@activate")], ["hello"], ["TEXT"]),
    "@@activate_only_after": ([deco("@@activate_only_after 2")], ["> hi", "key"], []),
    "@@activate_only_after, later": ([deco("@@activate_only_after 2")], ["> hi", "> ho", "key"], ["TEXT"]),
    "@@activate_only_every": ([deco("@@activate_only_every 2")], ["> hi", "key"], []),
    "@@activate_only_every, at the second": ([deco("@@activate_only_every 2")], ["> hi", "> ho", "key"], ["TEXT"]),
    "@@scan_depth": ([deco("@@scan_depth 1")], ["key", "hello"], []),
    "@@additional_keys": ([deco("@@additional_keys red, blue")], ["key"], []),
    "@@additional_keys, one there": ([deco("@@additional_keys red, blue")], ["key blue"], ["TEXT"]),
    "@@additional_keys of a constant entry": ([deco("@@additional_keys red", constant=True)], ["hello"], []),
    "@@additional_keys with use_regex": ([deco("@@additional_keys bl.e", use_regex=True)], ["blue"], ["TEXT"]),
    "@@exclude_keys": ([deco("@@exclude_keys red, blue")], ["key red"], []),
    "@@exclude_keys, none there": ([deco("@@exclude_keys red, blue")], ["key"], ["TEXT"]),
    "an unknown decorator": ([deco("@@sing loudly")], ["key"], ["TEXT"]),
    "its fallback": ([deco("@@sing loudly", "@@@whistle", "@@@dont_activate")], ["key"], []),
    "no fallback where it is known": ([deco("@@scan_depth 3", "@@@dont_activate")], ["key"], ["TEXT"]),
    "a value that is none": ([deco("@@scan_depth deep", "@@@dont_activate")], ["key"], []),
    "the first of two counts": ([deco("@@scan_depth 1", "@@scan_depth 9")], ["key", "hello"], []),
    "lines between decorators": ([deco("@@scan_depth 3", "", "@@depth 2", "")], ["key"], ["TEXT"]),
    "no decorators in the middle": (
        [{"keys": ["key"], "content": "A\n@@dont_activate"}],
        ["key"],
        ["A\n@@dont_activate"],
    ),
}


@pytest.mark.parametrize("feature", CARDS)
def test_books_of_cards(feature: str) -> None:
    rows, messages, expected = CARDS[feature]
    assert texts(awaken(card(*rows), *messages)) == expected


REASONS: dict[str, tuple[Row, str, Reason]] = {
    "probability": (key("a1", probability=0), "a1", Reason.PROBABILITY),
    "secondary keys": (key("a1", keysecondary=["b1"]), "a1", Reason.CONDITION),
    "delay": (key("a1", delay=2), "a1", Reason.DELAY),
    "recursion": (key("a1", delayUntilRecursion=True), "a1", Reason.RECURSION),
    "budget": (key("a1", content="much too long for the five tokens there are"), "a1", Reason.BUDGET),
    "trigger": (key("a1", triggers=["swipe"]), "a1", Reason.FILTER),
    "empty": (key("a1", content=" "), "a1", Reason.EMPTY),
}


@pytest.mark.parametrize("feature", REASONS)
def test_what_was_called_and_does_not_speak_has_a_reason(feature: str) -> None:
    row, message, reason = REASONS[feature]
    awakened = awaken(world(row), message, budget=5)
    assert texts(awakened) == []
    assert [left.reason for left in awakened.left_out] == [reason]
    assert awakened.left_out[0].says
    assert awakened.left_out[0].why.key == "a1"


def test_the_loser_of_a_group_has_a_reason() -> None:
    awakened = awaken(world(key("a1", group="g"), key("b1", group="g", groupOverride=True)), "a1 b1")
    assert reasons(awakened) == {"A1": Reason.GROUP}
    assert awakened.left_out[0].says == "b1 won in the group g"


def test_an_entry_says_what_awakened_it() -> None:
    book = world(then("a1", "b1"), key("b1"), key("c1", constant=True), key("/d\\d/", content="D"))
    awakened = awaken(book, "d7", "hello", "and a1")
    whys = {active.text: active.why for active in awakened.entries}
    assert (whys["A1 b1"].key, whys["A1 b1"].message) == ("a1", 0)
    assert (whys["D"].key, whys["D"].message) == ("/d\\d/", 2)
    assert whys["B1"].through is not None and whys["B1"].through.text == "A1 b1"
    assert whys["C1"].cause is Cause.CONSTANT
