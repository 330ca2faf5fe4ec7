"""Loads the models named on the command line one after the other and prints what each took at most, in JSON lines.

A program of its own (tests/inference/test_peak.py runs it): the peak is the whole process's resident memory, mapped
files included, above what it was before the load. `name=quantization` names a model.
"""

import ctypes
import gc
import json
import re
import sys
from pathlib import Path

from inference.loader import load


def status(key: str) -> int:
    """Bytes that the kernel counts for this process, such as VmRSS, VmHWM."""
    found = re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found, key
    return int(found[1]) * 1024


def peak(model: str, quantization: str, cache: Path) -> int:
    """Bytes above those before, at most, while `model` is loaded."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    before = status("VmRSS")
    loaded = load(model, cache, "cpu", lambda what, done, total: None, quantization=quantization)  # type: ignore[arg-type]
    most = status("VmHWM")
    del loaded
    return most - before


def main() -> None:
    cache, *models = sys.argv[1:]
    for model in models:
        print(json.dumps({"model": model, "peak": peak(*model.rsplit("=", 1), Path(cache))}))


if __name__ == "__main__":
    main()
