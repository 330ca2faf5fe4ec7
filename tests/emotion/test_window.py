"""Which words of a history the classifier gets."""

from emotion.window import BURST_SECONDS, Heard, every, newest
from persona.turn import Role, Turn


def said(text: str, at: float, name: str = "Ann", role: Role = Role.USER) -> Turn:
    return Turn(role, name, text, at)


def test_nothing_is_heard_in_an_empty_history() -> None:
    assert newest([]) is None
    assert every([]) == []


def test_a_message_is_scored_by_itself() -> None:
    history = [said("I lost my dog yesterday.", 0), said("Do you know a good bakery?", 5)]
    assert newest(history) == Heard("Do you know a good bakery?", own=False)


def test_the_characters_words_are_its_own() -> None:
    assert newest([said("Oh dear!", 0, "Marigold", Role.CHARACTER)]) == Heard("Oh dear!", own=True)


def test_a_thought_split_over_two_messages_is_read_as_one() -> None:
    assert newest([said("i can't believe", 0), said("you did THAT", 3)]) == Heard(
        "i can't believe\nyou did THAT", own=False
    )


def test_a_short_message_stands_alone_after_another_speaker_or_a_pause() -> None:
    pause = BURST_SECONDS + 1
    for before in (said("I hate mondays", 0, "Bob"), said("I hate mondays", 0, "Ann", Role.CHARACTER)):
        assert newest([before, said("me too", 3)]) == Heard("me too", own=False)
    assert newest([said("I hate mondays", 0), said("me too", pause)]) == Heard("me too", own=False)


def test_a_history_is_heard_message_by_message() -> None:
    history = [said("hello there, friend of mine", 0), said("wow", 2), said("Welcome!", 4, "Marigold", Role.CHARACTER)]
    heard = [newest(history[: i + 1]) for i in range(3)]
    assert every(history) == heard
    assert heard[1] == Heard("hello there, friend of mine\nwow", own=False)
