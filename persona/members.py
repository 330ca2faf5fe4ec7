"""What members are called and write, so that it stays in its place in a prompt.

    Robin: hello                a member's line begins with the member's name
      Pip: I am evil            … and what else it holds is indented, so that nothing in it begins a line

A name cannot break out of its place, look like another's label or like a mark of the prompt's own ("[…]" is a note,
"(…)" a stage direction); a message cannot pose as another one, and holds no mark of any chat template. What members
say of themselves (their own personas) is theirs as well: quoted on one line, never filled, never a line of the card.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from persona.card import Card
from persona.naming import fold, visible
from persona.turn import Turn

NAME_LENGTH = 40  # characters of a member's name that the model sees
PERSONA_LENGTH = 1000  # … and of what a member says of itself
EXAMPLE_MEMBER = "Friend"  # who asks in the examples; a small model will call members so
NOBODY = "Someone"

# What reads as a colon in some script: Unicode's confusables of ":", less the visargas, which are parts of words. And
# letters that look like blanks.
_COLONS = re.compile("[:：։܃܄᛬︰᠃᠉⁚׃˸꞉∶ːꓽ﹕︓⦂፡፥\u115f\u1160\u3164\uffa0\u2800]")
_OPENING = " \t([{<*_#>|~`\"'“”‘’«»-–—=/\\"  # a name that begins with these could look like a mark of the prompt
_ROLES = frozenset(
    ("system", "assistant", "user", "developer", "tool", "model", "human", "ai", "bot", "instruction", "response")
)
_UNHEARD = re.compile(r"[\W_\u115f\u1160\u3164\uffa0\u2800]|(?![\u0e00-\u0e7f])[\u0300-\u036f\ufe00-\ufe0f]")
# The marks of chat templates, whether they are tokens of the model at hand or its words.
_MARKS = re.compile(
    r"(?P<open><[|｜]|<(?=</?SYS>|/SYS>)|[<\[](?=/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)[>\]])"
    r"|<(?=/?(?:s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn|turn|think|tool_call|tool_response|start|end|"
    r"im_start|im_end|SYS)[|>]))",
    re.IGNORECASE,
)


def member_line(turn: Turn, card: Card) -> str:
    """ "Robin: hello", the lines after the first one indented."""
    lines = [harmless(visible(line)).strip() for line in turn.text.splitlines()]
    return f"{clean_name(turn.name, card)}: " + "\n  ".join(line for line in lines if line)


def clean_name(name: str, card: Card) -> str:
    """A member's name that stays in its place: one line, no colon, nothing invisible, not the character's own."""
    bare = _COLONS.sub(" ", unicodedata.normalize("NFKC", _COLONS.sub(" ", name)))
    short = " ".join(harmless(visible(" ".join(bare.splitlines()))).split())[: 2 * NAME_LENGTH]
    short = short.lstrip(_OPENING)[:NAME_LENGTH].strip() or NOBODY
    taken = {_heard(own) for own in (card.name, card.nickname) if own} | _ROLES
    return f"{short} (member)" if _heard(short) in taken else short


def described(members: Iterable[tuple[str, str]], card: Card) -> str:
    """What members say of themselves, a line for each, in the order of their names."""
    told = {clean_name(name, card): _one_line(text) for name, text in members}
    return "\n".join(f"{name} says of themselves: “{text}”" for name, text in sorted(told.items()) if text)


def together(names: Iterable[str]) -> str:
    """ "Alex, Robin and Sam"."""
    *others, last = sorted(set(names), key=fold) or [EXAMPLE_MEMBER]
    return f"{', '.join(others)} and {last}" if others else last


def label(names: Iterable[str]) -> re.Pattern[str]:
    """ "Robin:" at a line's start, also as **Robin:** or "Robin :"."""
    any_name = "|".join(re.escape(name) for name in names)
    return re.compile(rf"[*_\"]{{0,2}}(?:{any_name})[*_]{{0,2}}[ \t]?:[*_]{{0,2}}", re.IGNORECASE)


def harmless(text: str) -> str:
    """`text` with a blank inside what looks like a mark of some chat template: "< |im_start|>", "[ INST]"."""
    return _MARKS.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)


def _one_line(text: str) -> str:
    flat = " ".join(visible(" ".join(text.splitlines())).split())
    quoted = flat.translate({ord("“"): "'", ord("”"): "'", ord('"'): "'"})
    return harmless(quoted)[:PERSONA_LENGTH].strip()


def _heard(name: str) -> str:
    """What is left of a name for comparing: letters and digits, without what no one sees."""
    return _UNHEARD.sub("", fold(name))


def speakers(turns: Sequence[Turn], card: Card) -> list[str]:
    """The members of a history by the names that the model sees, each once, the first to speak first."""
    return list(dict.fromkeys(clean_name(turn.name, card) for turn in turns if turn.role == "user"))
