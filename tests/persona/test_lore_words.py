"""Keys of all scripts: where a word begins and ends, and what is the same."""

import logging
import time
from random import Random

import pytest

from persona.lore.engine import Lore
from persona.lore.entry import Key
from persona.lore.patterns import MOST_CHARACTERS, PatternError, compile_key, key_of
from persona.lore.words import fold
from tests.persona.lore import awaken, said, texts, world

FOUND = [  # key, text
    ("cat", "The cat's tail"),
    ("cat", "a **cat** and a _cat_"),
    ("cat", "cat-like"),
    ("well-known", "a well‑known song"),
    ("o’brien", "Mr O'Brien"),
    ("golden crumb", "the Golden\n  Crumb!"),
    ("ice cream", "two ice creams"),
    ("café", "LE CAFE\u0301"),
    ("Straße", "STRASSE"),
    ("İstanbul", "in istanbul"),
    ("ﬁre", "FIRE"),
    ("дом", "Дом, милый дом"),
    ("ёлка", "ЁЛКА!"),
    ("τέλος", "ΤΈΛΟΣ"),
    ("龙", "我喜欢龙吗"),
    ("龍族", "彼は龍族だった"),
    ("ドラゴン", "赤いドラゴンが来た"),
    ("ﾄﾞﾗｺﾞﾝ", "ドラゴン"),
    ("มังกร", "ฉันเห็นมังกรตัวใหญ่"),
    ("마리골드", "마리골드는 빵을 굽는다"),
    ("빵집", "시장빵집에서 만나"),
    ("용", "용은 크다"),
    ("용", "저기 용이에요!"),
    ("용", "나는 용에게서도 도망쳤다"),
    ("Alice", "Alice는 어디 있니"),
    ("Alice", "我和Alice说话"),
    ("🐉", "look:🐉!"),
    ("c++", "I love C++."),
    ("r2-d2", "R2-D2"),
    ("soft", "so\u00adft"),
]
NOT_FOUND = [
    ("cat", "concatenate"),
    ("cat", "cats"),
    ("cafe", "café"),
    ("дом", "домой"),
    ("용", "사용"),
    ("용", "용서해 줘"),
    ("ice cream", "nice cream"),
    ("r2", "r22"),
    ("é", "été"),
]


@pytest.mark.parametrize(("key", "text"), FOUND)
def test_a_key_is_found(key: str, text: str) -> None:
    assert texts(awaken(world({"key": [key], "content": "A"}), text)) == ["A"]


@pytest.mark.parametrize(("key", "text"), NOT_FOUND)
def test_a_part_of_a_word_is_no_word(key: str, text: str) -> None:
    assert texts(awaken(world({"key": [key], "content": "A"}), text)) == []
    assert texts(awaken(world({"key": [fold(key)[:2]], "content": "A", "matchWholeWords": False}), text + key)) == ["A"]


PATTERNS = [  # key, text
    (r"/dragons?/i", "DRAGON"),
    (r"/a\/b/", "a/b"),
    (r"/[^]x/", "1x"),
    (r"/\u{1F409}/u", "🐉"),
    (r"/(?<letter>[a-z])\k<letter>/", "book"),
    (r"/\p{Script=Cyrillic}/u", "дом"),
    (r"/^.+ends$/m", "first\nthis ends\nnot this"),
    (r"/a.b/s", "a\nb"),
    (r"/(?<=the )cat/giu", "the cat"),
]


@pytest.mark.parametrize(("key", "text"), PATTERNS)
def test_a_pattern_in_javascripts_form(key: str, text: str) -> None:
    assert compile_key(key_of(key)).search(text) is not None


def test_what_only_looks_like_a_pattern_is_words() -> None:
    for written in ("/usr/bin", "a/b", "//", "/", "and/or/"):
        assert key_of(written).pattern is None


NO_PATTERNS = ["(", "[", "*", "a{9,1}", "(" * 1999, "\\", "(?<1a>x)", "a" * (MOST_CHARACTERS + 1)]


@pytest.mark.parametrize("pattern", NO_PATTERNS, ids=lambda pattern: pattern[:9])
def test_a_pattern_that_is_none_says_why(pattern: str) -> None:
    with pytest.raises(PatternError, match=r"the pattern (is not valid: .|has 2001 characters)"):
        compile_key(Key(f"/{pattern}/", pattern))


def test_a_pattern_without_an_end_is_stopped_and_put_out_of_use(caplog: pytest.LogCaptureFixture) -> None:
    book = world({"key": ["/(x+x+)+y/"], "content": "A"}, {"key": ["hello"], "content": "B"})
    start = time.perf_counter()
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert texts(awaken(book, "x" * 4000, "hello")) == ["B"]
    assert time.perf_counter() - start < 2
    assert len(caplog.messages) == 1
    assert "/(x+x+)+y/" in caplog.messages[0]


def test_many_patterns_without_an_end_share_a_limit() -> None:
    book = world(*({"key": [f"/(x+x+)+y{number}/"], "content": "A"} for number in range(50)))
    start = time.perf_counter()
    assert texts(awaken(book, "x" * 4000)) == []
    assert time.perf_counter() - start < 2


def test_macros_in_keys_are_filled_in() -> None:
    book = world(
        {"key": ["{{char}}"], "content": "{{char}} bakes"},
        {"key": ["/{{user}} (sings|dances)/"], "content": "P"},
        {"key": ["{{nobody}}"], "content": "N"},
    )
    values = {"{{char}}": "Juno", "{{user}}": "R. (the 2nd)"}

    def fill(text: str) -> str:
        for macro, value in values.items():
            text = text.replace(macro, value)
        return text

    awakened = Lore([book]).awaken(
        said("juno, look: R. (the 2nd) sings"), count=len, budget=99, chance=Random(0), fill=fill
    )
    assert texts(awakened) == ["Juno bakes", "P"]
