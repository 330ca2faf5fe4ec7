"""A card and a channel's turns as the messages a chat template eats.

Stable text comes first (who the character is, examples, older turns), volatile text last (lore that has just awoken,
the newest message), so that from one reply to the next the model's cache keeps nearly everything. persona/sections.py
says what a card's texts are in a setting; here they are put in order. Members and character take turns after the
system message, because many chat templates refuse anything else; notes of the role system may stand among them.

Every answer stands under its stage direction, "(Pip is happy and hoots.)" on a line of its own: the examples and the
history show what directions mean, the model's choice among them is the next direction, and the words go on from it.

Members are told apart by name ("Robin: hello"); persona/members.py keeps names and messages in their places.
"""

from collections.abc import Callable, Sequence

from persona.budget import fit
from persona.card import Card
from persona.dialogue import SILENCE
from persona.macros import Macros
from persona.members import EXAMPLE_MEMBER, clean_name, member_line
from persona.naming import fold
from persona.sections import Insert, Sections
from persona.setting import NOWHERE, Setting
from persona.turn import ChatMessage, Role, Turn

__all__ = ["EXAMPLE_MEMBER", "SILENCE", "clean_name", "member_line"]  # the names that others look for here
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
    """Messages of at most `budget` tokens, as `count` counts them; the last of a member or character is a member's.

    There is room in the budget for any stage direction and opening behind them (`begun`). `tags` says that the
    character may change its feeling in mid-reply. Too much text loses examples first, then the oldest turns; the newest
    turn always stays, shortened in its middle if it must be.

    Raises PersonaError when the card alone exceeds the budget.
    """
    sections = Sections(card, turns, setting)
    inserts = sections.inserts
    room = opening_room(card, count)
    return fit(
        card.name,
        _message("system", system_text(card, tags=tags, sections=sections)),
        examples(card, sections),
        turns,
        lambda kept: history(card, kept, inserts),
        budget,
        lambda messages: count(messages) + room,
    )


def opening_room(card: Card, count: Callable[[Sequence[ChatMessage]], int]) -> int:
    """Tokens to keep free for the longest beginning that an answer may have."""
    longest = max((begin(card, name) for name in card.expressions), key=len)
    opening = max((text for face in card.expressions.values() for text in face.opens), key=len, default="")
    asked = _message("user", SILENCE)
    return count([asked, _message("assistant", f"{longest}{opening}")]) - count([asked])


def stable(card: Card) -> list[ChatMessage]:
    """What every prompt of a card begins with as long as there is room: who it is, and the examples."""
    sections = Sections(card)
    shown = (message for example in examples(card, sections) for message in example)
    return [_message("system", system_text(card, sections=sections)), *shown]


def examples(card: Card, sections: Sections) -> list[Sequence[ChatMessage]]:
    """The card's own exchanges, then its example dialogues; each goes or stays as a whole."""
    own = [_example(card, number) for number in range(len(card.examples))]
    return [*own, *(conversation for found in sections.examples.values() for conversation in found)]


def greetings(card: Card, macros: Macros, *, alone: bool = True) -> list[str]:
    """What a character may say when it comes, the usual first; in company what it keeps for that, if anything."""
    usual = [card.greeting, *card.greetings]
    offered = usual if alone else [*card.group_greetings, *usual]
    filled = (macros.fill(text, f"greeting {number}").strip() for number, text in enumerate(offered))
    return list(dict.fromkeys(text for text in filled if text))


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
    own = [name for name in (card.name, card.nickname) if name]
    names = list(dict.fromkeys([*own, *latest, EXAMPLE_MEMBER]))[: STOPPED_NAMES + len(own)]
    return (*(f"\n{name}:" for name in names), f"\n({card.name} ")


def system_text(card: Card, *, tags: bool = False, sections: Sections | None = None) -> str:
    """Who the character is: the same in every turn, so that it is read only once.

    A card of a few sentences is told in one line, and asked for a short answer; longer ones keep their own lines.
    """
    sections = sections or Sections(card)
    short = f"Answer as {sections.char} in one or two short sentences." if sections.is_brief else ""
    told = f"When the feeling of {card.name} changes, write {', '.join(tag_texts(card))}." if tags else ""
    between = " " if sections.is_brief else "\n\n"
    return between.join(filter(None, (sections.joined(), short, told)))


def tag_texts(card: Card) -> dict[str, str]:
    """ "[joy]" -> "joy", for every expression: what the model may write to change its feeling in mid-reply."""
    return {f"[{name}]": name for name in card.expressions}


def openings(card: Card, expression: str, before: Sequence[str]) -> tuple[str, ...]:
    """How a reply in this state may begin: what the card offers, less what the latest replies began with."""
    offered = [_flat(text) for text in card.expressions[expression].opens]
    used = [fold(reply) for reply in before]
    fresh = [text for text in offered if not any(reply.startswith(fold(text)) for reply in used)]
    return tuple(fresh or offered)


def history(card: Card, turns: Sequence[Turn], inserts: Sequence[Insert] = ()) -> list[ChatMessage]:
    """The turns as alternating messages, with notes among them; neighbours of the same role become one."""
    rows = _with_inserts([_said(card, turn) for turn in turns], inserts)
    spoken = [role for role, _ in rows if role != "system"]
    if spoken[:1] != ["user"]:
        rows.insert(0, ("user", SILENCE))
    if spoken[-1:] == ["assistant"]:
        behind = next(number for number, (role, _) in enumerate(reversed(rows)) if role == "assistant")
        rows.insert(len(rows) - behind, ("user", SILENCE))
    messages: list[ChatMessage] = []
    for role, text in rows:
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += f"\n{text}"
        else:
            messages.append(_message(role, text))
    return messages


def _with_inserts(rows: list[tuple[str, str]], inserts: Sequence[Insert]) -> list[tuple[str, str]]:
    """The rows with notes among them; inserts: the deepest first, so all that were put in stand before the next."""
    turns = len(rows)
    for number, insert in enumerate(inserts):
        is_answer = insert.role == "assistant"
        text = f"[{insert.text}]" if insert.role == "user" else insert.text  # no member says it
        depth = max(insert.depth, 1) if is_answer else insert.depth  # the last word is never the character's
        rows.insert(max(turns - depth, 0) + number, (insert.role, text))
    return rows


def _said(card: Card, turn: Turn) -> tuple[str, str]:
    if turn.role is Role.USER:
        return "user", member_line(turn, card)
    return "assistant", _answer(card, turn.text, turn.feeling)


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
