"""The sample personas' lorebooks: what they know awakens when it is asked for, and small talk awakens nothing."""

from pathlib import Path

import pytest

from persona.card import load_persona
from tests.persona.lore import awaken, texts

ROOTS = [Path(__file__).parents[2] / "personas"]
SMALL_TALK = (
    "Hi! How are you today?",
    "I passed my exam!",
    "My grandma is very ill and I am scared.",
    "You are stupid and I hate you.",
    "What is your favourite food?",
    "I baked bread this morning and it burned.",
    "It rains again. I am reading a good book about the stars.",
    "Thank you, that was sweet of you. See you tomorrow!",
    "Tell me a joke about robots, cats or ponies.",
    "There is a bear in front of your door!",
    "Can you help me with my homework? My computer is broken.",
    "I love you.",
    "My computer mouse and the power socket are broken, so what is your next stop?",
    "Pass me the salt and pepper, and some caramel.",
)
MEANT = {
    "marigold": {
        "What is the name of your oven?": ["the oven"],
        "Who is Thistle, and does he know Bertha?": ["the oven", "Old Thistle"],
        "Tell me the secret ingredient of the honey buns": ["the secret recipe"],
        "I walked down Mill Lane.": ["Mill Lane"],
        "Did you win the baking contest?": ["the Harvest Fair"],
        "Why are you afraid of burnt sugar?": ["burnt sugar"],
    },
    "bram": {
        "What's in the cellar?": ["the cellar"],
        "Was Mrs. Quill here today?": ["Mrs Quill"],
        "Did you find the red book?": ["the red book"],
        "Do you eat mice?": ["the mice"],
        "Whose is the green lamp?": ["the lamp"],
        "My book is overdue.": ["late books"],
    },
    "juno": {
        "Who is the captain?": ["Captain Osei"],
        "Is your engine okay? Where does the Wren fly?": ["the Wren", "the engine"],
        "Where is Socket?": ["Socket"],
        "When are we on Titan?": ["Titan Station"],
        "Juno, who made you?": ["Juno's maker"],
    },
}


@pytest.mark.parametrize("slug", MEANT)
def test_what_is_asked_for_awakens(slug: str) -> None:
    books = load_persona(slug, ROOTS).lore
    for question, expected in MEANT[slug].items():
        asked = [active for active in awaken(books, question).entries if active.why.message is not None]
        assert sorted(active.entry.name for active in asked) == sorted(expected), question
    assert {name for names in MEANT[slug].values() for name in names} == {
        e.name for book in books for e in book.entries
    }


@pytest.mark.parametrize("slug", MEANT)
def test_small_talk_awakens_nothing(slug: str) -> None:
    persona = load_persona(slug, ROOTS)
    said = (*SMALL_TALK, *(example.user for example in persona.card.examples))
    for message in said:
        assert texts(awaken(persona.lore, message)) == [], message


@pytest.mark.parametrize("slug", MEANT)
def test_the_books_are_short_and_without_findings(slug: str) -> None:
    (book,) = load_persona(slug, ROOTS).lore
    assert 5 <= len(book.entries) <= 8
    assert book.findings == ()
    for entry in book.entries:
        assert len(entry.text.split()) <= 20
        assert entry.text.endswith(".") and entry.text.count(".") == 1
