"""Reads hostile cards and says, one JSON line each, what came of it: run as a program of its own, whose memory counts.

python tests/persona/hostile.py FOLDER        each file in a process of its own: sentence, seconds, peak memory in MiB
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

from persona.cardfile import CardError, read_card
from persona.character import character_of
from persona.emotions import emotion_assets


def read(path: Path) -> str:
    """The sentence that refuses the card, or of its faces; "" if there is nothing to refuse."""
    try:
        file = read_card(path)
        character_of(file, path.stem)
        return "; ".join(asset.trouble for asset in emotion_assets(file) if asset.trouble)
    except CardError as error:
        return str(error)


def main() -> None:
    for path in sorted(Path(sys.argv[1]).iterdir()):
        if (child := os.fork()) == 0:
            tell(path)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0, path


def tell(path: Path) -> None:
    start = time.monotonic()
    says = read(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"file": path.name, "says": says, "seconds": time.monotonic() - start, "mib": peak}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
