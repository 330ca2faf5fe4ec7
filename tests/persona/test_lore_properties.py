"""What holds for any lorebook: nothing raises, no budget is exceeded, the order in the file decides nothing."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from persona.lore.entry import Key
from persona.lore.patterns import PatternError, compile_key, key_of
from persona.lore.timed import Timed
from persona.lore.words import fold, stands_alone
from persona.lorebook import Lorebook
from tests.persona.lore import awaken, texts, world

words = st.sampled_from(["a1", "b1", "c1", "d1", "용", "龙", "café", "a1 b1"])
sentences = st.lists(words, max_size=6).map(" ".join)
signs = st.text(st.sampled_from("ab1/\\()[]{}*+?|^$.-i龙용é' \n\x00\u200b{{}}"), max_size=12) | st.text(max_size=8)
rows = st.fixed_dictionaries(
    {"key": st.lists(words, min_size=1, max_size=2), "content": sentences},
    optional={
        "keysecondary": st.lists(words, max_size=2),
        "selectiveLogic": st.integers(0, 3),
        "constant": st.booleans(),
        "probability": st.integers(0, 100),
        "position": st.integers(0, 7),
        "depth": st.integers(0, 5),
        "scanDepth": st.none() | st.integers(0, 4),
        "preventRecursion": st.booleans(),
        "excludeRecursion": st.booleans(),
        "delayUntilRecursion": st.booleans() | st.integers(0, 3),
        "group": st.sampled_from(["", "g", "h", "g,h"]),
        "groupOverride": st.booleans(),
        "groupWeight": st.integers(0, 100),
        "useGroupScoring": st.booleans(),
        "sticky": st.integers(0, 3),
        "cooldown": st.integers(0, 3),
        "delay": st.integers(0, 3),
    },
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | signs,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(signs, inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "key keys keysecondary secondary_keys content comment name constant selective selectiveLogic order position disable"
    " enabled insertion_order priority extensions probability useProbability depth role group groupWeight scanDepth"
    " delayUntilRecursion sticky cooldown delay characterFilter triggers use_regex case_sensitive outletName"
)
strange = st.dictionaries(st.sampled_from(FIELDS.split()), anything)


@settings(deadline=None, max_examples=50)
@given(st.lists(rows, max_size=8), st.lists(sentences, max_size=5), st.integers(0, 20), st.integers(0, 9))
def test_no_budget_is_exceeded_and_nobody_awakens_twice(
    entries: list[dict[str, Any]], messages: list[str], budget: int, seed: int
) -> None:
    book = world(*entries)
    awakened = awaken(book, *messages, budget=budget, seed=seed, min_activations=2)
    assert awakened.tokens == sum(len(text.split()) for text in texts(awakened)) <= budget
    assert len({active.entry.where for active in awakened.entries}) == len(awakened.entries)
    left = {out.entry.where for out in awakened.left_out}
    assert not left & {active.entry.where for active in awakened.entries}
    state = awakened.timed
    assert Timed.from_json(state.to_json()) == state


@settings(deadline=None, max_examples=50)
@given(st.lists(rows, min_size=2, max_size=8), st.lists(sentences, max_size=5), st.integers(0, 20), st.randoms())
def test_the_order_in_the_file_decides_nothing_where_order_values_differ(
    entries: list[dict[str, Any]], messages: list[str], budget: int, shuffler: Random
) -> None:
    numbered = [{**entry, "order": number} for number, entry in enumerate(entries)]
    shuffled = shuffler.sample(numbered, len(numbered))
    for seed in range(3):
        first, second = (awaken(world(*some), *messages, budget=budget, seed=seed) for some in (numbered, shuffled))
        assert texts(first) == texts(second)
        assert first.timed == second.timed
        assert {(out.entry.order, out.reason) for out in first.left_out} == {
            (out.entry.order, out.reason) for out in second.left_out
        }


@settings(deadline=None, max_examples=50)
@given(st.lists(rows, max_size=8), st.lists(sentences, max_size=5))
def test_of_a_group_one_awakens(entries: list[dict[str, Any]], messages: list[str]) -> None:
    awake = [active.entry for active in awaken(world(*entries), *messages).entries]
    for name in ("g", "h"):
        assert sum(name in entry.group.names for entry in awake) <= 1


@settings(deadline=None, max_examples=40)  # a pattern may use up its time
@given(st.lists(signs, max_size=4), st.lists(signs, max_size=3), st.lists(signs, max_size=3), st.booleans())
def test_no_key_raises(keys: list[str], further: list[str], messages: list[str], whole: bool) -> None:
    rows = [{"key": keys, "keysecondary": further, "selectiveLogic": 3, "content": "A", "matchWholeWords": whole}]
    book = world(*rows)
    awaken(book, *messages)
    assert all(found.says for found in book.findings)


@settings(deadline=None)
@given(signs, signs)
def test_no_pattern_raises_anything_but_its_error(pattern: str, text: str) -> None:
    try:
        compile_key(Key(pattern, pattern)).search(text)
    except PatternError as error:
        assert str(error)
    assert key_of(pattern).written == pattern


@settings(deadline=None, max_examples=50)
@given(anything, st.lists(strange, max_size=3), sentences)
def test_any_json_is_a_book(document: Any, entries: list[dict[str, Any]], message: str) -> None:
    """Whatever stands in a file, reading and awakening it says something or nothing, and never fails."""
    for shape in ({"entries": document}, {"entries": entries}, {"entries": dict(enumerate(entries))}):
        for read in (Lorebook.of_card_book, Lorebook.of_world_info):
            awakened = awaken(read(shape), message, "a1", budget=50)
            assert awakened.tokens <= 50 or any(active.entry.ignore_budget for active in awakened.entries)


@given(st.text(), st.text())
def test_a_whole_word_is_found_wherever_blanks_surround_it(key: str, around: str) -> None:
    folded = fold(key)
    text = f"{fold(around)} {folded} {fold(around)}"
    assert not folded or stands_alone(text, len(fold(around)) + 1, len(fold(around)) + 1 + len(folded))


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
