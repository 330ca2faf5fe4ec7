"""A GGUF file is converted once, wholly or not at all, into the very weights it holds."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter, RopeScalingType
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from inference.formats.convert import STALE_S, converted, fingerprint
from inference.job import ModelMissing
from tests.inference.tiny_gguf import F16, Q4_1, Q8_0, tiny_model, write_gguf


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path, tiny_model())
    return path


def test_a_second_conversion_finds_the_first(gguf: Path, tmp_path: Path) -> None:
    steps: list[int] = []
    first = converted(gguf, tmp_path, lambda what, done, total: steps.append(total - done))
    assert steps[-1] == 0
    steps.clear()
    assert converted(gguf, tmp_path, lambda what, done, total: steps.append(done)) == first
    assert steps == []


def test_blocks_are_stored_as_they_are_and_the_embedding_dense_as_well(gguf: Path, tmp_path: Path) -> None:
    weights = load_file(converted(gguf, tmp_path) / "model.safetensors")
    assert weights["model.layers.1.mlp.down_proj.codes"].shape == (64, 128 // 2)
    assert weights["model.layers.1.mlp.down_proj.codes"].dtype == torch.uint8
    assert weights["model.embed_tokens.weight"].dtype == torch.bfloat16
    assert "lm_head.codes" in weights
    assert "lm_head.weight" not in weights


def test_an_eight_bit_embedding_gives_an_eight_bit_head_and_a_plain_one_none(tmp_path: Path) -> None:
    for kind, dtype in ((Q8_0, torch.int8), (F16, None)):
        path = tmp_path / f"{kind.name}.gguf"
        write_gguf(path, tiny_model(), lambda name, kind=kind: kind if "embed" in name else Q4_1)
        head = load_file(converted(path, tmp_path / "cache") / "model.safetensors").get("lm_head.codes")
        assert (head.dtype if head is not None else None) == dtype


def test_the_tokenizer_keeps_special_tokens_whole_and_digits_apart(gguf: Path, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(converted(gguf, tmp_path))
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": "ab  12"}], tokenize=False)
    assert prompt == "<|im_start|>user ab  12<|im_end|>"
    pieces = tokenizer.tokenize(prompt)
    assert (pieces[0], pieces[-1]) == ("<|im_start|>", "<|im_end|>")
    assert pieces[-6:-1] == ["ab", "Ġ", "Ġ", "1", "2"]
    assert tokenizer.decode(tokenizer(prompt)["input_ids"]) == prompt
    assert tokenizer.eos_token_id == 257


def test_an_interrupted_conversion_leaves_nothing(gguf: Path, tmp_path: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        converted(gguf, tmp_path, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_conversion_is_never_taken_for_a_whole_one_and_is_swept_later(gguf: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from inference.formats.convert import converted;"
        "converted(Path(sys.argv[1]), Path(sys.argv[2]), lambda w, d, t: os.kill(os.getpid(), signal.SIGKILL))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(gguf), str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (half,) = tmp_path.iterdir()
    assert half.name.startswith(".converting-")
    long_ago = half.stat().st_mtime - 2 * STALE_S
    os.utime(half, (long_ago, long_ago))
    whole = converted(gguf, tmp_path)
    assert (whole / "model.safetensors").is_file()
    assert list(tmp_path.iterdir()) == [whole]


def test_two_at_once_both_get_the_whole_folder(gguf: Path, tmp_path: Path) -> None:
    both_convert = threading.Barrier(2, timeout=60)
    found: list[Path] = []

    def meet(what: str, done: int, total: int) -> None:
        if done == total:
            both_convert.wait()

    threads = [threading.Thread(target=lambda: found.append(converted(gguf, tmp_path, meet))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert list(tmp_path.iterdir()) == [found[0]]


def test_another_file_of_the_same_name_has_another_fingerprint(gguf: Path, tmp_path: Path) -> None:
    changed = tmp_path / gguf.name
    data = bytearray(gguf.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(bytes(data))
    assert fingerprint(changed) != fingerprint(gguf)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "cannot be read as a GGUF file"), (b"PK\x03\x04 not a gguf at all", "cannot be read as a GGUF file")],
)
def test_what_is_no_gguf_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelMissing, match=sentence) as error:
        converted(path, tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_a_file_cut_short_is_refused_in_one_sentence(gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    path.write_bytes(gguf.read_bytes()[:-5000])
    with pytest.raises(ModelMissing, match=r"short\.gguf .* get it again"):
        converted(path, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("also", "sentence"),
    [
        (lambda writer: writer.add_tensor("blk.0.own.weight", np.ones(8, np.float32)), r"holds blk\.0\.own\.weight"),
        (
            lambda writer: writer.add_tensor("rope_freqs.weight", np.arange(1, 9, dtype=np.float32)),
            "factors of its own",
        ),
        (lambda writer: writer.add_rope_scaling_type(RopeScalingType.YARN), "scales its rotary positions by yarn"),
    ],
)
def test_what_would_be_read_wrongly_is_refused_instead(
    tmp_path: Path, also: Callable[[GGUFWriter], None], sentence: str
) -> None:
    path = tmp_path / "tiny.gguf"
    write_gguf(path, tiny_model(), also=also)
    with pytest.raises(ModelMissing, match=sentence):
        converted(path, tmp_path / "cache")


def test_an_architecture_nobody_wrote_down_is_refused_by_name(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "bloom.gguf", "bloom")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelMissing, match=r"is a bloom model; GGUF files are read of llama, qwen2, qwen3"):
        converted(tmp_path / "bloom.gguf", tmp_path)
