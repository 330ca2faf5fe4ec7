"""One process that paints on a shelf, for tests/avatar/test_two_processes.py.

python -m tests.avatar.painting_process PAINTER CACHE SHELF PERSONA SEED …: says "ready", waits for a line, paints the
persona's joy and sadness with each seed, and prints what it got, one JSON list.
"""

import asyncio
import json
import sys
from pathlib import Path

from avatar.expression import spec_for
from avatar.painter import Painter
from avatar.shelf import Shelf
from inference.gpu import Gpu
from persona.card import load_persona
from tests.avatar.test_painter import accept

NAMES = ("joy", "sadness")


async def main(painter: str, cache: Path, shelf: Path, folder: Path, seeds: list[int]) -> None:
    persona = load_persona(folder.name, [folder.parent])
    async with Gpu("cpu", threads=1) as gpu, Painter(gpu, painter, cache, Shelf(shelf), judge=accept) as artist:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        specs = [spec_for(persona.card, name, seed) for seed in seeds for name in NAMES]
        faces = await asyncio.gather(*(artist.paint(persona, spec) for spec in specs))
    told = [(spec.name, spec.seed, str(face.path), face.sha256) for spec, face in zip(specs, faces, strict=True)]
    print(json.dumps(told))


if __name__ == "__main__":
    painter, *folders = sys.argv[1:5]
    cache, shelf, folder = map(Path, folders)
    asyncio.run(main(painter, cache, shelf, folder, [int(seed) for seed in sys.argv[5:]]))
