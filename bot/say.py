"""`mien say`: a turn without Discord, or a scene of several personas."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from bot.compose import compose
from bot.conversation import Directed, Event, Felt, Incoming, Piece, Spoken, Story, readable
from bot.errors import MienError
from bot.history import channel_number
from bot.settings import load_settings
from emotion.labels import EMOTIONS
from persona.card import Persona, load_persona
from persona.scene import Scene


async def say(options: argparse.Namespace) -> int:
    """One turn, or what a scene of several personas says to one message.

    Without --channel nothing is remembered, so the same seed gives the same replies.
    """
    start = time.perf_counter()
    settings = load_settings(options.config)
    names = options.persona or [settings.bot.persona]
    personas = {one.slug: one for one in (load_persona(name, settings.bot.persona_roots()) for name in names)}
    incoming = _incoming(options, next(iter(personas)))
    async with AsyncExitStack() as stack:
        nowhere = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mien-")))
        history = None if options.channel else nowhere / "mien.sqlite"
        rooms = await stack.enter_async_context(compose(settings, history=history))
        loading = {"load": round(time.perf_counter() - start, 3)}
        story = replace(rooms.story, patience=None)  # nobody is kept waiting here: the face shown is the one painted
        answers = [answer async for answer in _play(story, incoming, personas, settings.scene.replies, options.json)]
    answers[0]["seconds"] = loading | answers[0]["seconds"]
    if options.json:
        print(json.dumps(answers[0] if len(personas) == 1 else {"replies": answers}, ensure_ascii=False))
    return 0


async def _play(
    story: Story, incoming: Incoming, personas: Mapping[str, Persona], replies: int, quiet: bool
) -> AsyncGenerator[dict[str, Any]]:
    """The replies to a message, one after another, as `--json` prints them."""
    scene, step = Scene.of(personas.values(), replies), 0
    queue = scene.answering(incoming.text, Random(incoming.seed))
    if not queue:
        raise MienError("Nobody answers: name one of them, or give one a talkativeness above 0.")
    while queue:
        slug, *waiting = queue
        beside = [other for other in personas.values() if other.slug != slug]
        heard = replace(incoming, persona=slug, step=step)
        async with aclosing(story.take_turn(heard, personas[slug], beside)) as events:
            answer = await _listen(events, personas[slug], aloud=not quiet)
        if not quiet:
            print(f"\n[face: {answer['face']}]")
        yield answer
        step += 1
        queue = scene.after(answer["reply"], slug, waiting, step)


def _incoming(options: argparse.Namespace, persona: str) -> Incoming:
    return Incoming(
        guild=None,
        channel=channel_number(options.channel or ""),
        message=None,
        user=None,
        name=options.user,
        text=readable(sys.stdin.read() if options.text == "-" else options.text),
        at=time.time(),
        persona=persona,
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
