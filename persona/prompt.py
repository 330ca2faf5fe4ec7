"""A card and a channel's turns as the messages a chat template eats.

Stable text comes first (who the character is, examples, older turns), volatile text last (the newest message and how
the character feels now), so that from one reply to the next the model's cache keeps nearly everything. Roles alternate
after the system message, because many chat templates refuse anything else.

Members are told apart by name ("Robin: hello"). A name cannot break out of its place and a message cannot pose as
another one: continued lines are indented, names lose colons, line ends and invisible characters.
"""

import unicodedata
from collections.abc import Callable, Sequence

from persona.budget import fit
from persona.card import Card, fold
from persona.turn import ChatMessage, Role, Turn

NAME_LENGTH = 40  # characters of a member's name that the model sees
EXAMPLE_MEMBER = "Friend"  # who asks in the examples; a small model will call members so
SILENCE = "…"  # stands where a template wants a member's message and there is none
STOPPED_NAMES = 12  # members whose next line ends a reply: the latest speakers
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # Unicode categories; see clean_name


def build_prompt(
    card: Card,
    turns: Sequence[Turn],
    *,
    expression: str | None,
    budget: int,
    count: Callable[[Sequence[ChatMessage]], int],
) -> list[ChatMessage]:
    """Messages of at most `budget` tokens, as `count` counts them, ending with a user message.

    `expression` adds its manner as the last line; None adds nothing (the prompt of the stage direction). Too much text
    loses examples first, then the oldest turns; the newest turn always stays, shortened in its middle if it must be.

    Raises PersonaError when the card alone exceeds the budget.
    """
    manner = card.expressions[expression].manner if expression in card.expressions else ""
    return fit(
        card.name,
        _message("system", system_text(card)),
        [_example(card, number) for number in range(len(card.examples))],
        turns,
        lambda kept: history(card, kept, manner),
        budget,
        count,
    )


def stops(card: Card, turns: Sequence[Turn]) -> tuple[str, ...]:
    """Strings that end a reply: the next line of the character itself or of somebody else, or an echoed manner."""
    latest = [clean_name(turn.name, card) for turn in reversed(turns) if turn.role is Role.USER]
    names = list(dict.fromkeys([card.name, *latest, EXAMPLE_MEMBER]))[: STOPPED_NAMES + 1]
    return (*(f"\n{name}:" for name in names), f"\n({card.name} ")


def system_text(card: Card) -> str:
    """Who the character is: the same in every turn, so that it is read only once."""
    sentences = [
        f"You are {card.name}.",
        *(_flat(text) for text in (card.description, card.voice, card.scenario)),
        f"Answer as {card.name} in one or two short sentences.",
    ]
    return " ".join(filter(None, sentences))


def history(card: Card, turns: Sequence[Turn], manner: str) -> list[ChatMessage]:
    """The turns as alternating messages; neighbours of the same role become one."""
    messages: list[ChatMessage] = []
    for turn in turns:
        role = "user" if turn.role is Role.USER else "assistant"
        text = member_line(turn, card) if turn.role is Role.USER else turn.text.strip()
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += f"\n{text}"
        else:
            messages.append(_message(role, text))
    if not messages or messages[0]["role"] == "assistant":
        messages.insert(0, _message("user", SILENCE))
    if messages[-1]["role"] == "assistant":
        messages.append(_message("user", SILENCE))
    if manner:
        messages[-1]["content"] += f"\n({_flat(manner)})"
    return messages


def member_line(turn: Turn, card: Card) -> str:
    """ "Robin: hello", the lines after the first one indented."""
    lines = [_printable(line).strip() for line in turn.text.splitlines()]
    return f"{clean_name(turn.name, card)}: " + "\n  ".join(line for line in lines if line)


def clean_name(name: str, card: Card) -> str:
    """A member's name that stays in its place: one line, no colon, nothing invisible, not the character's own."""
    visible = "".join(" " if letter == ":" else letter for letter in unicodedata.normalize("NFKC", name))
    short = " ".join(_printable(visible.replace("\n", " ")).split())[:NAME_LENGTH].strip() or "Someone"
    return f"{short} (member)" if fold(short) == fold(card.name) else short


def _example(card: Card, number: int) -> tuple[ChatMessage, ChatMessage]:
    example = card.examples[number]
    asked = member_line(Turn(Role.USER, EXAMPLE_MEMBER, example.user, 0.0), card)
    return _message("user", asked), _message("assistant", example.reply.strip())


def _message(role: str, content: str) -> ChatMessage:
    return ChatMessage(role=role, content=content)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _printable(text: str) -> str:
    """Without control, format and unassigned characters; joiners stay, for emoji and for the scripts that need them."""
    return "".join(c for c in text if c in "\t\u200c\u200d" or unicodedata.category(c) not in _INVISIBLE)
