"""What every benchmark says at its end: one JSON object, and a row of bench/results.csv when it is asked to record.

    {"name": …, "ratio": baseline time over our time, "figures": {…}, "hardware": …, "commit": …}

Results are only ever appended: a slower day stays on record.
"""

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import torch

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results.csv"
COLUMNS = ("date", "commit", "hardware", "name", "ratio", "figures")

Figures = Mapping[str, float | int | str]


def parser(description: str) -> argparse.ArgumentParser:
    """The options every benchmark has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    options.add_argument("--record", action="store_true", help=f"append the result to bench/{RESULTS.name}")
    options.add_argument("--rounds", type=int, default=5, help="how often baseline and ours take turns (default 5)")
    return options


def interleaved(
    baseline: Callable[[], object], ours: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of `baseline` and of `ours`, taking turns, so that a noisy neighbour meets both. One warm-up each."""
    baseline(), ours()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, into in zip((baseline, ours), times, strict=True):
            start = perf_counter()
            run()
            into.append(perf_counter() - start)
    return times


def spread(seconds: list[float], unit: float = 1.0) -> dict[str, float]:
    """Median and best of some times, as so many units a second."""
    return {"median": round(unit / statistics.median(seconds), 2), "best": round(unit / min(seconds), 2)}


def copy_bandwidth() -> float:
    """Bytes a second this machine reads and writes in one large copy: the limit of what reads every weight once."""
    source = torch.ones(256 << 20, dtype=torch.uint8)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(5):
        start = perf_counter()
        target.copy_(source)
        seconds.append(perf_counter() - start)
    return 2 * source.nbytes / min(seconds)


def finish(name: str, ratio: float, figures: Figures, options: argparse.Namespace) -> None:
    """Print the result, for people too unless --json; append it to the results when --record was given."""
    result = {"name": name, "ratio": round(ratio, 3), "figures": figures, "hardware": hardware(), "commit": commit()}
    if options.record:
        _record(result)
    if not options.json:
        for figure, value in figures.items():
            print(f"{figure:>28}  {value}")
    print(json.dumps(result))


def hardware() -> str:
    """The processor, its cores and vector code, or the GPU; and the version of torch."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{_processor()}, {os.cpu_count()} cores"
    code, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    return f"{name}, {code}, {threads} threads, torch {torch.__version__}"


def commit() -> str:
    """The commit this was measured at, with a plus sign if files had changed since; "unknown" outside a checkout."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _record(result: Mapping[str, object]) -> None:
    row = {"date": datetime.now(UTC).isoformat(timespec="seconds"), **result, "figures": json.dumps(result["figures"])}
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)
