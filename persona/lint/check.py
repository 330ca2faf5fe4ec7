"""`lint`: one Report for every persona folder, community card and lorebook that some paths hold.

    report = lint_one(path, measure)      a folder, a card or a lorebook
    lint(paths, measure)                  all of them, and what is wrong between them

Pictures, grammars and adapters are looked at by whoever knows them (bot/check.py).
"""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from persona.card import CARD_FILE
from persona.cardfile import CardError, read_card
from persona.character import Character, character_of
from persona.lint.character import Measure, look
from persona.lint.folder import folder_notices, placed, said_over
from persona.lint.lore import Looked
from persona.lint.notice import Notice, Report, counted
from persona.lint.places import Places
from persona.lint.unused import ignored, used
from persona.lorebook import Lorebook, read_lorebook
from persona.merge import SUFFIXES, card_file
from persona.naming import fold
from persona.tomlfile import TomlError

CARDS = tuple(suffix for suffix in SUFFIXES if suffix != ".toml")  # which people use for many other things
NO_CARD = "no card"
_PICTURES = (".png", ".webp", ".jpg", ".jpeg")
_FORMS = {".png": "PNG", ".charx": "CHARX", ".webp": "WebP", ".jpg": "JPEG", ".jpeg": "JPEG", ".json": "JSON"}
_SPECS = {"chara_card_v2": "V2 card", "chara_card_v3": "V3 card"}


def lint(paths: Sequence[Path], measure: Measure) -> Iterator[Report]:
    """Reports in the order of the paths; a folder of cards gives one for each card in it."""
    names: dict[str, Report] = {}
    for path in paths:
        chosen = path.parent if path.name == CARD_FILE else path
        for one in _inside(chosen):
            report = lint_one(one, measure)
            if one != chosen and report.kind == NO_CARD:
                continue  # a picture or some JSON among the cards
            yield _alone(report, names)


def lint_one(path: Path, measure: Measure) -> Report:
    """The report of a persona folder, or of one file."""
    return _folder(path, measure) if path.is_dir() else _file(path, measure)


def is_persona(folder: Path) -> bool:
    return (folder / CARD_FILE).is_file() or card_file(folder) is not None


def _inside(path: Path) -> Iterator[Path]:
    """The personas and files to look at: the path itself, or what a folder of them holds."""
    if not path.is_dir() or is_persona(path):
        yield path
        return
    found = False
    for place, folders, files in os.walk(path):
        here, inner = Path(place), sorted(folders)
        folders[:] = [name for name in inner if not name.startswith(".") and not is_persona(here / name)]
        personas = [here / name for name in inner if is_persona(here / name)]
        cards = [here / name for name in sorted(files) if Path(name).suffix.lower() in CARDS]
        found = found or bool(personas or cards)
        yield from (*personas, *cards)
    if not found:
        yield path


def _folder(folder: Path, measure: Measure) -> Report:
    report = Report(folder, "persona.toml")
    card = card_file(folder)
    if card is not None:
        inner = _file(card, measure)
        report.kind = f"persona.toml over a {inner.kind}" if (folder / CARD_FILE).is_file() else inner.kind
        if inner.fine:  # else the folder says so itself
            report.notices += [notice for notice in inner.notices if not _is_moot(notice, said_over(folder))]
    folder_notices(report, measure)
    return report


def _is_moot(notice: Notice, over: Collection[str]) -> bool:
    """Whether it is about a field that persona.toml stands in for, or about the length, which the folder tells anew."""
    field = notice.where.removeprefix("data.").partition("[")[0].partition(".")[0]
    return field in over or notice.code in ("card-long", "card-too-long")


def _file(path: Path, measure: Measure) -> Report:
    if not path.exists():
        return Report(path, "nothing", notices=[Notice("error", "unreadable", "", "there is no such file", file=path)])
    try:
        file = read_card(path)
    except CardError as error:
        damaged = path.suffix.lower() not in _PICTURES or "without a card" not in str(error)
        return _lorebook(path, measure, str(error), "damaged card" if damaged else NO_CARD)
    try:
        character = character_of(file, path.stem)
    except CardError as error:
        return _lorebook(path, measure, str(error), NO_CARD)
    report = Report(path, _kind(path, character), character.name)
    places, prefix = Places(path), "data." if isinstance(character.raw.get("data"), dict) else ""
    found = [Notice(one.level, "repaired", one.where, one.says) for one in character.problems]
    found += look(character, measure)
    book = Lorebook.of_card_book(character.book) if character.book else Lorebook()
    found += Looked(book, f"{prefix}character_book.", measure).notices()
    found += ignored(character, file)
    report.notices = [placed(notice, path, places) for notice in found]
    report.used = used(character, len(book.entries))
    return report


def _lorebook(path: Path, measure: Measure, error: str, kind: str) -> Report:
    """The report of a file that is no card: of the lorebook it is, or of what is wrong with it."""
    if path.suffix.lower() in (".json", ".toml"):
        try:
            book, places = read_lorebook(path), Places(path)
        except TomlError:
            pass
        else:
            report = Report(path, "lorebook", book.label(), [counted(len(book.entries), "lore entry", "lore entries")])
            report.notices = [placed(found, path, places) for found in Looked(book, "", measure).notices()]
            return report
    return Report(path, kind, notices=[Notice("error", "unreadable", "", error, file=path)])


def _kind(path: Path, character: Character) -> str:
    spec = _SPECS.get(str(character.raw.get("spec")), "V1 card")
    return f"{spec} ({_FORMS.get(path.suffix.lower(), path.suffix.lstrip('.').upper() or 'file')})"


def _alone(report: Report, names: dict[str, Report]) -> Report:
    """The report, with a warning where somebody before has the same name."""
    if report.name and report.kind != "lorebook":
        before = names.setdefault(fold(report.name), report)
        if before is not report:
            says = f"{before.path} is called {report.name}, too; members cannot tell the two apart"
            advice = "give one of them another name in persona.toml"
            report.notices.append(Notice("warning", "name-twice", "name", says, advice, report.path))
    return report
