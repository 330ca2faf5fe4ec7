"""Which words of a history the classifier and the reader get."""

import pytest

from emotion.window import BURST_SECONDS, TURNS, Heard, around, every, newest
from persona.turn import Role, Turn


def said(text: str, at: float, name: str = "Ann", role: Role = Role.USER) -> Turn:
    return Turn(role, name, text, at)


def test_nothing_is_heard_in_an_empty_history() -> None:
    assert newest([]) is None
    assert every([]) == []


def test_a_message_is_scored_by_itself() -> None:
    history = [said("I lost my dog yesterday.", 0), said("Do you know a good bakery?", 5)]
    assert newest(history) == Heard("Do you know a good bakery?", own=False, name="Ann")


def test_the_characters_words_are_its_own() -> None:
    assert newest([said("Oh dear!", 0, "Marigold", Role.CHARACTER)]) == Heard("Oh dear!", own=True, name="Marigold")


def test_a_thought_split_over_two_messages_is_read_as_one() -> None:
    assert newest([said("i can't believe", 0), said("you did THAT", 3)]) == Heard(
        "i can't believe\nyou did THAT", own=False, name="Ann"
    )


def test_a_short_message_stands_alone_after_another_speaker_or_a_pause() -> None:
    pause = BURST_SECONDS + 1
    for before in (said("I hate mondays", 0, "Bob"), said("I hate mondays", 0, "Ann", Role.CHARACTER)):
        assert newest([before, said("me too", 3)]) == Heard("me too", own=False, name="Ann")
    assert newest([said("I hate mondays", 0), said("me too", pause)]) == Heard("me too", own=False, name="Ann")


def test_a_history_is_heard_message_by_message() -> None:
    history = [said("hello there, friend of mine", 0), said("wow", 2), said("Welcome!", 4, "Marigold", Role.CHARACTER)]
    heard = [newest(history[: i + 1]) for i in range(3)]
    assert every(history) == heard
    assert heard[1] == Heard("hello there, friend of mine\nwow", own=False, name="Ann")


def test_a_window_is_the_last_turns_with_the_newest_last() -> None:
    history = [said(f"line {n}", n, "Ann" if n % 2 else "Bob") for n in range(20)]
    heard = around(history)
    assert [one.text for one in heard] == [f"line {n}" for n in range(20 - TURNS, 20)]
    assert heard[-1] == Heard("line 19", own=False, name="Ann")
    assert around([]) == []


def test_a_window_knows_who_spoke_and_holds_plain_words() -> None:
    history = [said("you *are* late ||again||", 0), said("Oh no 😭", 1, "Marigold", Role.CHARACTER), said("", 2, "Bob")]
    assert around(history) == [
        Heard("you are late again", own=False, name="Ann"),
        Heard("Oh no loudly crying face", own=True, name="Marigold"),
        Heard("", own=False, name="Bob"),  # a picture, perhaps: it is the newest turn all the same
    ]
    assert around([*history, said("nice picture", 3)])[-2].own  # and left out when it is not


@pytest.mark.parametrize(
    ("character", "text", "heard"),
    [
        ("Tamsin", "tamsin, you fool! Tamsin is a fool.", "you, you fool! you is a fool."),
        ("Captain Isolde Wren", "found you, Wren. captain? Captain Isolde Wren!", "found you, you. captain? you!"),
        ("Ash", "sorry ash. I cleaned the ash out", "sorry you. I cleaned the ash out"),
        ("Hope", "I hope so, Hopeless", "I hope so, Hopeless"),
        ("VESPER-9", "Vesper and @VESPER-9 woke", "you and you woke"),
        ("a.b* (", "a.b* ( hi aXb", "you hi aXb"),
        ("Zoë 🎭", "i love you zoë", "i love you you"),
        ("雪", "雪！好き", "you！好き"),
    ],
)
def test_the_character_is_you_in_the_words_of_others(character: str, text: str, heard: str) -> None:
    assert around([said(text, 0)], character)[-1].text == heard
    own = said("I am Tamsin.", 1, "Tamsin", Role.CHARACTER)
    assert around([own], "Tamsin")[-1].text == "I am Tamsin."


def test_a_character_that_has_spoken_needs_no_introduction() -> None:
    history = [said("Hello!", 0, "Pip", Role.CHARACTER), said("hello Pip", 1), said("hi Bob", 2, "Pip")]
    assert [one.text for one in around(history)] == ["Hello!", "hello you", "hi Bob"]
    assert around([said("hello Pip", 1)])[-1].text == "hello Pip"
