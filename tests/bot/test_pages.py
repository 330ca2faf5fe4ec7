"""Long texts are cut where a reader would cut them."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.pages import growing, pages


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def words(texts: list[str]) -> list[str]:
    return " ".join(texts).split()


def test_a_short_text_is_one_page_and_nothing_is_none() -> None:
    assert pages("Hello!\n") == ["Hello!"]
    assert pages(" \n ") == []


def test_exactly_the_limit_is_one_page() -> None:
    assert pages("a" * 2000) == ["a" * 2000]
    assert [len(page) for page in pages("a" * 2001)] == [1996, 5]


def test_emoji_count_as_discord_clients_count_them() -> None:
    assert pages("🧁" * 1000) == ["🧁" * 1000]
    assert all(units(page) <= 2000 for page in pages("🧁" * 2500))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One two.\nThree.\n\nFour five six seven", "One two.\nThree."),
        ("One two three.\nFour five. Six seven eight", "One two three."),
        ("One two three. Four five six seven", "One two three."),
        ("one two three four five six seven", "one two three four"),
    ],
)
def test_cuts_fall_between_the_largest_things(text: str, first: str) -> None:
    assert pages(text, limit=26)[0] == first


def test_a_cut_code_fence_is_closed_and_opened_again_with_its_language() -> None:
    code = "\n".join(f"print({number})" for number in range(40))
    cut = pages(f"Look:\n```python\n{code}\n```\nDone.", limit=200)
    assert len(cut) > 2
    assert all(page.count("```") % 2 == 0 and units(page) <= 200 for page in cut)
    assert all(page.startswith("```python\nprint(") for page in cut[1:-1])
    inside = [line for page in cut for line in page.splitlines() if line.startswith("print")]
    assert inside == code.splitlines()


def test_a_fence_on_one_line_is_no_open_fence() -> None:
    text = "Try ```mien run``` now. " + "word " * 30
    assert all("```" not in page for page in pages(text, limit=60)[1:])


def test_families_flags_of_accents_and_skin_tones_stay_whole() -> None:
    family, wave, e = "👩‍👩‍👧‍👦", "👋🏽", "e\u0301"
    for cluster in (family, wave, e):
        for page in pages(cluster * 60, limit=50):
            assert page.replace(cluster, "") == ""


def test_full_pages_stay_as_they_are_while_the_text_grows() -> None:
    text = "It was a long day at the bakery. " * 30 + "```py\n" + "x = 1\n" * 60 + "```\nAnd then we slept."
    before: list[str] = []
    for end in range(1, len(text)):
        now = growing(text[:end], limit=300)
        assert now[: len(before) - 1] == before[:-1]
        assert all(page.count("```") % 2 == 0 for page in now)
        before = now


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab .!\n`\u0301🧁\u200d"), max_size=400), st.integers(20, 60))
def test_any_text_is_cut_into_pages_that_fit(text: str, limit: int) -> None:
    assert all(0 < units(page) <= limit and page.strip() for page in pages(text, limit))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=12), max_size=60))
def test_no_word_is_lost_or_torn(some: list[str]) -> None:
    text = " ".join(word.replace("`", "'") for word in some)
    assert words(pages(text, limit=60)) == text.split()


def test_the_alphabet_of_these_tests_really_holds_a_combining_mark() -> None:
    assert unicodedata.combining("\u0301")
