"""The lorebook benchmark compares two ways to the same entries."""

from random import Random

from bench.lore import NAMED, case, loop, measured, ours, substrings, words


def test_both_ways_find_the_same_entries() -> None:
    given = case(300)
    assert loop(given)() == ours(given)()
    assert NAMED * 0.7 <= len(ours(given)()) <= NAMED


def test_substrings_find_more() -> None:
    assert set(substrings(case(300))()) > set(ours(case(300))())


def test_patterns_find_what_words_found() -> None:
    assert set(ours(case(300, 10))()) >= set(ours(case(300))())


def test_words_are_different_and_always_the_same() -> None:
    found = words(Random(1), 500)
    assert len(set(found)) == 500
    assert found == words(Random(1), 500)


def test_the_figures_are_of_both_ways() -> None:
    ratio, figures = measured("300 entries", case(300), rounds=1)
    assert ratio > 1
    assert figures["300 entries, awake"] == len(ours(case(300))())
    assert figures["300 entries, loop ms"] > figures["300 entries, best ms"] > 0
