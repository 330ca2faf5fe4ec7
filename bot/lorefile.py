"""`mien lore`: which entries of a lorebook awaken when something is said, through what, and which do not and why.

No model is loaded; a token is taken for four characters, so that `--budget` shows who falls first, not to the token.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from bot.errors import MienError
from bot.settings import load_settings
from persona.card import load_persona
from persona.character import read_character
from persona.lore.engine import Lore
from persona.lore.outcome import Active, Awakened, LeftOut, Why
from persona.lore.rules import LoreRules
from persona.lorebook import Lorebook, read_lorebook
from persona.macros import Macros
from persona.macrowords import Known
from persona.turn import Role, Turn

_CHARACTERS = 4  # of a token, about
_NO_LIMIT = 10**9
_BOOKS = (".toml", ".json")  # every other ending is a card's


async def lore(options: argparse.Namespace) -> int:
    """What awakens in the book, persona or card `options.file`, in the order of the prompt."""
    name, books = _books(options)
    turns = list(_turns(options, options.char or name))
    rules = {} if options.scan_depth is None else {"scan_depth": options.scan_depth}
    awakened = Lore(books, LoreRules(**rules)).awaken(
        turns,
        count=lambda text: -(-len(text) // _CHARACTERS),
        budget=_NO_LIMIT if options.budget is None else options.budget,
        chance=Random(options.seed),
        fill=Macros(Known(char=options.char or name, user=options.user)).fill,
    )
    findings = [(book.label(), found) for book in books for found in book.findings]
    if options.json:
        told = [{"book": book, "level": f.level, "where": f.where, "says": f.says} for book, f in findings]
        print(json.dumps(_as_json(awakened, turns) | {"findings": told}, ensure_ascii=False))
        return 0
    print(*_as_text(awakened, turns), sep="\n")
    for book, found in findings:
        print(f"{book}, {found.where}: {found.says}")
    return 0


def _books(options: argparse.Namespace) -> tuple[str, tuple[Lorebook, ...]]:
    """What the character is called, and its books."""
    file: Path = options.file
    if file.is_dir() or not (file.suffix or file.exists()):
        persona = load_persona(str(file), load_settings(options.config).bot.persona_roots())
        return persona.card.name, persona.lore
    if file.suffix.lower() in _BOOKS:
        return "the character", (read_lorebook(file),)
    character = read_character(file)
    if character.book is None:
        raise MienError(f"{file}: there is no lorebook in the card of {character.name}.")
    return character.nickname or character.name, (Lorebook.of_card_book(character.book),)


def _turns(options: argparse.Namespace, character: str) -> Iterator[Turn]:
    """Lines of --messages, then --text; "Name: text" is said by Name, anything else by --user."""
    for line in [*_lines(options.messages), *options.text]:
        name, colon, text = line.partition(": ")
        speaker, said = (name.strip(), text) if colon and 0 < len(name.strip()) <= 40 else (options.user, line)
        yield Turn(Role.CHARACTER if speaker == character else Role.USER, speaker, said, 0.0)


def _lines(file: Path | None) -> Sequence[str]:
    if file is None:
        return ()
    try:
        return [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise MienError(f"{file} cannot be read as text: {error}.") from error


def _as_text(awakened: Awakened, turns: Sequence[Turn]) -> Iterator[str]:
    if not awakened.entries:
        yield "Nothing awakens."
    for number, active in enumerate(awakened.entries, start=1):
        yield f"{number}. {active.entry.name or 'an entry'} ({_where(active)}): {_through(active.why, turns)}"
        yield f"   {' '.join(active.text.split())}"
    for left in awakened.left_out:
        yield f"- {left.entry.name or 'an entry'} stays asleep ({left.reason}): {left.says}"


def _where(active: Active) -> str:
    place = str(active.position).replace("_", " ")
    return f"{place} {active.depth}, {active.role}" if active.position == "depth" else place


def _through(why: Why, turns: Sequence[Turn]) -> str:
    """ "“oven” in message 2 of 3", the oldest being message 1."""
    if not why.key:
        return str(why.cause)
    if why.message is not None:
        return f"“{why.key}” in message {len(turns) - why.message} of {len(turns)}"
    return f"“{why.key}” in what {why.through.name if why.through else why.source} says"


def _as_json(awakened: Awakened, turns: Sequence[Turn]) -> dict[str, Any]:
    entries = [
        _common(active, turns)
        | {"text": active.text, "position": active.position, "depth": active.depth, "role": active.role}
        | {"order": active.order, "tokens": active.tokens}
        for active in awakened.entries
    ]
    left = [_common(out, turns) | {"reason": out.reason, "says": out.says} for out in awakened.left_out]
    return {"entries": entries, "left_out": left, "tokens": awakened.tokens}


def _common(told: Active | LeftOut, turns: Sequence[Turn]) -> dict[str, Any]:
    why = told.why
    through: dict[str, Any] = {"cause": why.cause, "key": why.key, "source": why.source}
    through["message"] = None if why.message is None else len(turns) - why.message
    through["through"] = why.through.name if why.through else None
    where = {"name": told.entry.name, "where": told.entry.where, "book": told.book, "scope": told.scope}
    return where | {"why": through}
