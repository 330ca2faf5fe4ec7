"""Loading a model takes the finished model's memory and little more: 1.2 times its size and one layer at most.

Counted is the resident memory of the whole process, mapped files included, on checkpoints of a few hundred megabytes.
"One layer" is one as it lies in the file, since that is what must be in memory to be packed. The models are of
real ones' proportions: bitsandbytes takes 16 bytes for every weight of the one matrix that it packs on a CPU.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from inference.formats.convert import converted
from inference.weights import measure
from tests.inference.tiny_gguf import Q4_K, Q6_K, tiny_model, write_gguf

pytestmark = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="this system does not tell a process's peak memory"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of random models; they are deleted afterwards, since pytest would keep them for days."""
    root = tmp_path_factory.mktemp("peak")
    write_gguf(root / "tiny.gguf", tiny_model(hidden_size=256, intermediate_size=256, head_dim=64), lambda name: Q6_K)
    tokenizer = converted(root / "tiny.gguf", root / "tokenizer")
    for name, layers, width, dtype in (
        ("tiny", 1, 64, "bfloat16"),
        ("float32", 6, 768, "float32"),
        ("bfloat16", 16, 768, "bfloat16"),
    ):
        config = LlamaConfig(
            vocab_size=16384 if layers > 1 else 272,
            hidden_size=width,
            intermediate_size=width * 8 // 3,
            num_hidden_layers=layers,
            num_attention_heads=12 if layers > 1 else 4,
            num_key_value_heads=4,
        )
        AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).save_pretrained(
            root / name, max_shard_size="60MB"
        )
        for file in tokenizer.glob("tokenizer*"):
            shutil.copy(file, root / name)
    wide = {"vocab_size": 8192, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12, "head_dim": 64}
    for name, kind in (("q4_k", Q4_K), ("q6_k", Q6_K)):
        write_gguf(root / f"{name}.gguf", tiny_model(**wide), lambda name, kind=kind: kind)
    yield root
    shutil.rmtree(root)


FOLDERS: list[tuple[str, Any]] = [("bfloat16", "none"), ("float32", "none"), ("bfloat16", "nf4"), ("bfloat16", "int8")]
# Files twice: converted the first time, found the second.
FILES: list[tuple[str, Any]] = [(name, "none") for name in ("q4_k.gguf", "q6_k.gguf", "starter") for _ in range(2)]


def test_loading_stays_within_the_finished_size_and_a_fifth_and_one_layer(models: Path) -> None:
    every = [(name if name == "starter" else str(models / name), how) for name, how in [*FOLDERS, *FILES]]
    warm_up = [f"{models / 'tiny'}=nf4", f"{models / 'tiny.gguf'}=none"]  # imports take memory, too
    code = [sys.executable, "-m", "tests.inference.peak", str(models / "cache"), *warm_up]
    named = [f"{name}={how}" for name, how in every]
    done = subprocess.run([*code, *named], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peaks = [json.loads(line)["peak"] for line in done.stdout.splitlines()][len(warm_up) :]
    for (name, how), peak in zip(every, peaks, strict=True):
        sizes, stored = measure(name, how), measure(name)
        most = 1.2 * sizes.weight_bytes + stored.layer_bytes
        print(f"{name} {how}: {sizes.weight_bytes >> 20} MiB, {peak >> 20} at most, {int(most) >> 20} allowed")
        assert peak <= most, f"{name} {how} took {peak} bytes, {most:.0f} are allowed"
        mapped = (Path(name).name, how) == ("bfloat16", "none")  # takes memory when it is used
        assert peak > 0.9 * sizes.weight_bytes or mapped
