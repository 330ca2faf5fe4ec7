"""One process of bench/paint.py: opens the painter on empty folders and paints a persona's first face.

python -m bench.paint_child STATE THREADS PERSONA

python: until this file runs; import: our modules and torch; open: device and painter, as the bot opens them; face: from
the request to the PNG, with what that imports and loads: diffusers, UNet, text encoder, recogniser.
"""

from time import perf_counter

MARKS = {"python": perf_counter()}  # before anything else is imported

import asyncio  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402


async def first_face(state: Path, threads: int, name: str) -> None:
    """A face of an expression that is not the neutral one."""
    from avatar.expression import spec_for
    from bot.compose import open_painter
    from bot.settings import Bot, Settings
    from inference.gpu import Gpu
    from persona.card import load_persona

    mark("import")
    settings = Settings(bot=Bot(state=state))
    persona = load_persona(name, settings.bot.persona_roots())
    async with Gpu(settings.gpu.device, threads=threads) as gpu, open_painter(settings, gpu) as painter:
        mark("open")
        face = await painter.paint(persona, spec_for(persona.card, "joy"))
        mark("face")
        assert face.painted, "the folder was empty"


def mark(stage: str) -> None:
    MARKS[stage] = perf_counter()


if __name__ == "__main__":
    asyncio.run(first_face(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
    print(json.dumps(MARKS))
