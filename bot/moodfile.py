"""`mien mood`: the picture of `/mood` into a file, from the state folder alone; no model is loaded."""

import argparse
import json

from avatar.shelf import write_whole
from bot.errors import MienError
from bot.given import shelved_by
from bot.history import History, channel_number
from bot.lookback import look_back
from bot.settings import Settings, load_settings
from emotion.motion import MoodSettings
from persona.card import Persona, load_persona


async def mood(options: argparse.Namespace) -> int:
    """A persona's mood in a channel as a PNG at --out."""
    settings = load_settings(options.config)
    database = settings.bot.state / "mien.sqlite"
    if not database.is_file():
        raise MienError(f"Nothing was ever said in {settings.bot.state}: name the state folder in [bot] state.")
    async with History(database) as history:
        persona = await _persona(options, settings, history)
        table = MoodSettings(**settings.mood.model_dump())
        seen = await look_back(history, persona, channel_number(options.channel), table)
    write_whole(options.out, await seen.png(shelved_by(settings), options.theme))
    answer = {"out": str(options.out), "persona": persona.slug, "leading": seen.felt.leading, "words": seen.words}
    print(json.dumps(answer, ensure_ascii=False) if options.json else f"{options.out}: {seen.words}")
    return 0


async def _persona(options: argparse.Namespace, settings: Settings, history: History) -> Persona:
    """Whom --persona names, else who speaks in the channel; it must have felt something there."""
    channel = channel_number(options.channel)
    there = await history.personas(channel)
    if not there:
        raise MienError(f"Nothing was said in the channel {options.channel!r}: give its id, or its name in `mien say`.")
    scene = [slug for slug in await history.scene(channel) if slug in there]
    name = options.persona or (scene or there)[0]
    persona = load_persona(name, settings.bot.persona_roots())
    if persona.slug not in there:
        known = ", ".join(there)
        raise MienError(f"{persona.card.name} never spoke in the channel {options.channel!r}; there spoke: {known}.")
    return persona
