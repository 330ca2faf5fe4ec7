"""`mien paint --from joy --to sadness`: a face that moves from one expression to another and back, into a file."""

import argparse
import asyncio
import json
import time
from pathlib import Path

from avatar.animation import EMOJI_BYTES, EMOJI_SIDE, LEAST_SIDE, MOST_BYTES, MOST_SIDE, SUFFIXES, fitting, read_file
from avatar.expression import spec_for
from avatar.shelf import Face, write_whole
from bot.compose import open_gpu, open_painter
from bot.errors import MienError
from bot.settings import load_settings
from bot.show import check_out, whose
from inference.progress import bar
from persona.card import Card, load_persona


async def paint_moving(options: argparse.Namespace) -> int:
    """A looping animation into --out, in the format of its suffix; from the shelf where it was painted before."""
    begun = time.perf_counter()
    _check(options)
    settings = load_settings(options.config)
    persona = load_persona(whose(options), settings.bot.persona_roots())
    start, end = pair(persona.card, options.start, options.end)
    specs = [spec_for(persona.card, name, seed=options.seed) for name in (start, end)]
    with bar() as progress:
        async with open_gpu(settings) as gpu, open_painter(settings, gpu) as painter:
            face = await painter.morph(persona, *specs, progress=progress)
    content = await asyncio.to_thread(_fitted, face, options)
    write_whole(options.out, content)
    seconds = round(time.perf_counter() - begun, 3)
    answer = {"out": str(options.out), "from": start, "to": end, "bytes": len(content), "painted": face.painted}
    said = f"{options.out}: {persona.card.name}, from {start} to {end} and back, {len(content) // 1000:,} kB"
    print(json.dumps(answer | {"seconds": seconds}) if options.json else said)
    return 0


def pair(card: Card, start: str, end: str) -> tuple[str, str]:
    """The names of two expressions; PersonaError if one is not on the card, MienError if they are the same."""
    start, end = card.expression(start), card.expression(end)
    if start == end:
        raise MienError(f"From {start} to {end} nothing moves: name two different expressions.")
    return start, end


def _check(options: argparse.Namespace) -> None:
    """MienError for what can be told before anything is painted."""
    if not (options.start and options.end):
        raise MienError("Say both where the face comes from and where it goes: --from joy --to sadness.")
    if options.face or options.expression or options.blend or options.explain:
        raise MienError("Either paint one expression, or a face that moves --from one --to another, not both.")
    if options.out.suffix.lower() not in SUFFIXES:
        raise MienError(f"{options.out} should end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.")
    if options.emoji and options.out.suffix.lower() != ".gif":
        raise MienError(f"{options.out} should end in .gif: Discord takes no other moving emojis.")
    if options.side is not None and not LEAST_SIDE <= options.side <= MOST_SIDE:
        raise MienError(f"--side should be between {LEAST_SIDE} and {MOST_SIDE} pixels, not {options.side}.")
    if options.kilobytes is not None and options.kilobytes < 1:
        raise MienError(f"--kilobytes should be at least 1, not {options.kilobytes}.")
    check_out(options.out)


def _fitted(face: Face, options: argparse.Namespace) -> bytes:
    moving, suffix = read_file(face.path), Path(options.out).suffix.lower()
    most, side = (EMOJI_BYTES, EMOJI_SIDE) if options.emoji else (MOST_BYTES, MOST_SIDE)
    if options.emoji:
        moving = moving.square(face.focus)
    if options.kilobytes is not None:
        most = min(most, 1000 * options.kilobytes)
    return fitting(moving, suffix, most, min(side, options.side or side))
