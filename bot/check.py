"""`mien persona check`: what the linter finds (persona/lint/), and what only a look at pictures and grammars shows.

Exit status 1 where there is an error, 0 with warnings and notes.
"""

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from bot.settings import Settings, load_settings
from persona.card import CARD_FILE, Card, PersonaError, check_adapter, find_folder, read_folder
from persona.finding import Level
from persona.lint.character import Measure
from persona.lint.check import lint
from persona.lint.notice import Notice, Report, of_problem
from persona.tomlfile import shown

COLOURS: dict[Level | str, str] = {"error": "31", "warning": "33", "note": "36", "ok": "32", "BAD": "31"}
INDENT = " " * 4


def check(options: argparse.Namespace) -> int:
    """Print a report for every card; with --json one object a card and nothing else."""
    return check_personas(options.paths, options.config, as_json=options.json, quiet=options.quiet)


def check_personas(
    paths: Iterable[str], config: Path | None = None, *, as_json: bool = False, quiet: bool = False
) -> int:
    """quiet: cards with errors or warnings only, and no notes."""
    settings = load_settings(config)
    reports, fine = list[Report](), True
    roots = settings.bot.persona_roots()
    for report in lint([_meant(path, roots) for path in paths], measure(settings)):
        report.notices += _seen(report, settings.model.adapters)
        fine = fine and report.fine
        reports.append(report)
        if as_json:
            print(json.dumps(report.data(), ensure_ascii=False))
        elif not quiet or report.number("error") + report.number("warning"):
            print("\n".join(_lines(report, notes=not quiet)))
    if not as_json and len(reports) > 1:
        print(_summary(reports))
    return 0 if fine else 1


def _meant(path_or_name: str, roots: Sequence[Path]) -> Path:
    """A path that is there, else the folder of the persona that is called so; what is neither, the report tells."""
    path = Path(path_or_name)
    try:
        return path if path.exists() else find_folder(path_or_name, roots)
    except (PersonaError, OSError):
        return path


def measure(settings: Settings) -> Measure:
    """With the model's own tokenizer where its files lie here already; nothing is loaded or fetched for it."""
    context = settings.model.longest_context()
    if (file := _tokenizer(settings)) is None:
        return Measure(context=context)
    from tokenizers import Tokenizer

    words = Tokenizer.from_file(str(file))
    return Measure(lambda text: len(words.encode(text, add_special_tokens=False).ids), exact=True, context=context)


def _tokenizer(settings: Settings) -> Path | None:
    name = settings.model.name
    if name == "starter":
        found = sorted((settings.bot.state / "cache").glob("SmolLM2-135M-Instruct*/tokenizer.json"))
        return found[-1] if found else None
    file = Path(name).expanduser() / "tokenizer.json"
    return file if file.is_file() else None


# --- what is seen by opening things -----------------------------------------------------------------------------------


def _seen(report: Report, adapters: Collection[str]) -> Iterator[Notice]:
    """Of a persona folder that is sound: its adapter, its LoRAs, its grammars and its pictures."""
    if not report.fine or not report.path.is_dir():
        return
    persona = read_folder(report.path)
    yield from _tried("adapter", report.path, lambda: check_adapter(persona, adapters))
    if persona.card.face.loras:
        from avatar.own_loras import own_loras, require_there

        yield from _tried("lora", report.path, lambda: require_there(persona, own_loras(persona)))
    if _has_grammar(persona.card):
        from bot.forms import mistakes

        yield from (of_problem(problem) for problem in mistakes(report.path))
    yield from _tried("picture", report.path, lambda: _pictures(report))


def _has_grammar(card: Card) -> bool:
    return bool(card.grammar or any(face.grammar for face in card.expressions.values()))


def _pictures(report: Report) -> None:
    """Open the portrait, the mask and the given faces; what they are like is added to the report."""
    from avatar.mask import open_portrait
    from avatar.picture import open_picture

    persona = read_folder(report.path)
    portrait = open_portrait(persona.base, persona.mask)
    for file in persona.faces.values():
        open_picture(file)
    width, height = portrait.image.size
    report.used.append(f"a portrait of {width} × {height}")
    report.notices += [Notice("warning", "picture", "", remark, file=persona.base) for remark in portrait.remarks()]


def _tried(code: str, path: Path, look: Callable[[], None]) -> Iterator[Notice]:
    from bot.errors import sentence

    try:
        look()
    except Exception as error:
        if (said := sentence(error)) is None:
            raise
        yield Notice("error", code, "", said, file=path / CARD_FILE if isinstance(error, PersonaError) else path)


# --- for people -------------------------------------------------------------------------------------------------------


def _lines(report: Report, *, notes: bool) -> Iterator[str]:
    mark = "ok " if report.fine else "BAD"
    called = f": {report.name}" if report.name else ""
    yield f"{_coloured(mark, mark.strip())} {_bold(shown(report.path))}{called} ({report.kind})"
    if report.used:
        yield from _wrapped(f"used: {', '.join(report.used)}")
    for notice in report.sorted():
        if notes or notice.level != "note":
            yield from _notice(notice, report.path)


def _notice(notice: Notice, within: Path) -> Iterator[str]:
    place = f"{where}: " if (where := notice.place(within)) else ""
    first, *more = _wrapped(f"{notice.level}: {place}{notice.says}")
    yield first.replace(notice.level, _coloured(notice.level, notice.level), 1)
    yield from more
    if notice.advice:
        yield from _wrapped(f"→ {notice.advice}", INDENT * 2)


def _summary(reports: list[Report]) -> str:
    bad = sum(not report.fine for report in reports)
    unsure = sum(report.fine and report.number("warning") > 0 for report in reports)
    return f"\n{len(reports)} cards: {bad} with errors, {unsure} with warnings, {len(reports) - bad - unsure} in order"


def _wrapped(text: str, indent: str = INDENT) -> list[str]:
    """Lines as wide as the terminal; one line where there is none, so that other programs can search it."""
    if not sys.stdout.isatty():
        return [indent + text]
    width = max(min(shutil.get_terminal_size().columns, 140), 40)
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)


@cache
def _in_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _coloured(text: str, kind: str) -> str:
    return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m" if _in_colour() else text


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if _in_colour() else text
