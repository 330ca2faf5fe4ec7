"""A persona folder: `persona.toml` (the card), `base.png`, and `mask.png` if the admin drew one.

    Card          who the character is and how it shows what it feels
    Note          words that stand among the newest messages
    Persona       a card and the folder it came from

Opening the pictures is not done here: this room knows words only.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from persona.character import Character, PromptRole
from persona.expression import (
    Expression,
    ExpressionName,
    GuidanceWishes,
    Name,
    Nickname,
    Opening,
    SamplerWishes,
    Words,
)
from persona.faces import FaceWishes, given, misfits, seeds
from persona.form import filled, forms
from persona.lore.folder import read_lore
from persona.lorebook import Lorebook
from persona.naming import find, fold, nearest
from persona.temper import MoodKeys
from persona.tomlfile import Problem, Table, TomlError, load_toml, shown

CARD_FILE, BASE_FILE, MASK_FILE = "persona.toml", "base.png", "mask.png"


class PersonaError(ValueError):
    """For the admin: the persona is unknown or its folder is incomplete; str() says what to do."""


class MoodWishes(MoodKeys):
    """How this character's mood moves: its temper; what is not mentioned, the admin's settings decide."""


class Example(Table):
    """One exchange that shows the voice."""

    user: Words = Field(description="what a member says")
    reply: Words = Field(description="what the character answers")
    expression: str | None = Field(
        default=None, description="the expression it answers with; its manner is shown as in a real prompt"
    )


class Note(Table):
    """Words that stand among the newest messages, where a model minds them most (author's note, depth prompt)."""

    text: Words = Field(description="what the model is reminded of")
    depth: int = Field(default=4, ge=0, le=1000, description="how many messages above the end; 0 = behind the newest")
    role: PromptRole = Field(default="system", description="who says it: system, user or assistant")


class Card(Table):
    """What `persona.toml` holds."""

    name: Name = Field(description="the character's name, 1 to 80 characters")
    description: Words = Field(description="who the character is, in two or three sentences")
    voice: str = Field(default="", description="how the character talks")
    scenario: str = Field(default="", description="where the conversation happens")
    greeting: str = Field(default="", description="what the character says when it joins a channel")
    nickname: Nickname = Field(default="", description="what {{char}} stands for, where it is not the name")
    personality: str = Field(default="", description="what it is like, as in community cards")
    system_prompt: str = Field(default="", description="in place of Mien's own first line; {{original}} is that line")
    post_history: str = Field(default="", description="what stands behind the history, right before the answer")
    greetings: list[str] = Field(default_factory=list, max_length=1000, description="other greetings to choose from")
    group_greetings: list[str] = Field(
        default_factory=list, max_length=1000, description="greetings where several characters are together"
    )
    dialogue: str = Field(default="", description="example dialogue as community cards write it: <START>, {{user}}: …")
    note: Note | None = Field(default=None, description="what the model is reminded of among the newest messages")
    talkativeness: float = Field(default=0.5, ge=0, le=1, description="how readily it speaks up in a scene")
    words: list[Opening] = Field(
        default_factory=list, max_length=100, description="words that call it in a scene, besides its name"
    )
    lore: list[Words] = Field(default_factory=list, max_length=100, description="lorebook files beside persona.toml")
    neutral: str = Field(default="neutral", description="the expression worn when nothing is felt")
    adapter: str | None = Field(
        default=None, min_length=1, description="the LoRA adapter it speaks through: a name in [model.adapters]"
    )
    sentences: int | None = Field(default=None, ge=1, le=100, description="longest reply, in sentences")
    sampler: SamplerWishes = Field(default=SamplerWishes(), description="sampler wishes in every state")
    guidance: GuidanceWishes = Field(
        default=GuidanceWishes(), description="what the voice must not be in any state, and how hard that counts"
    )
    face: FaceWishes = Field(default=FaceWishes(), description="what the painter of its faces is given")
    mood: MoodWishes = Field(default=MoodWishes(), description="how its mood moves: hot-tempered, stoic, resentful …")
    grammar: str = Field(default="", description="the form of every reply: GBNF, or a .gbnf file's name")
    examples: list[Example] = Field(default_factory=list, max_length=50, description="exchanges that show the voice")
    expressions: dict[ExpressionName, Expression] = Field(
        min_length=1, description="one table [expressions.NAME] for each face"
    )

    @model_validator(mode="after")
    def _neutral_is_there(self) -> Self:
        if self.neutral not in self.expressions:
            there = ", ".join(self.expressions)
            raise ValueError(f"expected a table [expressions.{self.neutral}] for the neutral face; there are: {there}")
        return self

    @model_validator(mode="after")
    def _examples_wear_what_is_there(self) -> Self:
        for example in self.examples:
            if example.expression is not None and example.expression not in self.expressions:
                there = ", ".join(self.expressions)
                raise ValueError(
                    f"expected examples to name this card's expressions, not {example.expression!r}: {there}"
                )
        return self

    def rubric(self, expression: str | None) -> str:
        """What the voice must not be in this state: the character's line, then the expression's; "" = nothing."""
        own = self.expressions[expression].guidance.negative if expression in self.expressions else ""
        return " ".join(" ".join(line.split()) for line in (self.guidance.negative, own) if line.strip())

    def scale(self, expression: str | None) -> float | None:
        """How hard the rubric counts in this state; None = nobody says."""
        own = self.expressions[expression].guidance.scale if expression in self.expressions else None
        return own if own is not None else self.guidance.scale

    def expression(self, typed: str) -> str:
        """The name of one of the expressions, whatever the case it is typed in; PersonaError names the nearest."""
        if (name := find(typed, self.expressions)) is not None:
            return name
        near = nearest(typed, self.expressions)
        meant = f"the nearest is {near}, and " if near else ""
        raise PersonaError(f"{self.name} has no expression “{typed}”; {meant}there are: {', '.join(self.expressions)}.")

    def form(self, expression: str) -> str:
        """The grammar (GBNF) of replies in this state; "" where there is none."""
        return self.expressions[expression].grammar or self.grammar


@dataclass(frozen=True, slots=True)
class Persona:
    """A loaded persona folder; `slug` is the folder's name and the persona's id.

    faces: expression -> the picture it wears as it is; seeds: of expressions that were painted anew (persona/faces.py);
    character: the community's card in the folder, if one lies there; lore: the lorebooks of the folder and the card.
    """

    slug: str
    folder: Path
    card: Card
    base: Path
    mask: Path | None
    faces: Mapping[str, Path] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    character: Character | None = None
    lore: tuple[Lorebook, ...] = ()


def load_persona(name_or_folder: str, roots: Sequence[Path]) -> Persona:
    """Load by slug ("marigold") from the `roots`, or by path ("personas/marigold", an absolute path).

    Raises PersonaError for an unknown persona or a missing file, TomlError for mistakes in persona.toml.
    """
    return read_folder(find_folder(name_or_folder, roots))


def find_folder(name_or_folder: str, roots: Sequence[Path]) -> Path:
    """The folder meant; raises PersonaError that lists the known personas."""
    known = {fold(folder.name): folder for folder in reversed(list(folders(roots)))}
    if fold(name_or_folder) in known:
        return known[fold(name_or_folder)]
    path = Path(name_or_folder).expanduser()
    if name_or_folder.strip() and path.is_dir():
        return path.resolve()
    names = ", ".join(sorted(folder.name for folder in known.values())) or "none"
    raise PersonaError(f"there is no persona {name_or_folder!r}; known are: {names}")


def folders(roots: Sequence[Path]) -> Iterator[Path]:
    """Every folder with a persona.toml under the `roots`, in order of root and name."""
    for root in roots:
        if root.is_dir():
            yield from sorted(file.parent for file in root.glob(f"*/{CARD_FILE}"))


def read_folder(folder: Path) -> Persona:
    """The persona in `folder`; errors as in load_persona."""
    file, base, mask = folder / CARD_FILE, folder / BASE_FILE, folder / MASK_FILE
    if not file.is_file():
        raise PersonaError(f"{shown(folder)} has no {CARD_FILE}; docs/personas.md shows how to write one")
    card = load_toml(file, Card)
    card = filled(card, forms(file, card))
    if not base.is_file():
        raise PersonaError(f"{shown(folder)} has no {BASE_FILE}; put the character's portrait there as a PNG")
    faces = given(folder, card.expressions)
    shape, lore = mask if mask.is_file() else None, read_lore(folder, card.lore)
    return Persona(folder.name, folder, card, base, shape, faces, seeds(folder), lore=lore)


def check_adapter(persona: Persona, known: Collection[str]) -> None:
    """Raise PersonaError for a card that names an adapter which the settings do not."""
    name = persona.card.adapter
    if name is not None and name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise PersonaError(
            f"{shown(persona.folder / CARD_FILE)} speaks through the adapter {name!r}, which [model.adapters] does not "
            f'name (there: {there}); add `{name} = "its folder"` there or take the line out of the card'
        )


def check(path: Path) -> list[Problem]:
    """Every mistake in a persona folder (or its persona.toml); empty = sound. The pictures are not opened."""
    folder = path.parent if path.name == CARD_FILE else path
    file = folder / CARD_FILE
    if not file.is_file():
        return [Problem(folder, 0, "", f"there is no {CARD_FILE} here")]
    problems: list[Problem] = []
    try:
        card = load_toml(file, Card)
        forms(file, card)
        seeds(folder)
        problems += misfits(folder, card.expressions)
        read_lore(folder, card.lore)
    except TomlError as error:
        problems += error.problems
    if not (folder / BASE_FILE).is_file():
        problems.append(Problem(folder, 0, "", f"there is no {BASE_FILE} here; put the character's portrait there"))
    return problems
