"""A reply's text: stop strings, control tags, and the way back; how tokens cut the text must not matter."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inference.loader import Loaded
from inference.tags import Tags
from inference.text import ReplyText
from inference.tokens import Tokens


def text_of(parts: Sequence[str], stops: Sequence[str] = (), tags: Sequence[str] = ()) -> ReplyText:
    """The text of a reply whose token number n reads parts[n]."""
    return ReplyText(lambda ids: "".join(parts[id] for id in ids), [], stops, tags)


def pieces(text: ReplyText, tokens: Iterable[int]) -> list[str]:
    """What is said after each of `tokens`, and at the end."""
    said = []
    for token in tokens:
        if not text.stopped:
            text.push(token)
        said.append(text.say(text.certain()))
    if not text.stopped:
        text.flush()
    return [*said, text.say()]


@pytest.mark.parametrize(
    ("stops", "parts", "expected"),
    [
        (("\nUser:",), ["Hi", "\n", "Us", "er", ": x"], ["Hi", "", "", "", "", ""]),
        (("\nUser:",), ["Hi", "\n", "You"], ["Hi", "", "\nYou", ""]),
        (("\nUser:",), ["Hi\nUse"], ["Hi", "\nUse"]),
        (("aab",), ["a", "a", "a", "b"], ["", "", "a", "", ""]),
        (("b", "abc"), ["a", "bc"], ["", "a", ""]),
        (("b", "ab"), ["xa", "b"], ["x", "", ""]),
        ((), ["a", "b"], ["a", "b", ""]),
    ],
)
def test_stop_strings_by_hand(stops: tuple[str, ...], parts: list[str], expected: list[str]) -> None:
    assert pieces(text_of(parts, stops), range(len(parts))) == expected


@given(
    st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3).map(tuple),
    st.lists(st.text(alphabet="ab\n", max_size=5), max_size=8),
)
def test_how_the_text_is_cut_does_not_matter_to_stop_strings(stops: tuple[str, ...], parts: list[str]) -> None:
    text = "".join(parts)
    cuts = (parts, [text], list(text))
    said, at_once, by_letters = ("".join(pieces(text_of(cut, stops), range(len(cut)))) for cut in cuts)
    assert said == at_once == by_letters
    assert text.startswith(said)
    assert not any(stop in said for stop in stops)
    assert (said == text) == (not any(stop in text for stop in stops))


def test_nothing_is_said_after_a_stop(starter: Loaded) -> None:
    tokens = Tokens(starter.tokenizer)
    text, ids = ReplyText(tokens.decode, [], ("stop",)), tokens.literal("go on, then stop and go on")
    said = []
    for id in ids:
        if not text.stopped:
            text.push(id)
        said.append(text.say(text.certain()))
    assert "".join(said).rstrip() == "go on, then"
    assert text.stopped
    assert text.say() == ""


def test_a_continued_reply_begins_after_what_was_said(starter: Loaded) -> None:
    tokens = Tokens(starter.tokenizer)
    text = ReplyText(tokens.decode, tokens.literal("I feel"))
    for id in tokens.literal(" happy"):
        text.push(id)
    text.flush()
    assert text.say() == " happy"


@pytest.mark.parametrize(
    ("parts", "said", "reached"),
    [
        (["Hello [joy] there"], "Hello there", ["joy"]),
        (["Hello [", "jo", "y", "] there"], "Hello there", ["joy"]),
        (["[joy]", " Hello"], "Hello", ["joy"]),
        (["Hel[joy]lo"], "Hello", ["joy"]),
        (["Hello", "[joy]", " there"], "Hello there", ["joy"]),
        (["[Joy] [sad] [joy ]"], "[Joy] [sad] [joy ]", []),
        (["[joy][anger]!"], "!", ["anger"]),
        (["[[joy]"], "[", ["joy"]),
        (["[jo"], "[jo", []),
        (["a [joy]", " [anger] b"], "a b", ["joy", "anger"]),
    ],
)
def test_tags_by_hand(parts: list[str], said: str, reached: list[str]) -> None:
    tags = Tags(["joy", "anger"])
    heard = [tags.push(part) for part in parts]
    assert "".join(piece for piece, _ in heard) + tags.flush() == said
    assert [tag for _, tag in heard if tag] == reached


@given(st.lists(st.sampled_from(["[", "]", "joy", "jo", "y", " ", "x", "[joy]"]), max_size=12))
def test_no_tag_reaches_the_reader_however_it_is_cut(parts: list[str]) -> None:
    whole = "".join(parts)
    said, by_letters = ("".join(pieces(text_of(cut, (), ["joy"]), range(len(cut)))) for cut in (parts, list(whole)))
    assert said == by_letters
    assert said.replace(" ", "") == whole.replace("[joy]", "").replace(" ", "")


@given(st.lists(st.sampled_from(["[jo", "y]", "é", "st", "op", " ", "a"]), min_size=1, max_size=10), st.data())
def test_going_back_leads_to_the_same_place(parts: list[str], data: st.DataObject) -> None:
    """After a mark, other tokens and the way back, the text goes on as if they had never been."""
    place = data.draw(st.integers(0, len(parts)))
    straight, detour = (text_of([*parts, "y] stop", "["], ("stop",), ["joy"]) for _ in range(2))
    for token in range(place):
        straight.push(token), detour.push(token)
    assume(not straight.stopped)  # after a stop string nothing is pushed
    mark = detour.mark()
    for token in (len(parts), len(parts) + 1):
        detour.push(token)
    detour.flush()
    detour.restore(mark)
    for text in (straight, detour):
        pieces(text, range(place, len(parts)))
    assert straight.visible == detour.visible
    assert straight.stopped == detour.stopped
