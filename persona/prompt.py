"""A card and a channel's turns as the messages a chat template eats.

Stable text comes first (who the character is, examples, older turns), volatile text last (the newest message), so that
from one reply to the next the model's cache keeps nearly everything. Roles alternate after the system message, because
many chat templates refuse anything else.

Every answer stands under its stage direction, "(Pip is happy and hoots.)" on a line of its own: the examples and the
history show what directions mean, the model's choice among them is the next direction, and the words go on from it.

Members are told apart by name ("Robin: hello"). A name cannot break out of its place and a message cannot pose as
another one: continued lines are indented, names lose colons, line ends and invisible characters.
"""

import unicodedata
from collections.abc import Callable, Sequence

from persona.budget import fit
from persona.card import Card
from persona.naming import fold, visible
from persona.setting import NOWHERE, Setting
from persona.turn import ChatMessage, Role, Turn

NAME_LENGTH = 40  # characters of a member's name that the model sees
EXAMPLE_MEMBER = "Friend"  # who asks in the examples; a small model will call members so
SILENCE = "…"  # stands where a template wants a member's message and there is none
STOPPED_NAMES = 12  # members whose next line ends a reply: the latest speakers


def build_prompt(
    card: Card,
    turns: Sequence[Turn],
    *,
    budget: int,
    count: Callable[[Sequence[ChatMessage]], int],
    tags: bool = False,
    setting: Setting = NOWHERE,
) -> list[ChatMessage]:
    """Messages of at most `budget` tokens, as `count` counts them, ending with a user message.

    There is room in the budget for any stage direction and opening behind them (`begun`). `tags` says that the
    character may change its feeling in mid-reply. Too much text loses examples first, then the oldest turns; the newest
    turn always stays, shortened in its middle if it must be.

    Raises PersonaError when the card alone exceeds the budget.
    """
    longest = max((begin(card, name) for name in card.expressions), key=len)
    opening = max((text for face in card.expressions.values() for text in face.opens), key=len, default="")
    room = count([_message("assistant", f"{longest}{opening}")])
    return fit(
        card.name,
        _message("system", system_text(card, tags=tags)),
        [_example(card, number) for number in range(len(card.examples))],
        turns,
        lambda kept: history(card, kept),
        budget,
        lambda messages: count(messages) + room,
    )


def stable(card: Card) -> list[ChatMessage]:
    """What every prompt of a card begins with as long as there is room: who it is, and the examples."""
    examples = (message for number in range(len(card.examples)) for message in _example(card, number))
    return [_message("system", system_text(card)), *examples]


def begun(messages: Sequence[ChatMessage], start: str) -> list[ChatMessage]:
    """`messages` with the beginning of the answer, which the model is to continue."""
    return [*messages, _message("assistant", start)] if start else list(messages)


def begin(card: Card, expression: str, *, unlike: bool = False) -> str:
    """The stage direction that an answer begins with, and its line end.

    `unlike`: the rubric in its place, for the negative prompt; so all that stands before is read once for both.
    """
    return f"({card.rubric(expression) if unlike else direction(card, expression)})\n"


def direction(card: Card, expression: str) -> str:
    """How the character speaks in this state, on one line: its manner, or its name where the card has none."""
    return _flat(card.expressions[expression].manner) or f"{card.name}: {expression}"


def stops(card: Card, turns: Sequence[Turn]) -> tuple[str, ...]:
    """Strings that end a reply: the next line of the character itself or of somebody else, or an echoed manner."""
    latest = [clean_name(turn.name, card) for turn in reversed(turns) if turn.role is Role.USER]
    names = list(dict.fromkeys([card.name, *latest, EXAMPLE_MEMBER]))[: STOPPED_NAMES + 1]
    return (*(f"\n{name}:" for name in names), f"\n({card.name} ")


def system_text(card: Card, *, tags: bool = False) -> str:
    """Who the character is: the same in every turn, so that it is read only once."""
    sentences = [
        f"You are {card.name}.",
        *(_flat(text) for text in (card.description, card.voice, card.scenario)),
        f"Answer as {card.name} in one or two short sentences.",
        f"When the feeling of {card.name} changes, write {', '.join(tag_texts(card))}." if tags else "",
    ]
    return " ".join(filter(None, sentences))


def tag_texts(card: Card) -> dict[str, str]:
    """ "[joy]" -> "joy", for every expression: what the model may write to change its feeling in mid-reply."""
    return {f"[{name}]": name for name in card.expressions}


def openings(card: Card, expression: str, before: Sequence[str]) -> tuple[str, ...]:
    """How a reply in this state may begin: what the card offers, less what the latest replies began with."""
    offered = [_flat(text) for text in card.expressions[expression].opens]
    used = [fold(reply) for reply in before]
    fresh = [text for text in offered if not any(reply.startswith(fold(text)) for reply in used)]
    return tuple(fresh or offered)


def history(card: Card, turns: Sequence[Turn]) -> list[ChatMessage]:
    """The turns as alternating messages; neighbours of the same role become one."""
    messages: list[ChatMessage] = []
    for turn in turns:
        role = "user" if turn.role is Role.USER else "assistant"
        text = member_line(turn, card) if turn.role is Role.USER else _answer(card, turn.text, turn.feeling)
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += f"\n{text}"
        else:
            messages.append(_message(role, text))
    if not messages or messages[0]["role"] == "assistant":
        messages.insert(0, _message("user", SILENCE))
    if messages[-1]["role"] == "assistant":
        messages.append(_message("user", SILENCE))
    return messages


def member_line(turn: Turn, card: Card) -> str:
    """ "Robin: hello", the lines after the first one indented."""
    lines = [visible(line).strip() for line in turn.text.splitlines()]
    return f"{clean_name(turn.name, card)}: " + "\n  ".join(line for line in lines if line)


def clean_name(name: str, card: Card) -> str:
    """A member's name that stays in its place: one line, no colon, nothing invisible, not the character's own."""
    bare = "".join(" " if letter == ":" else letter for letter in unicodedata.normalize("NFKC", name))
    short = " ".join(visible(bare.replace("\n", " ")).split())[:NAME_LENGTH].strip() or "Someone"
    return f"{short} (member)" if fold(short) == fold(card.name) else short


def _example(card: Card, number: int) -> tuple[ChatMessage, ChatMessage]:
    example = card.examples[number]
    asked = member_line(Turn(Role.USER, EXAMPLE_MEMBER, example.user, 0.0), card)
    return _message("user", asked), _message("assistant", _answer(card, example.reply, example.expression))


def _answer(card: Card, text: str, expression: str | None) -> str:
    return (begin(card, expression) if expression in card.expressions else "") + text.strip()


def _message(role: str, content: str) -> ChatMessage:
    return ChatMessage(role=role, content=content)


def _flat(text: str) -> str:
    return " ".join(text.split())
