"""A Discord message becomes plain words, whatever it is made of."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion.wording import MAX_CHARACTERS, readable, shortened


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("*hugs you tightly* oh no", "hugs you tightly oh no"),
        ("**really** __truly__ _yes_ ~~no~~ ||secret|| `code`", "really truly yes no secret code"),
        ("<@123> look at <@!4> and <@&5>", "[NAME] look at [NAME] and [NAME]"),
        ("that is <:pog_champ:55> <a:party:6>", "that is pog champ party"),
        ("see <#12> at <t:1700000000:R> https://x.y/z?a=1 now", "see at now"),
        ("> you are wrong\nno, I am not", "no, I am not"),
        ("```py\nraise Sadness\n```it fails", "it fails"),
        ("# Great news\n### everyone", "Great news everyone"),
        ("2*3*4 and snake_case stay", "2*3*4 and snake_case stay"),
        ("thanks 😭😭😭", "thanks loudly crying face"),
        ("ok 👍🏽", "ok thumbs up sign"),
        ("😡😡😡", "I'm so angry!"),
        ("❤️ 😂", "I love you! haha, that's hilarious!"),
        ("🧀", "cheese wedge"),
        ("I \x00\u202eam\u200b here\ud800!", "I am here !"),
        ("你好 привет مرحبا", "你好 привет مرحبا"),
        ("", ""),
        ("  \n\t ", ""),
    ],
)
def test_what_is_written_is_read_as_words(written: str, read: str) -> None:
    assert readable(written) == read


def test_a_message_that_is_only_a_quotation_keeps_its_words() -> None:
    assert readable("> I miss him") == "I miss him"
    assert readable("```\nhello\n```") == "hello"


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    text = "Dear friend, " + "word " * 3_000 + "I hate you."
    assert len(shortened(text)) <= MAX_CHARACTERS + 3
    assert readable(text).startswith("Dear friend,")
    assert readable(text).endswith("I hate you.")
    assert shortened("short") == "short"


@given(st.text())
def test_any_text_becomes_one_line_without_control_characters(text: str) -> None:
    line = readable(text)
    assert line == " ".join(line.split())
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in line)
