"""What lasts from reply to reply, what is decided by lot, and how far back lore is searched."""

from collections import Counter

import pytest

from persona.lore.obstacles import Moment
from persona.lore.outcome import Cause, Reason
from persona.lore.timed import Timed
from persona.lorebook import Lorebook
from tests.persona.lore import awaken, card, reasons, texts, world


def walk(book: Lorebook, *messages: str) -> list[list[str]]:
    """What awakens after every single message, with what lasts from before; one message is searched."""
    state, awake = Timed(), []
    for number in range(1, len(messages) + 1):
        awakened = awaken(book, *messages[:number], state=Timed.from_json(state.to_json()), scan_depth=1)
        awake.append(texts(awakened))
        state = awakened.timed
    return awake


def test_a_sticky_entry_stays_for_so_many_messages() -> None:
    book = world({"key": ["a1"], "content": "A", "sticky": 2})
    assert walk(book, "a1", "x", "x", "x", "x") == [["A"], ["A"], ["A"], [], []]


def test_a_sticky_entry_that_is_named_again_does_not_stay_longer() -> None:
    book = world({"key": ["a1"], "content": "A", "sticky": 2})
    assert walk(book, "a1", "a1", "x", "x") == [["A"], ["A"], ["A"], []]


def test_a_sticky_entry_draws_only_once() -> None:
    book = world({"key": ["a1"], "content": "A", "sticky": 9, "probability": 50})
    state = next(
        awakened.timed for awakened in (awaken(book, "a1", seed=seed) for seed in range(9)) if awakened.entries
    )
    later = [awaken(book, "a1", "x", seed=seed, state=state) for seed in range(20)]
    assert all(awakened.entries[0].why.cause is Cause.STICKY for awakened in later)


def test_a_cooldown_keeps_an_entry_asleep() -> None:
    book = world({"key": ["a1"], "content": "A", "cooldown": 2})
    assert walk(book, "a1", "a1", "a1", "a1") == [["A"], [], [], ["A"]]
    awake = awaken(book, "a1")
    asleep = awaken(book, "a1", "a1", state=awake.timed)
    assert reasons(asleep) == {"A": Reason.COOLDOWN}
    assert asleep.left_out[0].says == "it sleeps for 2 more messages"


def test_the_cooldown_of_a_sticky_entry_begins_when_it_leaves() -> None:
    book = world({"key": ["a1"], "content": "A", "sticky": 1, "cooldown": 2})
    assert walk(book, "a1", "a1", "a1", "a1", "a1") == [["A"], ["A"], [], [], ["A"]]


def test_a_delay_is_counted_over_the_whole_conversation() -> None:
    book = world({"key": ["a1"], "content": "A", "delay": 3})
    assert walk(book, "a1", "a1", "a1") == [[], [], ["A"]]
    assert texts(awaken(book, "a1", moment=Moment(messages=500))) == ["A"]


def test_an_effect_of_a_reply_that_is_made_anew_never_happened() -> None:
    book = world({"key": ["a1"], "content": "A", "cooldown": 5})
    first = awaken(book, "x", "a1")
    assert texts(awaken(book, "x", "a1", state=first.timed)) == ["A"]
    assert texts(awaken(book, "a1", state=first.timed)) == ["A"]  # a message was deleted
    assert texts(awaken(book, "x", "a1", "a1", state=first.timed)) == []


def test_keep_activate_after_match() -> None:
    book = card({"keys": ["a1"], "content": "@@keep_activate_after_match\nA"})
    assert walk(book, "x", "a1", "x", "x") == [[], ["A"], ["A"], ["A"]]


def test_what_is_kept_draws_only_once() -> None:
    row = {"keys": ["a1"], "content": "@@keep_activate_after_match\nA", "extensions": {"probability": 50}}
    state = next(later.timed for later in (awaken(card(row), "a1", seed=seed) for seed in range(9)) if later.entries)
    assert all(texts(awaken(card(row), "a1", "x", seed=seed, state=state)) == ["A"] for seed in range(20))


def test_dont_activate_after_match() -> None:
    book = card({"keys": ["a1"], "content": "@@dont_activate_after_match\nA"})
    assert walk(book, "x", "a1", "a1", "a1") == [[], ["A"], [], []]


def test_a_stored_state_that_is_none_is_refused() -> None:
    for text in ("", "[]", '{"sticky": 3}', '{"sticky": {"a": [1]}, "cooldown": {}, "awake": {}}', "[" * 100_000):
        with pytest.raises(ValueError):
            Timed.from_json(text)


def test_probability_is_a_share_of_the_times_and_the_seed_decides() -> None:
    book = world({"key": ["a1"], "content": "A", "probability": 30})
    times = sum(bool(awaken(book, "a1", seed=seed).entries) for seed in range(1000))
    assert 250 < times < 350  # of 1000 at 0.3: 5 deviations are 72
    assert texts(awaken(book, "a1", seed=7)) == texts(awaken(book, "a1", seed=7))


def test_the_lot_of_a_group_goes_by_weights() -> None:
    book = world(
        {"key": ["a1"], "content": "A", "group": "g", "groupWeight": 300},
        {"key": ["a1"], "content": "B", "group": "g", "groupWeight": 100},
    )
    drawn = Counter("".join(texts(awaken(book, "a1", seed=seed))) for seed in range(1000))
    assert set(drawn) == {"A", "B"}
    assert 680 < drawn["A"] < 820


def test_who_is_sticky_keeps_its_group() -> None:
    book = world(
        {"key": ["a1"], "content": "A", "group": "g", "sticky": 5},
        {"key": ["b1"], "content": "B", "group": "g", "groupOverride": True},
    )
    state = awaken(book, "a1").timed
    assert texts(awaken(book, "a1", "b1", state=state)) == ["A"]


def test_steps_of_recursion_are_limited() -> None:
    rows = [{"key": [f"k{step}"], "content": f"{step} k{step + 1}"} for step in range(9)]
    for steps in (0, 1, 4):
        awakened = awaken(world(*rows), "k0", steps=steps)
        assert texts(awakened) == [f"{step} k{step + 1}" for step in range(steps + 1)]


def test_a_book_says_whether_its_texts_awaken_others() -> None:
    rows = [{"keys": ["a1"], "content": "A b1"}, {"keys": ["b1"], "content": "B"}]
    assert texts(awaken(card(*rows), "a1")) == ["A b1", "B"]
    assert texts(awaken(card(*rows), "a1", recursive=False)) == ["A b1"]
    assert texts(awaken(card(*rows, recursive_scanning=False), "a1")) == ["A b1"]
    assert texts(awaken(card(*rows, recursive_scanning=True), "a1", recursive=False)) == ["A b1", "B"]
    quiet = [card(rows[0]), card(rows[1], recursive_scanning=False)]
    assert texts(awaken(quiet, "a1")) == ["A b1"]


def test_a_book_says_how_many_messages_are_searched() -> None:
    book = card({"keys": ["a1"]}, scan_depth=2)
    assert texts(awaken(book, "a1", "x", "x", "x")) == []
    assert texts(awaken(book, "x", "x", "a1", "x")) == ["A1"]


def test_too_few_awake_entries_are_looked_for_further_back() -> None:
    book = world({"key": ["a1"]}, {"key": ["/b1/"], "content": "B1"}, {"key": ["c1"]})
    messages = ("c1", "x", "b1", "x", "x", "a1", "x")
    assert texts(awaken(book, *messages, scan_depth=2)) == ["A1"]
    assert texts(awaken(book, *messages, scan_depth=2, min_activations=2)) == ["A1", "B1"]
    assert texts(awaken(book, *messages, scan_depth=2, min_activations=9)) == ["A1", "B1", "C1"]
    assert texts(awaken(book, *messages, scan_depth=2, min_activations=9, most_depth=6)) == ["A1", "B1"]


def test_greetings_names_and_tags_decide_for_whom_an_entry_is() -> None:
    greeting = card({"keys": ["a1"], "content": "@@is_greeting 1\nA"})
    assert texts(awaken(greeting, "a1")) == ["A"]
    assert texts(awaken(greeting, "a1", moment=Moment(greeting=1))) == ["A"]
    assert texts(awaken(greeting, "a1", moment=Moment(greeting=0))) == []
    mine = world({"key": ["a1"], "characterFilter": {"isExclude": False, "names": ["Juno"], "tags": ["robot"]}})
    assert texts(awaken(mine, "a1", moment=Moment(names=frozenset({"JUNO"})))) == ["A1"]
    assert texts(awaken(mine, "a1", moment=Moment(names=frozenset({"R"}), tags=frozenset({"robot"})))) == ["A1"]
    assert texts(awaken(mine, "a1", moment=Moment(names=frozenset({"Bram"})))) == []
    others = world({"key": ["a1"], "characterFilter": {"isExclude": True, "names": ["Juno"]}})
    assert texts(awaken(others, "a1", moment=Moment(names=frozenset({"juno"})))) == []
    assert texts(awaken(others, "a1", moment=Moment(names=frozenset({"bram"})))) == ["A1"]
