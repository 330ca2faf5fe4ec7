import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona.card import Card
from persona.speech import more_than_enough, tidy

MEMBERS = ["Robin", "Al:ex"]


def final(card: Card, text: str) -> str:
    return tidy(text, card, MEMBERS, finished=True)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (" Hoo! ", "Hoo!"),
        ("Pip: Hoo!", "Hoo!"),
        ("**Pip:** Hoo!", "Hoo!"),
        ("pip : Hoo!", "Hoo!"),
        ("Pip hoots at you.", "Pip hoots at you."),
        ("Hoo!\nRobin: And then?\nPip: Hoo!", "Hoo!"),
        ("Hoo!\nPip: Hoo again!", "Hoo!"),
        ("Hoo!\nAl ex: hey", "Hoo!"),
        ("Hoo!\n**robin**: hey", "Hoo!"),
        ("Hoo!\nFriend: question", "Hoo!"),
        ("Hoo!\n(Pip is happy and hoots.)", "Hoo!"),
        ("Robin: I speak now", ""),
        ("Robin said: hoo.", "Robin said: hoo."),
        ("*flaps", "*flaps*"),
        ("*flaps* Hoo! *", "*flaps* Hoo!"),
        ('"Hoo!', '"Hoo!"'),
        ("“Hoo!", "“Hoo!”"),
        ("Post (two letters", "Post (two letters)"),
        ("It's 5 o'clock.", "It's 5 o'clock."),
        ("```\ncode * here", "```\ncode * here\n```"),
        ("a\n\n\n\nb  \nc", "a\n\nb\nc"),
        ("I am so glad. I am so glad. I am so glad. I am", "I am so glad."),
        ("Hoo! Hoo! Hoo!", "Hoo! Hoo! Hoo!"),
        ("No, no, no, no, no, no! Hoo.", "No, no, no! Hoo."),
        ("Hoo! ()", "Hoo!"),
        ("short and unfinished", "short and unfinished"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_was_written_becomes_what_was_said(card: Card, written: str, said: str) -> None:
    assert final(card, written) == said


@pytest.mark.parametrize(
    "label",
    [
        *("Robin:", "**Robin**:", "**Robin:**", "__Robin__ :", "### Robin:", "> **Robin**:", "~~Robin~~:", '"Robin:'),
        *("Robin (laughs):", "Robin *laughs*:", "Robin：", "🌸 Robin 🌸:", "Robin says:", "**Robin** replied softly:"),
        *("{{user}}:", "<USER>:", "{{char}}:", "User:", "Robin Hood:", "Zo:", "Featherly:", "(Featherly ", "[Robin]:"),
    ],
)
def test_a_line_that_begins_to_speak_for_somebody_is_cut_there(card: Card, label: str) -> None:
    named = card.model_copy(update={"nickname": "Featherly"})
    members = ["🌸 Robin 🌸", "Robin Hood", "Zo\n"]
    text = f"Hoo!\n{label} I will not say it."
    assert tidy(text, named, members, finished=True) == "Hoo!"
    for end in range(len(text) + 1):
        assert "Hoo!".startswith(tidy(text[:end], named, members, finished=False))


@pytest.mark.parametrize(
    "line",
    [
        "Robin says hello.",
        "Robin, come in!",
        "Cake: three pieces.",
        "(laughs)",
        "Robins fly: look!",
        "- one\n- two",
        "Al: no",
    ],
)
def test_a_line_about_somebody_is_the_characters_own(card: Card, line: str) -> None:
    assert tidy(f"Hoo!\n{line}", card, ["Robin", "Alex Cake"], finished=True) == f"Hoo!\n{line}"


def test_a_nickname_in_front_is_the_characters_own_label(card: Card) -> None:
    named = card.model_copy(update={"name": "Pip Featherly", "nickname": "Pip"})
    for label in ("Pip:", "**Pip Featherly**:", "{{char}}:", "Pip (hoots):"):
        assert tidy(f"{label} Hoo!", named, ["Robin"], finished=True) == "Hoo!"


def test_what_the_character_said_before_is_not_said_again(card: Card) -> None:
    before = ["Hoo! I have a letter for you. It is from the mayor."]
    again = "Hoo! I have a letter  for you. Shall I read it?"
    assert tidy(again, card, [], finished=True, before=before) == "Hoo! Shall I read it?"
    assert tidy(before[0], card, [], finished=True, before=before) == "Hoo!"
    assert tidy(again, card, [], finished=True) == again


def test_nearly_the_same_sentence_is_not_said_again_either(card: Card) -> None:
    before = ["Hoo, my dear, I am so sorry. You have a wonderful letter today, and I just wanted to tell you."]
    again = (
        "Hoo, my dear, I am very sorry! You have a wonderful letter today, because I flew all night. Good night, Robin!"
    )
    assert tidy(again, card, [], finished=True, before=before) == "Good night, Robin!"
    other = "I am very sorry that the mill burnt down. You have a wonderful voice!"
    assert tidy(other, card, [], finished=True, before=before) == other


def test_an_aside_alone_is_an_answer_but_not_what_is_left_of_an_echo(card: Card) -> None:
    assert tidy("(hoots)", card, [], finished=True, before=["I have a letter for you."]) == "(hoots)"
    assert tidy("I have a letter for you. (hoots)", card, [], finished=True, before=["I have a letter for you."]) == ""


def test_a_sentence_that_may_become_an_echo_waits_until_it_is_another(card: Card) -> None:
    before = ["I have a letter for you from the mayor."]
    texts = ("I have a", "I have seven big parcels and a", "I have seven big parcels and a cat in")
    grown = [tidy(text, card, [], finished=False, before=before) for text in texts]
    assert grown == ["", "", "I have seven big parcels and a cat in"]
    assert tidy("We fly", card, [], finished=False, before=["Hoo hoo!"]) == "We fly"


def test_a_long_reply_cut_off_by_its_limit_ends_with_its_last_whole_sentence(card: Card) -> None:
    whole = 'Hoo, what a day! *shakes rain off* I brought "seven letters" and a parcel for the mayor, who was out.'
    assert final(card, f"{whole} Then I flew on to the mill because the") == whole
    endless = "letters and " * 20
    assert final(card, endless).endswith("letters and…")


def test_a_long_reply_that_ends_well_is_left_alone(card: Card) -> None:
    for end in ("yes!", "yes *hoots*", "yes 🦉", 'she said "yes"', "yes…"):
        text = (
            "Hoo, what a day it was in the rain! " * 1
            + "I brought seven letters and a parcel for everyone here and "
            + end
        )
        assert final(card, text) == text


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["Pip", "Robin", ":", "\n", " ", "*", "Ro", "hoo", "(Pip ", "!", '"', "**"]), max_size=25)
)
def test_while_a_reply_grows_what_was_shown_stays(card: Card, pieces: list[str]) -> None:
    for sentences in (None, 1, 2):
        brief, shown = card.model_copy(update={"sentences": sentences}), ""
        for end in range(len(pieces) + 1):
            now = tidy("".join(pieces[:end]), brief, MEMBERS, finished=False, before=["hoo hoo Robin hoo! Ro: hoo."])
            assert now.startswith(shown)
            shown = now


@pytest.mark.parametrize(
    ("written", "said", "enough"),
    [
        ("Hoo! I fly.", "Hoo! I fly.", False),
        ("Hoo! I fly. I", "Hoo! I fly.", True),
        ("Hoo! I fly at 3.5 miles. (laughs) And I", "Hoo! I fly at 3.5 miles.", True),
        ("(flaps) Hoo", "(flaps) Hoo", False),
    ],
)
def test_a_reply_has_no_more_sentences_than_the_card_allows(card: Card, written: str, said: str, enough: bool) -> None:
    brief = card.model_copy(update={"sentences": 2})
    assert final(brief, written) == tidy(written, brief, MEMBERS, finished=False) == said
    assert more_than_enough(written, brief) == enough and not more_than_enough(written, card)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text('Pip:Robn \n*"(!.', max_size=60))
def test_nobody_else_ever_speaks_in_a_reply(card: Card, text: str) -> None:
    for line in final(card, text).split("\n")[1:]:
        assert not line.startswith(("Robin:", "Pip:"))
