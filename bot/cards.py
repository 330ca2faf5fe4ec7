"""A community's card becomes a persona folder, and a persona a card: `mien persona import`, `export` and `show`.

Import keeps the card exactly as it came (`card.png`, `card.charx`, …) and writes beside it what can be changed: the
portrait, the faces that came with it, and a persona.toml of comments. The folder appears whole or not at all.
"""

import argparse
import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatar.picture import PortraitError, to_png
from avatar.shelf import write_whole
from bot.errors import MienError
from bot.given import Taken, exported, faces_of, form_of, shelved_by, take
from bot.newface import read_portrait
from bot.settings import SAMPLES, Bot, load_settings
from persona.card import BASE_FILE, CARD_FILE, Persona, folders, load_persona, read_folder
from persona.cardfile import CardError, ending_of, read_card
from persona.cardwrite import card_object
from persona.character import Character, Finding, character_of
from persona.likeness import icon_of
from persona.merge import STEM
from persona.naming import fold

SLUG_LENGTH = 40
OWN = """\
# {name} came from {source}, which stays as it is beside this file and counts whenever this file is silent.
# What you write here wins over the card. docs/personas.md explains every key; here are some:
#
# sentences = 3                     # the longest reply, in sentences
# scenario = "…"                    # another place for the conversation
# talkativeness = 0.5               # how readily it speaks up among others
# words = ["…"]                     # words that call it, besides its name
#
# Without expressions it wears a face for each of the 28 feelings. [expressions.NAME] tables replace all of them.
"""


@dataclass(frozen=True)
class Imported:
    """A card that became a persona."""

    persona: Persona
    taken: Taken
    findings: tuple[Finding, ...]

    def lines(self) -> list[str]:
        """What is to be said about it."""
        name, slug = self.persona.card.name, self.persona.slug
        lines = [f"{name} is the persona {slug} now, in {self.persona.folder}"]
        if self.persona.lore:
            lines.append(f"its lorebook has {sum(len(book.entries) for book in self.persona.lore)} entries")
        if self.taken.worn:
            lines.append(f"faces that came with it: {', '.join(sorted(self.taken.worn))}")
        if self.taken.unmatched:
            lines.append(f"faces of no feeling that Mien knows, left in the card: {', '.join(self.taken.unmatched)}")
        lines += [f"{face}: {why}" for face, why in self.taken.trouble.items()]
        return lines + [in_words(finding) for finding in self.findings if finding.level != "note"]

    def data(self) -> dict[str, Any]:
        """The same for machines."""
        findings = [{"level": one.level, "where": one.where, "says": one.says} for one in self.findings]
        told = {"persona": self.persona.slug, "name": self.persona.card.name, "folder": str(self.persona.folder)}
        faces = {"faces": sorted(self.taken.worn), "unmatched": self.taken.unmatched, "trouble": self.taken.trouble}
        return {**told, **faces, "findings": findings}


def in_words(finding: Finding) -> str:
    """ "warning: data.tags: is null" """
    return ": ".join(filter(None, (finding.level, finding.where, finding.says)))


# --- commands --------------------------------------------------------------------------------------------------------


async def import_(options: argparse.Namespace) -> int:
    """Each FILE becomes a persona; exit status 1 if one does not."""
    bot = load_settings(options.config).bot
    if options.name and len(options.files) > 1:
        raise MienError("--name is for one card; leave it out, and each persona is called by its card.")
    failed = False
    for file in options.files:
        try:
            into = options.into or home_for(bot)
            known = () if options.into else tuple(folders(bot.persona_roots()))
            made = import_card(file, into, options.name, picture=options.picture, known=known)
        except (CardError, PortraitError, MienError) as error:
            failed = True
            print(json.dumps({"card": str(file), "error": str(error)}) if options.json else f"{file}: {error}")
            continue
        print(json.dumps(made.data(), ensure_ascii=False) if options.json else "\n  ".join(made.lines()))
    return int(failed)


async def export(options: argparse.Namespace) -> int:
    """The persona as a card, with every face that is given or was painted."""
    settings = load_settings(options.config)
    persona = load_persona(options.persona, settings.bot.persona_roots())
    form = form_of(options.out)
    pngs = faces_of(persona, shelved_by(settings))
    write_whole(options.out, exported(persona, pngs, form, options.spec))
    told = {"out": str(options.out), "spec": options.spec, "faces": sorted(pngs)}
    said = f"{options.out}: {persona.card.name} as a card of V{options.spec}, with {len(pngs)} faces"
    print(json.dumps(told, ensure_ascii=False) if options.json else said)
    return 0


async def show(options: argparse.Namespace) -> int:
    """What is read from a card: every field as it should be, and what was repaired."""
    file = read_card(options.file)
    character = character_of(file, options.file.stem)
    if options.json:
        card = json.dumps(card_object(character, 3), ensure_ascii=False, indent=1)
        findings = [{"level": one.level, "where": one.where, "says": one.says} for one in character.problems]
        print(f'{{"card": {card},\n"findings": {json.dumps(findings, ensure_ascii=False)}}}')
    else:
        print("\n".join([*_told(character), *map(in_words, character.problems)]))
    return 0


def _told(character: Character) -> list[str]:
    """A card in a few lines: its fields and how long they are."""
    fields = {
        key: value for key, value in vars(character).items() if value and key not in ("name", "raw", "problems", "book")
    }
    lines = [character.name]
    for key, value in fields.items():
        if isinstance(value, str):
            lines.append(f"  {key} ({len(value)} characters): {' '.join(value.split())[:80]}")
        else:
            lines.append(f"  {key}: {f'{len(value)} texts' if isinstance(value, tuple) else value}")
    if character.book:
        lines.append(f"  character_book: {len(character.book.get('entries') or ())} entries")
    return lines


# --- a folder is made ------------------------------------------------------------------------------------------------


def home_for(bot: Bot) -> Path:
    """Where new personas go: the first folder of [bot] personas.

    Where there is none yet, it begins with the samples that come with Mien, which spoke until now.
    """
    for folder in bot.personas:
        if folder.is_dir():
            return folder
    if not bot.personas:
        raise MienError("[bot] personas names no folder, so there is no place for a new persona: use --into DIR.")
    shutil.copytree(SAMPLES, bot.personas[0])
    return bot.personas[0]


def import_card(
    file: Path, into: Path, name: str | None = None, *, picture: Path | None = None, known: Sequence[Path] = ()
) -> Imported:
    """Make the persona folder `into/<slug>` of a card. known: folders of personas whose names are taken.

    Raises CardError for what is no card, PortraitError for a picture that cannot be used, MienError for a name that is
    taken or no name, OSError where nothing can be written.
    """
    card = read_card(file)
    character = character_of(card, file.stem)
    slug = _slug(name, character.name, file.stem)
    folder = into / slug
    if folder.exists() or fold(slug) in {fold(other.name) for other in known}:
        raise MienError(f"There is a persona {slug} already: give this one another name.")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=into) as workshop:  # no persona: the files lie one deeper
        made = Path(workshop) / slug
        made.mkdir()
        shutil.copyfile(file, made / f"{STEM}{ending_of(file)}")
        icon = icon_of(card)
        write_whole(made / BASE_FILE, _portrait(file, picture, card.picture, icon))
        own = OWN.format(name=character.name, source=f"{STEM}{ending_of(file)}")
        (made / CARD_FILE).write_text(own, encoding="utf-8")
        taken = take(read_folder(made), file)
        made.rename(folder)
    persona = read_folder(folder)
    worn = {face: persona.faces[face] for face in taken.worn}
    findings = persona.character.problems if persona.character else ()
    return Imported(persona, Taken(worn, taken.kept, taken.unmatched, taken.trouble), findings)


def _portrait(file: Path, picture: Path | None, is_picture: bool, icon: tuple[str, bytes] | None) -> bytes:
    """The portrait as PNG: the picture that is named, the card's icon, or the card itself. Raises PortraitError."""
    if picture is not None:
        return to_png(read_portrait(picture))
    if is_picture:
        return to_png(read_portrait(file))
    if icon is None:
        raise PortraitError(f"{file.name} holds no picture: name one with --picture.")
    with tempfile.TemporaryDirectory(prefix="mien-") as place:
        inside = Path(place) / f"icon{icon[0]}"
        inside.write_bytes(icon[1])
        try:
            return to_png(read_portrait(inside))
        except PortraitError as error:
            raise PortraitError(str(error).replace(str(inside), "its icon").replace(inside.name, "its icon")) from error


def _slug(wished: str | None, *names: str) -> str:
    """The folder's name: what is wished if it is a plain name, else made of the character's."""
    if wished is not None:
        if not re.fullmatch(r"\w[\w-]{0,39}", wished):
            raise MienError(f"{wished!r:.60} is no name for a folder: use up to 40 letters, digits and hyphens.")
        return wished
    for name in names:
        plain = unicodedata.normalize("NFKC", name).casefold()
        if slug := re.sub(r"[^\w]+", "-", plain).strip("-_")[:SLUG_LENGTH].rstrip("-_"):
            return slug
    return "character"
