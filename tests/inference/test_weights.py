"""What headers foretell is what is held once the model is there."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from inference.family import network_of
from inference.formats.checkpoint import read_header
from inference.formats.convert import converted
from inference.job import ModelMissing
from inference.loader import load
from inference.weights import measure
from kernels.linear4 import Packed4
from tests.inference.tiny_gguf import F16, Q4_0, Q4_1, Q8_0, tiny_model, write_gguf

SMALL = {
    "vocab_size": 272,
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 3,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    root = tmp_path_factory.mktemp("tokenizer")
    write_gguf(root / "tiny.gguf", tiny_model(), lambda name: F16)
    return PreTrainedTokenizerFast.from_pretrained(converted(root / "tiny.gguf", root))


def save(folder: Path, tokenizer: PreTrainedTokenizerFast, config: Any, dtype: torch.dtype, shard: str) -> Path:
    AutoModelForCausalLM.from_config(config, dtype=dtype).save_pretrained(folder, max_shard_size=shard)
    tokenizer.save_pretrained(folder)
    return folder


def held_bytes(model: PreTrainedModel) -> int:
    """The bytes of every tensor that a model keeps, however it keeps it, each storage once."""
    seen: dict[int, int] = {}

    def see(value: object) -> None:
        if isinstance(value, torch.Tensor):
            seen[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        elif isinstance(value, Packed4 | tuple) or type(value).__name__ in ("QuantState", "MatmulLtState"):
            for part in value if isinstance(value, tuple) else vars(value).values():
                see(part)

    for module in model.modules():
        for value in [*module._parameters.values(), *module._buffers.values(), *vars(module).values()]:
            see(value)
            see(getattr(value, "quant_state", None))
            see(getattr(value, "SCB", None))
    return sum(seen.values())


@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
@pytest.mark.parametrize(
    ("config", "dtype", "shard"),
    [
        (LlamaConfig(**SMALL), torch.bfloat16, "1MB"),
        (Qwen2Config(**SMALL, tie_word_embeddings=True), torch.float16, "1GB"),
        (MistralConfig(**SMALL, head_dim=32, sliding_window=None), torch.float32, "2MB"),
    ],
    ids=["llama-bf16-sharded", "qwen2-fp16-tied", "mistral-fp32-sharded"],
)
def test_a_folder_weighs_what_was_foretold(
    tmp_path: Path,
    tokenizer: PreTrainedTokenizerFast,
    config: Any,
    dtype: torch.dtype,
    shard: str,
    quantization: Any,
) -> None:
    folder = save(tmp_path / "model", tokenizer, config, dtype, shard)
    sizes = measure(folder, quantization)
    loaded = load(str(folder), tmp_path, quantization=quantization)
    assert sizes.weight_bytes == pytest.approx(held_bytes(loaded.model), rel=0.01)
    assert sizes.context_tokens == loaded.context_tokens == 512
    assert sizes.token_bytes == 2 * 3 * 2 * 32 * 2
    if quantization == "none":
        assert sizes.parameters == loaded.model.num_parameters()
        layer = sum(parameter.nbytes for parameter in loaded.model.model.layers[0].parameters())
        assert sizes.layer_bytes == layer
        assert sizes.token_bytes == network_of(loaded.model).form.token_bytes


@pytest.mark.parametrize(
    "config",
    [
        MixtralConfig(**SMALL, num_local_experts=4, tie_word_embeddings=True),
        GPT2Config(vocab_size=272, n_embd=256, n_layer=3, n_head=8, n_positions=512),
    ],
    ids=["a mixture of experts", "gpt2"],
)
@pytest.mark.parametrize("quantization", ["none", "nf4", "int8"])
def test_other_shapes_of_model_weigh_what_was_foretold(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, config: Any, quantization: Any
) -> None:
    folder = save(tmp_path / "model", tokenizer, config, torch.bfloat16, "1GB")
    loaded = load(str(folder), tmp_path, quantization=quantization)
    assert measure(folder, quantization).weight_bytes == pytest.approx(held_bytes(loaded.model), rel=0.03)


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_a_checkpoint_saved_quantized_is_measured_as_it_is(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, quantization: Any
) -> None:
    folder = save(tmp_path / "model", tokenizer, LlamaConfig(**SMALL), torch.bfloat16, "1GB")
    once = load(str(folder), tmp_path, quantization=quantization)
    once.model.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    again = load(str(tmp_path / "saved"), tmp_path)
    sizes = measure(tmp_path / "saved")
    assert sizes.weight_bytes == pytest.approx(held_bytes(again.model), rel=0.02)
    assert sizes.parameters == measure(folder).parameters


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", [Q4_0, Q4_1, Q8_0, F16])
def test_a_gguf_file_weighs_what_was_foretold(tmp_path: Path, kind: Any, tied: bool) -> None:
    path, original = tmp_path / "tiny.gguf", tiny_model(tied=tied)
    write_gguf(path, original, lambda name: kind)
    sizes, loaded = measure(path), load(str(path), tmp_path / "cache")
    assert sizes.weight_bytes == pytest.approx(held_bytes(loaded.model), rel=0.02)
    assert sizes.parameters == original.num_parameters()
    assert sizes.context_tokens == 128


def test_the_starter_weighs_what_was_foretold(model_cache: Path) -> None:
    sizes, loaded = measure("starter"), load("starter", model_cache)
    assert sizes.weight_bytes == pytest.approx(held_bytes(loaded.model), rel=0.01)
    assert 134e6 < sizes.parameters < 135e6
    assert sizes.token_bytes == 2 * 30 * 3 * 64 * 2 == network_of(loaded.model).form.token_bytes


def test_files_that_are_not_there_or_damaged_are_one_sentence(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    folder = save(tmp_path / "model", tokenizer, LlamaConfig(**SMALL), torch.bfloat16, "1MB")
    shards = sorted(folder.glob("*.safetensors"))
    os.truncate(shards[1], shards[1].stat().st_size - 1)
    with pytest.raises(ModelMissing, match=rf"{shards[1].name} is cut short"):
        measure(folder)
    shards[1].unlink()
    with pytest.raises(ModelMissing, match=rf"lacks {shards[1].name} \(1 of its {len(shards)} files are not there\)"):
        measure(folder)
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ModelMissing, match=r"index\.json is damaged"):
        measure(folder)
    (folder / "model.safetensors.index.json").unlink()
    with pytest.raises(ModelMissing, match="has no weights"):
        measure(folder)
    (folder / "pytorch_model.bin").touch()
    with pytest.raises(ModelMissing, match=r"are pickled \(pytorch_model.bin\), which could run any program"):
        measure(folder)


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, b"\x02\0\0\0\0\0\0\0[]", b"\x0b\0\0\0\0\0\0\0" + json.dumps({"a": [1]}).encode()]
)
def test_what_is_no_safetensors_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelMissing, match="cannot be read as a safetensors file"):
        read_header(tmp_path / "model.safetensors")
