"""Turns for the tests of this room, and a ruler for prompts."""

from collections.abc import Sequence

from persona.turn import ChatMessage, Role, Turn


def counted(messages: Sequence[ChatMessage]) -> int:
    """A stand-in ruler: the words of a chat template's text. Exactness is about the ruler given, whatever it is."""
    return sum(2 + len(message["content"].split()) for message in messages)


def said(*lines: str) -> list[Turn]:
    """ "Robin: hello" as a member's turn, "Pip: hello" as the character's; one second apart."""
    turns = []
    for second, line in enumerate(lines):
        name, text = line.split(": ", 1)
        turns.append(Turn(Role.CHARACTER if name == "Pip" else Role.USER, name, text, float(second)))
    return turns
