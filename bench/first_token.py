"""From the start of a process to the first token of a reply, offline: the engine against transformers alone.

Both sides are whole processes on the same starter weights and prompt (the baseline has the weights dequantised, as an
ordinary bfloat16 folder made once), and take turns. A side reports where its seconds went: until Python runs, imports,
loading, and reading the prompt up to the first token's text.

    python -m bench.first_token [--json] [--record] [--rounds 5]
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from bench.report import ROOT, finish, parser

STAGES = ("python", "import", "load", "first_token")
BASELINE = "bench-dequantised"  # folder in the cache


def main() -> None:
    options = parser("Seconds from the start of a process to the first token, offline.")
    options.add_argument("--cache", type=Path, default=ROOT / "state" / "cache", help="folder of converted models")
    arguments = options.parse_args()
    prepare(arguments.cache)
    sides: dict[str, list[dict[str, float]]] = {"baseline": [], "ours": []}
    for round_number in range(arguments.rounds + 1):
        for side, rounds in sides.items():
            seconds = run(side, arguments.cache)
            if round_number:  # the first one fills the disk's cache
                rounds.append(seconds)
    figures = {
        f"{side}_{stage}_s": round(statistics.median(each[stage] for each in rounds), 3)
        for side, rounds in sides.items()
        for stage in (*STAGES, "total")
    }
    finish("first_token", figures["baseline_total_s"] / figures["ours_total_s"], figures, arguments)


def prepare(cache: Path) -> None:
    """The starter, converted; and its weights as an ordinary folder."""
    from bench.decode import dequantised
    from inference.loader import load

    loaded = load("starter", cache)
    if not (cache / BASELINE / "config.json").is_file():
        dequantised(loaded).save_pretrained(cache / BASELINE)
        loaded.tokenizer.save_pretrained(cache / BASELINE)


def run(side: str, cache: Path) -> dict[str, float]:
    """One process; seconds of each stage. The clock counts from the boot, for all processes alike."""
    command = [sys.executable, "-m", "bench.first_token_child", side, str(cache)]
    start = perf_counter()
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    marks = json.loads(done.stdout.splitlines()[-1])
    ends = [marks[stage] for stage in STAGES]
    begins = [start, *ends[:-1]]
    stages = {stage: end - begin for stage, begin, end in zip(STAGES, begins, ends, strict=True)}
    return stages | {"total": ends[-1] - start}


if __name__ == "__main__":
    main()
