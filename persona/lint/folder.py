"""What will surprise in a persona folder: persona.toml, its faces and lorebooks, and files that nobody reads.

Mistakes for which Mien refuses the folder come first (persona/card.py `check`); if there are none, here is the rest.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from persona.card import BASE_FILE, CARD_FILE, Card, Persona, PersonaError, check, read_folder
from persona.expression import Expression
from persona.faces import FOLDER as FACES
from persona.lint import texts
from persona.lint.character import Measure, name, size
from persona.lint.lore import Looked
from persona.lint.notice import Notice, Report, counted, of_problem
from persona.lint.places import Places
from persona.lore.entry import Scope
from persona.merge import MAPPED
from persona.tomlfile import TomlError, parse, read_text

_READ = ("description", "personality", "voice", "scenario", "system_prompt", "post_history", "dialogue")
_STANDING = ("description", "personality", "voice", "scenario", "system_prompt", "post_history")
_LISTS = {
    "examples": ("example", "examples"),
    "greetings": ("other greeting", "other greetings"),
    "group_greetings": ("greeting for scenes", "greetings for scenes"),
}
_MISNAMED = {  # what people call files that have another name here
    **dict.fromkeys((f"base.{ending}" for ending in ("jpeg", "gif", "bmp")), f"the portrait is read from {BASE_FILE}"),
    "persona.toml.txt": f"it should be called {CARD_FILE}",
    "persona.json": f"write {CARD_FILE}, or call a community's card card.json",
    "character.json": "a community's card is read if it is called card.json",
    "world.json": "a lorebook is read if it is called lorebook.json or named in `lore`",
    "worldinfo.json": "a lorebook is read if it is called lorebook.json or named in `lore`",
}


def folder_notices(report: Report, measure: Measure) -> Persona | None:
    """Fill the report of a folder; the persona, if it loads."""
    folder = report.path
    file = folder / CARD_FILE
    report.notices += [_of(problem) for problem in check(folder)]
    if not report.fine:
        return None
    try:
        persona = read_folder(folder)
    except (PersonaError, TomlError) as error:
        report.notices.append(Notice("error", "refused", "", str(error), file=folder))
        return None
    report.name, report.used = persona.card.name, list(_used(persona))
    own = parse(file, read_text(file)) if file.is_file() else {}
    places = Places(file)
    report.notices += [placed(notice, file, places) for notice in _card(persona, own, measure)]
    report.notices += _lore(persona, measure)
    report.notices += _strays(folder)
    return persona


def said_over(folder: Path) -> set[str]:
    """The fields of a community's card that the folder's persona.toml stands in for."""
    file = folder / CARD_FILE
    try:
        own = parse(file, read_text(file)) if file.is_file() else {}
    except TomlError:
        return set()
    return {field for key, field in MAPPED.items() if key in own}


def placed(notice: Notice, file: Path, places: Places) -> Notice:
    """The notice with its place in a file."""
    line, column = places.of(notice.where)
    return replace(notice, file=file, line=line, column=column)


def _of(problem: Any) -> Notice:
    notice = of_problem(problem)
    if problem.file.parent.name == FACES and problem.file.suffix != ".toml":
        return replace(notice, level="warning", code="face-misfit")
    return notice


def _used(persona: Persona) -> Iterator[str]:
    card = persona.card
    yield from (key.replace("_", " ") for key in (*_READ, "greeting") if getattr(card, key).strip())
    yield from (counted(len(getattr(card, key)), *words) for key, words in _LISTS.items() if getattr(card, key))
    if card.note is not None:
        yield "note"
    yield counted(len(card.expressions), "expression", "expressions")
    if persona.faces:
        yield f"given faces for {', '.join(persona.faces)}"
    if entries := sum(len(book.entries) for book in persona.lore):
        yield counted(entries, "lore entry", "lore entries")


def _card(persona: Persona, own: Mapping[str, Any], measure: Measure) -> Iterator[Notice]:
    """What persona.toml says itself; of a community's card beside it, its own report speaks."""
    card = persona.card
    if "name" in own:
        yield from name("name", card.name)
    for key in _READ:
        if key in own:
            yield from texts.prompt(key, getattr(card, key))
    if "greeting" in own:
        yield from texts.greeting("greeting", card.greeting)
    for key in ("greetings", "group_greetings"):
        for at, text in enumerate(getattr(card, key) if key in own else ()):
            yield from texts.greeting(f"{key}[{at}]", text)
    if not (persona.character or card.description.strip() or card.personality.strip()):
        says = "is empty, so the model knows only the name"
        yield Notice("warning", "description-none", "description", says, "say who it is in two or three sentences")
    if "note" in own and card.note:
        yield from texts.prompt("note.text", card.note.text)
    if "expressions" in own:
        yield from expressions(card)
    if persona.character is None and not card.examples and not card.dialogue.strip():
        says = "there are no examples; nothing shapes a voice more, above all with a small model"
        yield Notice("note", "examples-none", "", says, "write four to six [[examples]]")
    yield from size({key: getattr(card, key) for key in _STANDING}, measure)
    yield from _over(persona, own)


def expressions(card: Card) -> Iterator[Notice]:
    """Faces that are never worn, that are each other's double, or that say nothing of how the character speaks."""
    led: dict[tuple[tuple[str, float], ...], str] = {}
    looks: dict[str, str] = {}
    for face, expression in card.expressions.items():
        where = f"expressions.{face}"
        if not any(expression.emotions.values()):
            says = "nothing leads to it: all its weights are 0"
            yield Notice("warning", "face-never", f"{where}.emotions", says, "give one emotion a weight above 0")
        elif (other := led.setdefault(_shares(expression), face)) != face:
            says = f"the same emotions lead to it as to {other}, so only one of the two is worn"
            yield Notice("warning", "face-twice", f"{where}.emotions", says, "give each face an emotion of its own")
        if (other := looks.setdefault(" ".join(expression.prompt.casefold().split()), face)) != face:
            says = f"looks just like {other}: the painter is told the same"
            yield Notice("warning", "face-same", f"{where}.prompt", says, "write what is different about it")
        if not expression.manner and face != card.neutral:
            says = "has no manner, so the model does not know how to speak in this state"
            yield Notice("note", "manner-none", where, says, f'add manner = "{card.name} is …"')
        if 0 < len(expression.opens) < 4 and "opens" in expression.model_fields_set:
            says = f"offers {len(expression.opens)} openings, which soon wear out"
            yield Notice("note", "opens-few", f"{where}.opens", says, "offer four or more, or none")


def _shares(expression: Expression) -> tuple[tuple[str, float], ...]:
    """Of the weights only the proportions count."""
    total = sum(expression.emotions.values())
    return tuple(sorted((emotion, round(weight / total, 6)) for emotion, weight in expression.emotions.items()))


def _over(persona: Persona, own: Mapping[str, Any]) -> Iterator[Notice]:
    """Keys of persona.toml that stand in for the card's."""
    if persona.character is None:
        return
    for key, field in (MAPPED | {"note": "depth_prompt", "talkativeness": "talkativeness"}).items():
        if key in own and getattr(persona.character, field):
            yield Notice("note", "over-card", key, f"is used in place of the card's {field}")


def _lore(persona: Persona, measure: Measure) -> Iterator[Notice]:
    for book in persona.lore:
        if book.path is not None and book.scope is not Scope.CHARACTER:
            places = Places(book.path)
            yield from (placed(found, book.path, places) for found in Looked(book, "", measure).notices())


def _strays(folder: Path) -> Iterator[Notice]:
    by_fold: dict[str, list[str]] = defaultdict(list)
    for file in sorted(folder.iterdir()):
        by_fold[file.name.casefold()].append(file.name)
        if file.is_file() and (why := _MISNAMED.get(file.name.casefold())):
            yield Notice("warning", "file-unread", "", f"is not read: {why}", file=file)
    for right in (CARD_FILE, BASE_FILE, "mask.png"):
        for other in by_fold[right]:
            if other != right and right not in by_fold[right]:
                yield Notice("warning", "file-unread", "", f"is not read: call it {right}", file=folder / other)
