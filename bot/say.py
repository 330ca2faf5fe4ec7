"""`mien say`: a turn without Discord."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.compose import compose
from bot.conversation import Directed, Event, Felt, Incoming, Piece, Spoken, readable
from bot.history import channel_number
from bot.settings import load_settings
from emotion.labels import EMOTIONS
from persona.card import Persona, load_persona


async def say(options: argparse.Namespace) -> int:
    """One turn. Without --channel nothing is remembered, so the same seed gives the same reply."""
    start = time.perf_counter()
    settings = load_settings(options.config)
    persona = load_persona(options.persona or settings.bot.persona, settings.bot.persona_roots())
    incoming = _incoming(options, persona)
    async with AsyncExitStack() as stack:
        nowhere = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mien-")))
        history = None if options.channel else nowhere / "mien.sqlite"
        rooms = await stack.enter_async_context(compose(settings, history=history))
        loading = {"load": round(time.perf_counter() - start, 3)}
        story = replace(rooms.story, patience=None)  # nobody is kept waiting here: the face shown is the one painted
        events = await stack.enter_async_context(aclosing(story.take_turn(incoming, persona)))
        answer = await _listen(events, persona, aloud=not options.json)
    answer["seconds"] = loading | answer["seconds"]
    print(json.dumps(answer, ensure_ascii=False) if options.json else f"\n[face: {answer['face']}]")
    return 0


def _incoming(options: argparse.Namespace, persona: Persona) -> Incoming:
    return Incoming(
        guild=None,
        channel=channel_number(options.channel or ""),
        message=None,
        user=None,
        name=options.user,
        text=readable(sys.stdin.read() if options.text == "-" else options.text),
        at=time.time(),
        persona=persona.slug,
        seed=options.seed,
    )


async def _listen(events: AsyncGenerator[Event], persona: Persona, *, aloud: bool) -> dict[str, Any]:
    """What `--json` prints, from the events of a turn; aloud: the words are printed as they come."""
    answer: dict[str, Any] = {"persona": persona.slug}
    async for event in events:
        match event:
            case Felt(mood, _):
                answer["mood"] = dict(zip(EMOTIONS, (round(weight, 4) for weight in mood.weights), strict=True))
            case Directed(expression, face):
                answer |= {"expression": expression, "face": str(face.path.resolve())}
                if aloud:
                    print(f"{persona.card.name} ({expression}): ", end="", flush=True)
            case Piece(text) if aloud:
                print(text, end="", flush=True)
            case Spoken(text, _, seconds, variations):
                answer |= {"reply": text, "seconds": seconds, "variations": list(variations)}
    return answer
