"""What may surprise in a text of a card: macros, HTML, addresses, the marks of chat templates, what nobody sees.

Where a text stands decides what counts there: a greeting is posted on Discord, a description is only read by the model.
"""

import re
import unicodedata
from collections.abc import Iterator

from persona.lint.notice import Notice
from persona.macros import Macros
from persona.macrowords import Known

DISCORD_LENGTH = 2000  # characters of one message
FIELDS = (  # macros that show another field of the card (persona/sections.py)
    *("description", "personality", "scenario", "mesexamples", "mesexamplesraw", "charprompt", "charinstruction"),
    *("charfirstmessage", "chardepthprompt"),
)
_TAGS = re.compile(
    r"</?(?:a|b|br|center|details|div|em|font|h[1-6]|hr|i|iframe|img|li|p|pre|script|small|span|strong|style|summary|"
    r"table|t[dhr]|tbody|u|ul|ol|video|audio)(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"!\[[^\]]{0,200}\]\([^)]{1,500}\)")
_ADDRESS = re.compile(r"https?://[^\s<>()\"']{4,200}", re.IGNORECASE)
_MARKS = re.compile(
    r"<\|[\w-]{2,30}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|^### (?:Instruction|Response|Input):",
    re.MULTILINE,
)
_ONE_BRACE = re.compile(r"(?<!\{)\{(?:user|char)\}(?!\})|\{\{(?:user|char)\}(?!\})", re.IGNORECASE)
_FOR_MEMBERS = re.compile(r"^\s*(?:\{\{user\}\}|<user>)\s*:", re.IGNORECASE | re.MULTILINE)


def macros(where: str, text: str) -> Iterator[Notice]:
    """Macros that Mien does not know, and what looks like one."""
    if "{{" in text:
        filler = Macros(Known(char="Char", user="User", fields=dict.fromkeys(FIELDS, "")))
        filler.fill(text, where, original="original")
        for name in filler.unknown:
            says = f"{{{{{name}}}}} is no macro that Mien knows, so it stays in the text as it is written"
            yield Notice("warning", "macro-unknown", where, says, "take it out, or write what it stands for")
    for found in list(_ONE_BRACE.finditer(text))[:3]:
        says = f"“{found[0]}” lacks a brace, so it is no macro"
        yield Notice("warning", "macro-braces", where, says, "write {{user}} or {{char}}, with two braces on each side")


def prompt(where: str, text: str) -> Iterator[Notice]:
    """A text that the model reads."""
    yield from macros(where, text)
    if found := _MARKS.search(text):
        says = f"“{found[0]}” is a mark of some model's chat template; yours may read it as the end of a message"
        yield Notice("warning", "template-marks", where, says, "take it out: Mien writes the marks of the model in use")
    yield from _addresses(where, text)
    if hidden := sorted({_spelled(letter) for letter in text if unicodedata.category(letter) == "Co"}):
        yield Notice("note", "letters-private", where, f"{', '.join(hidden[:3])} mean nothing to a model")


def greeting(where: str, text: str) -> Iterator[Notice]:
    """A text that is posted as the character's message."""
    yield from macros(where, text)
    if len(text) > DISCORD_LENGTH:
        pages = -(-len(text) // DISCORD_LENGTH)
        says = f"has {len(text):,} characters; Discord takes 2,000 in a message, so it is posted as {pages} or more"
        yield Notice("warning", "greeting-long", where, says, "shorten it to one message")
    if found := _TAGS.search(text):
        says = f"has HTML ({found[0][:40]}), which Discord shows as it is written"
        yield Notice("warning", "greeting-html", where, says, "write it in Markdown")
    if found := _PICTURE.search(text):
        says = f"has a picture ({found[0][:40]}), which Discord shows as text"
        yield Notice("warning", "greeting-picture", where, says, "take it out, or write the bare address")
    elif found := _FOR_MEMBERS.search(text):
        says = "has a line of {{user}}: the character speaks for the member there, and learns to do so"
        yield Notice("warning", "greeting-for-member", where, says, "let the greeting end where the member begins")
    yield from _addresses(where, _PICTURE.sub("", text))


def _addresses(where: str, text: str) -> Iterator[Notice]:
    if found := _ADDRESS.search(text):
        says = f"has an address ({found[0][:60]}); the model cannot look there, and may send it to members"
        yield Notice("note", "address", where, says, "take it out, unless members are to see it")


def _spelled(letter: str) -> str:
    return f"U+{ord(letter):04X}"
