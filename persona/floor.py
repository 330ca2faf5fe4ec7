"""The quality floor: what a reply must not be, whoever wrote it. Words only: no model, no probabilities.

    for fault in faults(written, said, scene):
        print(fault, "-", fault.says)

Every fault has a name, so that it can be counted, and a gravity, so that of several bad replies the least bad is known.
The rules are written for English, as the starter model is; in other languages fewer of them bite.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from persona.card import Card
from persona.members import EXAMPLE_MEMBER, clean_name, label
from persona.naming import fold
from persona.prompt import system_text
from persona.speech import SENTENCE_END, closed, repeated

LEAST_WORDS = 4  # "Ha ha ha!" goes round in no circle
MOST_REPEATED = 0.5  # a reply may consist of known sentences up to this share of its letters


class Fault(Enum):
    """(gravity, what is wrong): the higher the gravity, the rather another reply is taken."""

    EMPTY = (100, "there are no words")
    MACHINE = (20, "the character says that it is a program, or talks like one")
    NAME = (12, "the character takes another's name, or gives its own to a member")
    SPEAKS_FOR = (8, "it speaks or acts for a member")
    REPEATS = (6, "it says what the character said before, or the same words over and over")
    ECHOES = (5, "it gives back the message or the prompt")
    CUT_OFF = (3, "it ends in the middle of a sentence, or right behind its opening")

    @property
    def gravity(self) -> int:
        return int(self.value[0])

    @property
    def says(self) -> str:
        return str(self.value[1])


@dataclass(frozen=True)
class Scene:
    """What a reply is judged against.

    heard: the message it answers. before: the character's latest replies. opening: the card's words it began with.
    """

    card: Card
    members: tuple[str, ...] = ()
    heard: str = ""
    before: tuple[str, ...] = ()
    opening: str = ""

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The members' names as the model reads them, without what the character shares with them."""
        names = [clean_name(name, self.card) for name in (*self.members, EXAMPLE_MEMBER)]
        return tuple(dict.fromkeys(name for name in names if fold(name) != fold(self.card.name)))


def faults(written: str, said: str, scene: Scene) -> tuple[Fault, ...]:
    """What is wrong with a reply, gravest first. `written`: as the model wrote it; `said`: as `speech.tidy` left it."""
    if not re.search(r"\w", said):
        return (Fault.EMPTY,)
    found = {
        Fault.MACHINE: _talks_like_a_machine(said, scene.card),
        Fault.NAME: _mistakes_names(said, scene),
        Fault.SPEAKS_FOR: _speaks_for(written, said, scene),
        Fault.REPEATS: repeated(written, scene.before) > MOST_REPEATED or _circles(said),
        Fault.ECHOES: repeated(said, _prompted(scene)) > MOST_REPEATED,
        Fault.CUT_OFF: _is_cut_off(written, said) or said == scene.opening,
    }
    return tuple(fault for fault, there in found.items() if there)


def gravity(found: Sequence[Fault]) -> int:
    """How bad it is, all in all; 0 for a reply that passed."""
    return sum(fault.gravity for fault in found)


# --- a program talks ---------------------------------------------------------------------------------------------

_BE = r"\bI(?:['’]m| am| was)\b(?:(?! not\b|n['’]t)[^.!?,;]){0,25}?\b(?:an?|your|the|just|only) "
_ALWAYS = (  # nobody in a story says these, not even a robot
    r"\bas an? (?:AI|artificial intelligence|(?:large )?language model|chat ?bot|(?:AI|virtual|digital) assistant)\b",
    _BE + r"(?:\w+ ){0,2}(?:language model|LLM|chat ?bot|(?:AI|virtual|digital|personal|helpful|language) assistant)\b",
    r"\b(?:SmolLM|ChatGPT|OpenAI|Hugging ?Face|GPT-?\d|Claude|Llama|Qwen|Gemini)\b",
    r"\bI (?:do not|don['’]t|cannot|can['’]t) (?:have|hold|feel|experience) (?:any )?"
    r"(?:personal |human |real )+(?:\w+,? ){0,2}(?:feelings?|emotions?|opinions?|beliefs?|experiences?|thoughts?)",
    r"\bmy (?:training data|knowledge cut-?off|programmers at|guidelines)\b",
    r"\bhow (?:can|may) I (?:assist|help) you (?:today|with)\b",
    r"\bout of character\b",
)
_MACHINES = r"(?:AI|artificial intelligence|robot|machine|android|computer(?: program)?|bot|program|software)"
_UNLESS_A_MACHINE = (_BE + rf"(?:\w+ ){{0,2}}{_MACHINES}\b", rf"\bas a {_MACHINES}\b")
_CODE = re.compile(r"```|^\s*(?:def \w+\(|import \w+\s*$|#include\b|print\()", re.MULTILINE)


def _talks_like_a_machine(said: str, card: Card) -> bool:
    own = " ".join((card.description, card.voice, card.scenario, *(example.reply for example in card.examples)))
    patterns = _ALWAYS if re.search(rf"\b{_MACHINES}s?\b", own, re.IGNORECASE) else _ALWAYS + _UNLESS_A_MACHINE
    if any(re.search(pattern, said, re.IGNORECASE) for pattern in patterns):
        return True
    return bool(_CODE.search(said)) and not _CODE.search(own)


# --- who is who --------------------------------------------------------------------------------------------------

_NAMED = r"\b(?:my name is|my name['’]s|I(?: am|['’]m) called|(?:you (?:can|may) )?call me) "
_INTRODUCING = re.compile(r"\b(?:I|me|my|it is|it['’]s|this is|name|called)\b", re.IGNORECASE)


def _mistakes_names(said: str, scene: Scene) -> bool:
    return _takes_a_name(said, scene) or any(_gives_its_name(s, scene.card.name) for s in SENTENCE_END.split(said))


def _takes_a_name(said: str, scene: Scene) -> bool:
    """ "I am Robin", "My name is Lily": names of members, and whatever looks like a name where one is told."""
    for found in re.finditer(rf"{_NAMED}[\"'“*]?((?-i:[A-Z])[\w'’-]+)", said, re.IGNORECASE):
        if fold(found[1]) not in fold(scene.card.name).split():
            return True
    members = "|".join(map(re.escape, scene.others))
    # "I'm Robin's friend" is no mistake.
    return bool(re.search(rf"\bI(?:['’]m| am) (?:just |only )?(?-i:{members})\b(?!['’]s)", said, re.IGNORECASE))


def _gives_its_name(sentence: str, own: str) -> bool:
    """ "You are Marigold", "Hello, Marigold!": the character calls a member by its own name."""
    name = re.escape(own)
    if re.search(rf"\byou(?:['’]re| are) (?:so |very |just )?{name}\b(?!['’]s)", sentence, re.IGNORECASE):
        return True
    called = re.search(rf"^\W*{name}, (?:you|I|your|don['’]t|do)\b|, {name}\W*$", sentence, re.IGNORECASE)
    return bool(called) and not _INTRODUCING.search(sentence[: called.start() + 1] if called else "")


# --- who acts ----------------------------------------------------------------------------------------------------

_DEEDS = (
    r"(?:says?|said|repl(?:ies|ied)|asks?|asked|answers?|answered|nods?|nodded|smiles?|smiled|laughs?|laughed|sighs?|"
    r"sighed|walks?|walked|looks?|looked|takes?|took|gives?|gave|grins?|grinned|shrugs?|shrugged|whispers?|whispered|"
    r"shouts?|shouted|cries|cried|runs?|ran|sits?|sat|stands?|stood|turns?|turned|leaves|left|steps?|stepped|hugs?|"
    r"hugged|kisses|kissed|blush(?:es|ed)|giggles?|giggled|opens?|opened|speaks?|spoke|thinks?|thought|feels?|felt)"
)
_ASIDE = re.compile(r"\(([^)]*)\)?|\*([^*]+)\*?")


def _speaks_for(written: str, said: str, scene: Scene) -> bool:
    """A line under a member's name that is not the end of the reply, a member's deed, or theirs in an aside."""
    if not scene.others:
        return False
    if label(scene.others).match(written.lstrip()):
        return True
    names = "|".join(map(re.escape, scene.others))
    for sentence in _sentences(_ASIDE.sub(" ", said)):
        if re.match(rf"[\W_]*(?:{names})(?: \w+ly)? {_DEEDS}\b", sentence, re.IGNORECASE):
            return True
    asides = [one or other for one, other in _ASIDE.findall(said)]
    return any(re.match(rf"\W*(?:{names}|you)(?: \w+ly)? {_DEEDS}\b", aside, re.IGNORECASE) for aside in asides)


def _sentences(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from SENTENCE_END.split(line)


# --- where it comes from and how it ends ---------------------------------------------------------------------------


def _circles(said: str) -> bool:
    """ "No, no Bram. No Bram. No Bram." says two words seven times."""
    words = re.findall(r"\w+", said.casefold())
    return len(words) >= LEAST_WORDS and len(set(words)) < MOST_REPEATED * len(words)


def _prompted(scene: Scene) -> tuple[str, ...]:
    """What stands in the prompt and is not the character's to say."""
    card = scene.card
    manners = tuple(face.manner for face in card.expressions.values() if face.manner)
    return (scene.heard, system_text(card), *manners)


def _is_cut_off(written: str, said: str) -> bool:
    """No end of a sentence, or only the dots that `tidy` put where it broke off."""
    return not closed(said) or (said.endswith("…") and not written.rstrip().endswith("…"))
