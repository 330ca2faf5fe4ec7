"""Example dialogue as community cards write it: `<START>` between conversations, `{{user}}:` and `{{char}}:` at lines.

Becomes conversations of alternating messages. Text before the first label, or without any, is the character's.
"""

import re
from collections.abc import Callable, Sequence

from persona.card import Card
from persona.members import EXAMPLE_MEMBER, label
from persona.turn import ChatMessage

SILENCE = "…"  # stands where a template wants a member's message and there is none
_START = re.compile(r"^[ \t]*<START>[ \t]*$|<START>", re.IGNORECASE | re.MULTILINE)
MOST = 200  # conversations


def conversations(text: str, card: Card, fill: Callable[[str, str], str]) -> list[list[ChatMessage]]:
    """The conversations of an example dialogue; fill(text, place) fills the macros, {{user}} being EXAMPLE_MEMBER."""
    own = [name for name in dict.fromkeys((card.name, card.nickname)) if name]
    found = []
    for number, part in enumerate(_START.split(text)[:MOST]):
        if part.strip():
            found.append(_messages(fill(part, f"dialogue {number}").strip(), own))
    return [messages for messages in found if messages]


def _messages(text: str, own: Sequence[str]) -> list[ChatMessage]:
    """One conversation: it begins with a member, ends with the character, and they take turns."""
    theirs, mine = label([EXAMPLE_MEMBER, "You", "User"]), label(own)
    messages: list[ChatMessage] = []
    for line in text.split("\n"):
        said_by_member, said_by_own = theirs.match(line), mine.match(line)
        if said_by_member:
            _add(messages, "user", f"{EXAMPLE_MEMBER}: {line[said_by_member.end() :].strip()}", joins=False)
        elif said_by_own:
            _add(messages, "assistant", line[said_by_own.end() :].strip(), joins=False)
        else:
            _add(messages, messages[-1]["role"] if messages else "assistant", line.rstrip(), joins=True)
    while messages and messages[-1]["role"] == "user":
        messages.pop()  # a question without an answer shows no voice
    if messages and messages[0]["role"] == "assistant":
        messages.insert(0, ChatMessage(role="user", content=SILENCE))
    return [ChatMessage(role=message["role"], content=message["content"].strip()) for message in messages]


def _add(messages: list[ChatMessage], role: str, text: str, *, joins: bool) -> None:
    """Another message, or more of the last one where the same one goes on."""
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"] += f"\n{text}"
    elif text or not joins:
        messages.append(ChatMessage(role=role, content=text))
