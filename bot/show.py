"""`mien paint` and `mien persona sheet`: faces into files, without Discord."""

import argparse
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avatar.attempts import Attempt
from avatar.expression import ExpressionSpec, blended, spec_for
from avatar.picture import png_of
from avatar.sheet import contact_sheet
from avatar.starter.phrasings import prompts
from bot.compose import open_gpu, open_painter
from bot.errors import MienError
from bot.settings import load_settings
from inference.progress import bar
from persona.card import Card, load_persona


async def paint(options: argparse.Namespace) -> int:
    """One expression into --out, or what lies between two, from the shelf where it was painted before."""
    start = time.perf_counter()
    settings = load_settings(options.config)
    persona = load_persona(whose(options), settings.bot.persona_roots())
    if not (wanted := options.expression or options.face):
        raise MienError("Say which expression to paint: mien paint NAME EXPRESSION --out FILE.")
    spec = spec_for(persona.card, persona.card.expression(wanted), seed=options.seed)
    if options.blend:
        other = persona.card.expression(options.blend)
        if other == spec.name:
            raise MienError(f"There is nothing between {other} and {other}: name another expression after --blend.")
        spec = blended(spec, spec_for(persona.card, other), options.quarters)
    check_out(options.out)
    async with open_gpu(settings) as gpu, open_painter(settings, gpu) as painter:
        attempts = explained(await painter.explain(persona, spec), options.out) if options.explain else []
        face = await painter.paint(persona, spec)
    options.out.write_bytes(png_of(face.path))  # a given face may be of another kind
    seconds = round(time.perf_counter() - start, 3)
    shown = spec.words if face.expression == spec.name else face.expression
    answer = {"out": str(options.out), "expression": face.expression, "painted": face.painted, "seconds": seconds}
    if options.json:
        print(json.dumps(answer | ({"attempts": attempts} if options.explain else {})))
        return 0
    print(*map(in_words, attempts), f"{options.out}: {persona.card.name}, {shown}", sep="\n")
    return 0


def whose(options: argparse.Namespace) -> str:
    """The persona that is meant, named before the options or by --persona."""
    if not (name := options.persona or options.name):
        raise MienError("Say whose face to paint: mien paint NAME EXPRESSION --out FILE.")
    return str(name)


def check_out(path: Path) -> None:
    """MienError unless a file can be written there: better now than after the painting."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise MienError(f"{path} cannot be written: name a file in a folder that there is, and that may be written to.")


def every_face(card: Card) -> list[ExpressionSpec]:
    """A card's own expressions, then the feelings that have none of their name, in the starter painter's words."""
    own = [spec_for(card, name) for name in card.expressions]
    return own + [
        ExpressionSpec(label, words[0]) for label, words in prompts().items() if label not in card.expressions
    ]


def explained(attempts: list[tuple[Attempt, bytes]], out: Path) -> list[dict[str, object]]:
    """What the gate says of each attempt at a face; its picture is written beside `out`: joy.png, joy-1.png."""
    answers: list[dict[str, object]] = []
    for number, (attempt, picture) in enumerate(attempts, start=1):
        path, verdict = out.with_name(f"{out.stem}-{number}.png"), attempt.verdict
        path.write_bytes(picture)
        said = {"fit": verdict.fit, "why": verdict.why, "broken": verdict.broken, "score": round(verdict.score, 4)}
        figures = {name: round(value, 4) for name, value in verdict.figures.items()}
        answers.append({"out": str(path), "seed": attempt.seed, **said, "figures": figures})
    return answers


def in_words(answer: Mapping[str, Any]) -> str:
    """An explained attempt in two lines."""
    said = "fit" if answer["fit"] else f"refused: {answer['why']}{' (never shown)' * answer['broken']}"
    measured = ", ".join(f"{name} {value:g}" for name, value in answer["figures"].items())
    return f"{answer['out']}: seed {answer['seed']}, {said}, score {answer['score']:.3f}\n  {measured}"


async def sheet(options: argparse.Namespace) -> int:
    """Every expression of a persona, and every other feeling, on one labelled picture."""
    settings = load_settings(options.config)
    persona = load_persona(options.persona, settings.bot.persona_roots())
    specs = every_face(persona.card)
    async with open_gpu(settings) as gpu, open_painter(settings, gpu) as painter:
        with bar() as progress:
            painted = await painter.paint_several(persona, specs, progress)
    faces = [(spec.name, face.path) for spec, face in zip(specs, painted, strict=True)]
    contact_sheet(faces).save(options.out)
    print(f"{options.out}: {len(faces)} faces of {persona.card.name}")
    return 0
