"""The texts of a card in a setting, filled and in their places: what stands at the top, and what stands low.

The top is the same from one reply to the next, so that it is read only once. What would change it stands low instead,
right above the newest message: lore that keys awaken, and lines that tell the time. What is drawn by chance at the top
is drawn anew only when the history's first turn moves, which must be read again anyway; `{{user}}` there is everybody
who takes part, by name.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from persona.card import Card
from persona.dialogue import conversations
from persona.lore.entry import Place
from persona.macros import Macros
from persona.macrowords import Known, volatile
from persona.members import EXAMPLE_MEMBER, clean_name, described, speakers, together
from persona.setting import NOWHERE, Setting
from persona.turn import ChatMessage, Role, Turn

if TYPE_CHECKING:
    from persona.card import Note
    from persona.lore.outcome import Active

LOW = 1  # messages above the end: where what changes stands, so that nothing above it must be read again
NOTE_DEPTH = 4  # of an author's note that says nothing else
_LASTING = ("constant", "activate")  # causes for which lore is awake in every reply


@dataclass(frozen=True, slots=True)
class Insert:
    """Text among the newest messages: `depth` of them stand behind it. what: for people, where it comes from."""

    depth: int
    role: str  # system, user or assistant
    text: str
    what: str


@dataclass
class Sections:
    """One card in one setting. Every text is filled once, those at the top first."""

    card: Card
    turns: Sequence[Turn] = ()
    setting: Setting = NOWHERE
    _low: list[Insert] = field(default_factory=list)  # lines that could not stay at the top

    @property
    def is_brief(self) -> bool:
        """Whether the card says who it is in a few sentences, as a small model likes it best."""
        card = self.card
        longer = (card.personality, card.system_prompt, card.post_history, card.dialogue)
        lines = (card.description, card.voice, card.scenario)
        return not any(longer) and not any("\n" in text.strip() for text in lines)

    @property
    def char(self) -> str:
        return self.card.nickname or self.card.name

    @cached_property
    def top(self) -> dict[str, str]:
        """What the system message is made of, in its order: "description" -> its text."""
        card, said = self.card, self._at_top
        sections = {
            "lore before": "\n".join(self._lasting(Place.BEFORE)),
            "members": described(self.setting.members.items(), card),
            "description": said("description", card.description),
            "voice": said("voice", card.voice),
            "personality": said("personality", card.personality),
            "scenario": said("scenario", card.scenario),
            "lore after": "\n".join(self._lasting(Place.AFTER)),
        }
        first = said("system_prompt", card.system_prompt, original=self._first) if card.system_prompt else self._first
        return {name: text for name, text in {"system prompt": first, **sections}.items() if text}

    def joined(self, names: Collection[str] | None = None) -> str:
        """The top, or those `names` of it, as it reads: in one line for a brief card, else each on lines of its own."""
        texts = {name: text for name, text in self.top.items() if names is None or name in names}
        if self.is_brief:
            return " ".join(" ".join(text.split()) for text in texts.values())
        labels = {"personality": f"{self.char}'s personality: ", "scenario": "Scenario: "}
        return "\n\n".join(f"{labels.get(name, '')}{text}" for name, text in texts.items())

    @cached_property
    def examples(self) -> dict[str, list[list[ChatMessage]]]:
        """Conversations that show the voice, by where they come from."""
        texts = {
            "lore above examples": "\n<START>\n".join(self._lasting(Place.EXAMPLES_TOP)),
            "dialogue": self.card.dialogue,
            "lore below examples": "\n<START>\n".join(self._lasting(Place.EXAMPLES_BOTTOM)),
        }
        fill = Macros(replace(self._known, user=EXAMPLE_MEMBER, seed=self._anchor)).fill
        filled = {name: conversations(text, self.card, fill) for name, text in texts.items() if text.strip()}
        return {name: found for name, found in filled.items() if found}

    @cached_property
    def inserts(self) -> list[Insert]:
        """What stands among the newest messages, the deepest first; of one depth in the order of the prompt."""
        _ = self.top, self.examples  # first of all, for what cannot stay there comes here, and variables are set there
        rows = [*self._waking(), *self._low, *self._at_depth(), *self._notes(), *self._post_history()]
        return sorted((row for row in rows if row.text.strip()), key=lambda row: -row.depth)

    # --- macros --------------------------------------------------------------------------------------------------

    @cached_property
    def unknown(self) -> list[str]:
        """Names of macros that nobody knows, as far as the texts were filled."""
        return self._still.unknown + self._moving.unknown

    @cached_property
    def macros(self) -> Macros:
        """For texts that are said now, such as greetings: {{user}} is who is answered."""
        return self._moving

    @cached_property
    def lasting(self) -> Macros:
        """For texts that should not change from one reply to the next, such as lore: {{user}} is everybody there."""
        return self._still

    @cached_property
    def _known(self) -> Known:
        card, turns, setting = self.card, self.turns, self.setting
        fields = {
            "description": card.description, "personality": card.personality, "scenario": card.scenario,
            "mesexamples": card.dialogue, "mesexamplesraw": card.dialogue, "charprompt": card.system_prompt,
            "charinstruction": card.post_history, "charfirstmessage": card.greeting,
            "chardepthprompt": card.note.text if card.note else "",
        }  # fmt: skip
        newest = turns[-1].at if turns else 0.0
        return Known(
            char=self.char,
            user=clean_name(setting.user, card) if setting.user else next(reversed(self._present), EXAMPLE_MEMBER),
            others=setting.others,
            persona=self._persona,
            fields=fields,
            last_message=turns[-1].text if turns else "",
            last_user=_last(turns, Role.USER),
            last_char=_last(turns, Role.CHARACTER),
            outlets=_Outlets(setting),
            now=setting.now or datetime.fromtimestamp(newest, UTC),
            idle=_idle(turns, setting),
            seed=setting.seed,
            chat=setting.chat,
            variables=setting.variables if setting.variables is not None else {},
        )

    @cached_property
    def _present(self) -> list[str]:
        """The members who take part; other characters of the scene speak like members, but {{user}} is none of them."""
        others = {clean_name(name, self.card) for name in self.setting.others}
        return [name for name in speakers(self.turns, self.card) if name not in others]

    @property
    def _persona(self) -> str:
        return " ".join(described(self.setting.members.items(), self.card).splitlines())

    @property
    def _anchor(self) -> int:
        """A seed that stays while the history begins with the same turn."""
        first = (self.turns[0].at, self.turns[0].id) if self.turns else ()
        return int.from_bytes(blake2b(repr((self.setting.chat, first)).encode(), digest_size=6).digest())

    @cached_property
    def _still(self) -> Macros:
        return Macros(replace(self._known, user=together(self._present), seed=self._anchor))

    @cached_property
    def _moving(self) -> Macros:
        return Macros(self._known)

    # --- the top -------------------------------------------------------------------------------------------------

    @property
    def _first(self) -> str:
        """Mien's own first line."""
        if self.is_brief:
            return f"You are {self.char}."
        limit = self.card.sentences
        brief = f" Answer in at most {limit} sentences." if limit else ""
        only = f"Write only what {self.char} says and does, and never speak or act for anybody else."
        return f"You are {self.char}. {only}{brief}"

    def _at_top(self, place: str, text: str, *, original: str = "") -> str:
        """A text of the card, filled; its lines that are never the same are said low instead."""
        kept, moved = _parted(text.replace("\r\n", "\n").strip())
        if moved:
            self._low.append(Insert(LOW, "system", self._moving.fill(moved, f"{place}, low"), f"{place} (changing)"))
        return _tidy(self._still.fill(kept, place, original=original))

    def _lasting(self, place: Place) -> list[str]:
        return [active.text.strip() for active in self._awake(place) if _lasts(active)]

    def _awake(self, *places: Place) -> "list[Active]":
        lore = self.setting.lore
        return [active for active in lore.entries if active.position in places] if lore else []

    # --- the bottom ----------------------------------------------------------------------------------------------

    def _waking(self) -> list[Insert]:
        places = (Place.BEFORE, Place.AFTER, Place.EXAMPLES_TOP, Place.EXAMPLES_BOTTOM)
        text = "\n".join(active.text.strip() for active in self._awake(*places) if not _lasts(active))
        return [Insert(LOW, "system", text, "lore")]

    def _at_depth(self) -> list[Insert]:
        return [Insert(row.depth, row.role, row.text.strip(), "lore at depth") for row in self._awake(Place.DEPTH)]

    def _notes(self) -> list[Insert]:
        """The card's note and the channel's; lore that wants to be around a note is around the channel's, if any."""
        above = [active.text.strip() for active in self._awake(Place.NOTE_TOP)]
        below = [active.text.strip() for active in self._awake(Place.NOTE_BOTTOM)]
        card, channel = self._note(self.card.note, "note"), self._note(self.setting.note, "channel's note")
        around = channel or card or Insert(NOTE_DEPTH, "system", "", "lore around the note")
        whole = replace(around, text="\n".join(filter(None, (*above, around.text, *below))))
        return [card, whole] if card and channel else [whole]

    def _note(self, note: "Note | None", what: str) -> Insert | None:
        return Insert(note.depth, note.role, self._moving.fill(note.text, what).strip(), what) if note else None

    def _post_history(self) -> list[Insert]:
        text = self._moving.fill(self.card.post_history, "post_history")
        return [Insert(0, "system", _tidy(text), "post-history instructions")]


class _Outlets(Mapping[str, str]):
    """What {{outlet::name}} stands for; looked up when it is asked for."""

    def __init__(self, setting: Setting) -> None:
        self._lore = setting.lore

    def __getitem__(self, name: str) -> str:
        if self._lore is None:
            raise KeyError(name)
        return self._lore.outlet(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _lasts(active: "Active") -> bool:
    """Whether an entry is awake in every reply, and says the same in each."""
    return active.why.cause in _LASTING and not volatile(active.entry.text)


def _parted(text: str) -> tuple[str, str]:
    """(what may stay at the top, the lines that say something else with every reply)."""
    if not volatile(text):
        return text, ""
    lines = text.split("\n")
    if "{{/" in text or any(line.count("{{") != line.count("}}") for line in lines):
        return text, ""  # a macro over several lines is not torn apart
    return "\n".join(row for row in lines if not volatile(row)), "\n".join(row for row in lines if volatile(row))


def _tidy(text: str) -> str:
    """Lines without blanks at their ends, and never more than one empty line in a row."""
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+(?=\n)", "", text)).strip()


def _last(turns: Sequence[Turn], role: Role) -> str:
    return next((turn.text for turn in reversed(turns) if turn.role is role), "")


def _idle(turns: Sequence[Turn], setting: Setting) -> float:
    """Seconds between the newest message and the member's one before it, as {{idle_duration}} counts them."""
    spoken = [turn.at for turn in turns if turn.role is Role.USER]
    now = setting.now.timestamp() if setting.now else (spoken[-1] if spoken else 0.0)
    return max(now - spoken[-2], 0.0) if len(spoken) > 1 else 0.0
