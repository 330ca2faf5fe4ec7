"""The command line. Heavy rooms are imported only by the command that needs them, so that `mien --help` is instant.

Exit status: 0 done, 1 a check found errors, 2 what was asked cannot be done (one sentence on stderr), 130 interrupted.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

Command = Callable[[argparse.Namespace], Coroutine[None, None, int]]


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see '{self.prog} --help'.\n")


def parser() -> Parser:
    top = Parser(prog="mien", description="A Discord roleplay bot whose avatar wears what the character feels.")
    top.add_argument("--version", action="version", version=f"mien {version('mien')}")
    top.add_argument("--config", type=Path, metavar="FILE", help="settings (default: mien.toml, where there is one)")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    _add_talking(commands)
    _add_looking(commands)
    _add_lore(commands.add_parser("lore", help="say which entries of a lorebook awaken, and through what"))
    _add_upkeep(commands)
    return top


def _add_talking(commands: "argparse._SubParsersAction[Parser]") -> None:
    run = commands.add_parser("run", help="start the bot; without DISCORD_TOKEN, with the playground")
    run.add_argument("--port", type=int, help="the playground's port (default: [playground] port)")
    run.set_defaults(command=_run)
    say = commands.add_parser("say", help="one turn, without Discord")
    say.add_argument("text", help="what to say ('-' reads it from standard input)")
    say.add_argument(
        "--persona",
        action="append",
        metavar="NAME_OR_FOLDER",
        help="who answers (default: [bot] persona); given several times, they play a scene",
    )
    say.add_argument("--channel", metavar="C", help="remember the conversation under this name; without it, nothing is")
    say.add_argument("--user", default="You", metavar="U", help="who is speaking (default: You)")
    say.add_argument("--seed", type=int, help="the same seed gives the same reply to the same history")
    say.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    say.set_defaults(command=_say)
    feel = commands.add_parser("feel", help="classify the emotions of each line of standard input")
    feel.add_argument("--json", action="store_true", help="print one JSON object per line")
    feel.add_argument("--dialogue", type=Path, metavar="FILE", help="a conversation instead: what a persona would feel")
    feel.add_argument("--persona", metavar="NAME_OR_FOLDER", help="whose feelings (with --dialogue)")
    feel.set_defaults(command=_feel)


def _add_looking(commands: "argparse._SubParsersAction[Parser]") -> None:
    _add_painting(commands.add_parser("paint", help="paint one expression of a persona, or how it becomes another"))
    mood = commands.add_parser("mood", help="draw what a persona felt in a channel, from the state folder")
    mood.add_argument(
        "--channel", required=True, metavar="C", help="a channel's id on Discord, or its name in `mien say`"
    )
    mood.add_argument("--persona", metavar="NAME_OR_FOLDER", help="whose mood (default: who speaks there)")
    mood.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the PNG goes")
    mood.add_argument("--theme", choices=("dark", "light"), default="dark", help="the picture's background")
    mood.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    mood.set_defaults(command=_mood)
    persona = commands.add_parser("persona", help="check and show persona folders").add_subparsers(
        required=True, metavar="WHAT", parser_class=Parser
    )
    check = persona.add_parser("check", help="say what is wrong, unused or surprising in personas, cards and lorebooks")
    check.add_argument(
        "paths", nargs="+", metavar="PATH", help="a persona's name or folder, a card, a lorebook, or many in one"
    )
    check.add_argument("--quiet", action="store_true", help="only errors and warnings, and who has them")
    check.add_argument("--json", action="store_true", help="print one JSON object per card and nothing else")
    check.set_defaults(command=_check)
    sheet = persona.add_parser("sheet", help="paint every expression of a persona onto one labelled sheet")
    sheet.add_argument("persona", metavar="NAME_OR_FOLDER")
    sheet.add_argument("--out", required=True, type=Path, metavar="FILE")
    sheet.set_defaults(command=_sheet)
    mask = persona.add_parser("mask", help="show where a persona's face may change, and keep the proposal")
    mask.add_argument("persona", metavar="NAME_OR_FOLDER")
    mask.add_argument("--out", type=Path, metavar="FILE", help="a PNG: the portrait with the mask laid over it")
    mask.add_argument("--save", action="store_true", help="write the proposal into the persona's folder as mask.png")
    mask.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    mask.set_defaults(command=_mask)
    budget = persona.add_parser("budget", help="show who spends the tokens of a persona's prompt")
    budget.add_argument("persona", metavar="NAME_OR_FOLDER")
    budget.add_argument("--tokens", type=int, metavar="N", help="of prompt and reply (default: what the settings say)")
    budget.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    budget.set_defaults(command=_budget)
    _add_faces(persona)
    _add_cards(persona)


def _add_cards(persona: "argparse._SubParsersAction[Parser]") -> None:
    taken = persona.add_parser("import", help="make personas of cards of the community")
    taken.add_argument("files", nargs="+", type=Path, metavar="FILE", help="PNG, CHARX, WebP, JPEG, JSON, YAML or TOML")
    taken.add_argument("--name", metavar="SLUG", help="the name of the folder (default: made of the character's)")
    taken.add_argument("--into", type=Path, metavar="DIR", help="where the folder goes (default: [bot] personas)")
    taken.add_argument("--picture", type=Path, metavar="FILE", help="the portrait, for a card that holds none")
    taken.add_argument("--json", action="store_true", help="print one JSON object per card and nothing else")
    taken.set_defaults(command=_import)
    export = persona.add_parser("export", help="write a persona as a card that other programs read")
    export.add_argument("persona", metavar="NAME_OR_FOLDER")
    export.add_argument("--out", required=True, type=Path, metavar="FILE", help="a .png, .charx or .json")
    export.add_argument("--spec", type=int, choices=(2, 3), default=3, help="the card's version; a PNG holds both at 3")
    export.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    export.set_defaults(command=_export)
    show = persona.add_parser("show", help="say what is read from a card of the community")
    show.add_argument("file", type=Path, metavar="FILE")
    show.add_argument("--json", action="store_true", help="print the whole card, normalised, and what was repaired")
    show.set_defaults(command=_show)


def _add_faces(persona: "argparse._SubParsersAction[Parser]") -> None:
    faces = persona.add_parser("faces", help="take faces from a card of another program, or write such a card")
    faces.add_argument("persona", metavar="NAME_OR_FOLDER")
    way = faces.add_mutually_exclusive_group(required=True)
    way.add_argument("--from", dest="source", type=Path, metavar="CARD", help="a card that has faces")
    way.add_argument("--to", dest="target", type=Path, metavar="CARD", help="a file that ends in .png, .charx or .json")
    faces.add_argument("--replace", action="store_true", help="with --from: also take faces that are given already")
    faces.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    faces.set_defaults(command=_faces)


def _add_painting(paint: Parser) -> None:
    paint.add_argument("name", nargs="?", metavar="NAME_OR_FOLDER", help="whose face")
    paint.add_argument("face", nargs="?", metavar="EXPRESSION", help="which face")
    paint.add_argument("--persona", metavar="NAME_OR_FOLDER", help="the same as NAME_OR_FOLDER")
    paint.add_argument("--expression", metavar="E", help="the same as EXPRESSION")
    paint.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the picture goes")
    paint.add_argument("--seed", type=int, default=0)
    paint.add_argument("--explain", action="store_true", help="paint it afresh, and say why each attempt is fit or not")
    paint.add_argument("--blend", metavar="OTHER", help="paint what lies between the expression and this one")
    paint.add_argument("--quarters", type=int, choices=(1, 2, 3), default=2, help="how far to OTHER (default: 2)")
    paint.add_argument("--from", dest="start", metavar="E", help="paint a face that moves from this expression …")
    paint.add_argument("--to", dest="end", metavar="E", help="… to this one and back; FILE ends in .webp, .gif or .png")
    paint.add_argument("--side", type=int, metavar="PIXELS", help="no side of the moving picture is longer")
    paint.add_argument("--kilobytes", type=int, metavar="N", help="the moving picture's file is no larger")
    paint.add_argument("--emoji", action="store_true", help="a small moving square, as Discord takes emojis (.gif)")
    paint.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    paint.set_defaults(command=_paint)


def _add_lore(lore: Parser) -> None:
    lore.add_argument("file", type=Path, metavar="FILE", help="a lorebook, a card with one, or a persona")
    lore.add_argument(
        "--text", action="append", default=[], metavar="T", help="what is said, the newest last; “Name: words” or words"
    )
    lore.add_argument("--messages", type=Path, metavar="FILE", help="a conversation before it, a line for each message")
    lore.add_argument("--user", default="You", metavar="U", help="who says lines without a name (default: You)")
    lore.add_argument("--char", default="", metavar="C", help="the character's name, for {{char}}")
    lore.add_argument("--budget", type=_count, metavar="N", help="room for so many tokens, about (default: for all)")
    lore.add_argument("--scan-depth", type=_count, metavar="N", help="messages searched where the book does not say")
    lore.add_argument("--seed", type=int, default=0, help="the same seed draws the same lots (default: 0)")
    lore.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    lore.set_defaults(command=_lore)


def _add_upkeep(commands: "argparse._SubParsersAction[Parser]") -> None:
    starter = commands.add_parser("starter", help="install and verify the starter models")
    starter.set_defaults(command=_starter)
    doctor = commands.add_parser("doctor", help="say whether everything Mien needs is in order")
    doctor.add_argument("--json", action="store_true", help="print one JSON object per check")
    doctor.add_argument("--card", type=_card, metavar="SIZE", help="plan for a GPU of this size, such as 24GB")
    doctor.set_defaults(command=_doctor)


def _card(text: str) -> int:
    from inference.plan import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 1000:
        raise argparse.ArgumentTypeError(f"expected a number up to 1000, got {text!r}")
    return int(text)


async def _run(options: argparse.Namespace) -> int:
    from bot.run import run

    return await run(options.config, options.port)


async def _say(options: argparse.Namespace) -> int:
    from bot.say import say

    return await say(options)


async def _feel(options: argparse.Namespace) -> int:
    if options.dialogue is not None:
        from bot.rehearsal import rehearse

        return await rehearse(options)
    from bot.feel import feel

    return await feel(options)


async def _paint(options: argparse.Namespace) -> int:
    if options.start or options.end:
        from bot.moving import paint_moving

        return await paint_moving(options)
    from bot.show import paint

    return await paint(options)


async def _mood(options: argparse.Namespace) -> int:
    from bot.moodfile import mood

    return await mood(options)


async def _lore(options: argparse.Namespace) -> int:
    from bot.lorefile import lore

    return await lore(options)


async def _sheet(options: argparse.Namespace) -> int:
    from bot.show import sheet

    return await sheet(options)


async def _mask(options: argparse.Namespace) -> int:
    from bot.maskfile import mask

    return await mask(options)


async def _faces(options: argparse.Namespace) -> int:
    from bot.given import faces

    return await faces(options)


async def _import(options: argparse.Namespace) -> int:
    from bot.cards import import_

    return await import_(options)


async def _export(options: argparse.Namespace) -> int:
    from bot.cards import export

    return await export(options)


async def _show(options: argparse.Namespace) -> int:
    from bot.cards import show

    return await show(options)


async def _budget(options: argparse.Namespace) -> int:
    from bot.spend import budget

    return await budget(options)


async def _check(options: argparse.Namespace) -> int:
    from bot.check import check

    return check(options)


async def _starter(options: argparse.Namespace) -> int:
    from inference.carriers import fetch_starters
    from inference.progress import bar

    with bar() as progress:
        fetch_starters(progress)
    return 0


async def _doctor(options: argparse.Namespace) -> int:
    from bot.doctor import examine

    return examine(options.config, as_json=options.json, card=options.card)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every failure a user can cause is one sentence and exit status 2."""
    # Two busy OpenMP threads spin for each other and stall whatever else runs; read when torch is loaded, so set first.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        return asyncio.run(command(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what was not written yet has a place to go
        return 0
    except Exception as error:
        from bot.errors import sentence

        if (said := sentence(error)) is None:
            raise
        print(f"mien: {said}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
