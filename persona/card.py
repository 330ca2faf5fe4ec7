"""A persona folder: `persona.toml`, a community's card or both, the portrait, and `mask.png` if the admin drew one.

    Card          who the character is and how it shows what it feels
    Note          words that stand among the newest messages
    Persona       a card and the folder it came from

Opening the pictures is not done here: this room knows words only.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from persona.cardfile import CardError, read_card
from persona.character import Character, Finding, PromptRole, character_of
from persona.defaults import defaults
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
from persona.likeness import likeness
from persona.lore.folder import read_lore
from persona.lorebook import Lorebook
from persona.merge import OWN, STEM, SUFFIXES, card_file, own_values, values_of
from persona.naming import find, fold, nearest
from persona.temper import MoodKeys
from persona.tomlfile import Problem, Table, TomlError, fit, parse, read_text, shown
from persona.tomllines import find_keys

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
    description: str = Field(description="who the character is, in two or three sentences")
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
    """Every folder with a persona.toml or a community's card under the `roots`, in order of root and name."""
    for root in roots:
        if root.is_dir():
            found = {file.parent for file in root.glob(f"*/{CARD_FILE}")}
            found |= {file.parent for file in root.glob(f"*/{STEM}.*") if file.suffix in SUFFIXES}
            yield from sorted(found)


def read_folder(folder: Path) -> Persona:
    """The persona in `folder`; errors as in load_persona."""
    base, mask = folder / BASE_FILE, folder / MASK_FILE
    if (source := card_file(folder)) is None and not (folder / CARD_FILE).is_file():
        raise PersonaError(f"{shown(folder)} has no {CARD_FILE}; docs/personas.md shows how to write one")
    try:
        opened = None if source is None else read_card(source)
        character = character_of(opened, folder.name) if opened else None
        portrait = likeness(folder, source, opened) if source and opened else base if base.is_file() else None
    except CardError as error:
        raise PersonaError(str(error)) from error
    card, character = unfilled(folder, character)
    card = filled(card, forms(folder / CARD_FILE, card))
    if portrait is None:
        raise PersonaError(f"{shown(folder)} has no {BASE_FILE}; put the character's portrait there as a PNG")
    faces, shape = given(folder, card.expressions), mask if mask.is_file() else None
    lore = read_lore(folder, card.lore, character.book if character else None)
    return Persona(folder.name, folder, card, portrait, shape, faces, seeds(folder), character, lore)


def unfilled(folder: Path, character: Character | None) -> tuple[Card, Character | None]:
    """What persona.toml says over what the community's card says, grammars as they are written; TomlError.

    The character comes back with a Finding where what Mien once wrote into its card is of no use.
    """
    file = folder / CARD_FILE
    text = read_text(file) if character is None or file.is_file() else ""
    own = parse(file, text)
    if character is None:
        return fit(file, own, Card, find_keys(text)), None
    values = values_of(character)
    try:
        whole = {**values, **own_values(character)}
        Card.model_validate(_faced(whole))
        values = whole
    except ValidationError as error:
        first = error.errors()[0]
        why = f"is left out, for it does not fit ({'.'.join(map(str, first['loc']))}: {first['msg']:.100})"
        finding = Finding("warning", f"data.extensions.{OWN}", why)
        character = replace(character, problems=(*character.problems, finding))
    return fit(file, _faced(values | own), Card, find_keys(text)), character


def card_of(character: Character) -> Card:
    """What a card makes without a persona.toml, and without what Mien wrote into it."""
    return Card.model_validate(_faced(values_of(character)))


def _faced(values: dict[str, Any]) -> dict[str, Any]:
    """With a face for each feeling where no faces are named."""
    return values if "expressions" in values else {**values, "expressions": defaults(str(values.get("name")))}


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
    if (source := card_file(folder)) is None and not (folder / CARD_FILE).is_file():
        return [Problem(folder, 0, "", f"there is no {CARD_FILE} here")]
    problems: list[Problem] = []
    try:
        opened = None if source is None else read_card(source)
        card, _ = unfilled(folder, character_of(opened, folder.name) if opened else None)
        forms(folder / CARD_FILE, card)
        seeds(folder)
        problems += misfits(folder, card.expressions)
        read_lore(folder, card.lore)
    except TomlError as error:
        problems += error.problems
    except CardError as error:
        problems.append(Problem(folder, 0, "", str(error)))
    if source is None and not (folder / BASE_FILE).is_file():
        problems.append(Problem(folder, 0, "", f"there is no {BASE_FILE} here; put the character's portrait there"))
    return problems
