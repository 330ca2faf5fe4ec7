"""`mien run`: the whole bot, on Discord with a token, else beside the playground. SIGINT and SIGTERM end it cleanly."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bot.settings import Settings, load_settings
from persona.cast import Cast

if TYPE_CHECKING:
    from bot.compose import Rooms
    from bot.playground.workshop import Workshop

log = logging.getLogger(__name__)


async def run(config: Path | None, port: int | None) -> int:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("discord").setLevel(logging.WARNING)
    settings, workshop = load_settings(config), None
    with suppress(asyncio.CancelledError):
        _stop_on_sigterm()
        async with AsyncExitStack() as stack:
            if not settings.token.get_secret_value():
                settings, workshop = await stack.enter_async_context(_playground(settings, port))
            await _serve(settings, workshop)
    return 0


def _stop_on_sigterm() -> None:
    task = asyncio.current_task()
    assert task
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@asynccontextmanager
async def _playground(settings: Settings, port: int | None) -> AsyncIterator[tuple[Settings, "Workshop"]]:
    """The playground: settings that lead to it, where every message is for the character, and its workshop."""
    from bot.playground import Playground
    from bot.playground.workshop import Workshop

    state = settings.bot.state
    state.mkdir(parents=True, exist_ok=True)
    chosen = settings.playground.port if port is None else port
    workshop = Workshop(Cast(settings.bot.persona_roots()), state)
    async with Playground(chosen, state=state / "playground.sqlite", workshop=workshop) as playground:
        print(f"The playground is at {playground.address} (the character wakes up in a moment).", flush=True)
        discord = settings.discord.model_copy(
            update={
                "api_base": playground.api_base,
                "gateway_url": playground.gateway_url,
                "cdn_base": playground.cdn_base,
            }
        )
        replies = settings.replies.model_copy(update={"always": settings.replies.always or ["*"]})
        token = SecretStr(playground.bot_token)
        yield settings.model_copy(update={"discord": discord, "replies": replies, "token": token}), workshop


async def _serve(settings: Settings, workshop: "Workshop | None") -> None:
    from bot.client import MienClient
    from bot.commands import Commands
    from bot.compose import compose

    async with compose(settings) as rooms, MienClient(rooms, Commands) as client, asyncio.TaskGroup() as tasks:
        if workshop:
            workshop.paint, workshop.proposer = rooms.painter.paint, rooms.painter.proposer
        warming = tasks.create_task(prewarm(rooms)) if settings.face.prewarm else None
        await client.start(settings.token.get_secret_value())
        if warming:
            warming.cancel()


async def prewarm(rooms: "Rooms") -> None:
    """While nobody waits, read how the personas' prompts begin, and paint the faces that are not on the shelf yet.

    One persona's trouble is not another's.
    """
    from bot.errors import sentence

    for persona in rooms.cast.all():
        try:
            await rooms.story.director.prepare(persona.card)
            await rooms.painter.prewarm(persona)
        except Exception as error:
            log.warning("%s is not prepared ahead: %s", persona.card.name, sentence(error) or repr(error))
    log.info("every face that can be painted is on the shelf")
