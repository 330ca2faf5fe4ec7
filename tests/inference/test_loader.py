"""Every way to name a model leads to its true logits, or to one sentence that says what to do."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from gguf import GGUFWriter, RopeScalingType
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from inference.formats.convert import converted
from inference.formats.packed import unfilled
from inference.job import ModelMissing
from inference.loader import Loaded, load
from kernels.linear4 import Linear4, Linear8
from kernels.plain import dequantize4, dequantize8
from tests.inference.tiny_gguf import F16, IQ4_NL, Q4_0, Q4_1, Q4_K, Q5_K, Q6_K, Q8_0, tiny_model, write_gguf

STORY = (
    "The baker wiped her hands on a towel and looked at the boy who stood in the doorway. You are late, she said, but "
    "she was smiling. Outside the rain had begun again, soft and steady, and the smell of warm bread filled the whole "
    "street. He told her that the bridge was closed, that the river had risen in the night, and that his mother would "
    "not be able to come to the market this week. She gave him a bun and a cup of milk and asked him to sit down by "
    "the oven until his coat was dry. After a while he began to talk about the school, about the new teacher who could "
    "play the violin, and about the dog that followed him home every afternoon. The baker listened, kneading the dough "
    "for the evening, and thought that it had been a long time since anybody had sat in that chair. When the rain "
    "stopped he thanked her, put the rest of the bun in his pocket and ran down the hill, and she stood at the window "
    "until she could not see him any more."
)


def logits_of(model: PreTrainedModel, ids: Tensor) -> Tensor:
    with torch.inference_mode():
        found: Tensor = model(ids).logits
    return found.float()


def stepwise_logits(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """The same logits, one token at a time over a growing cache: the way replies are decoded."""
    rows, past = [], None
    with torch.inference_mode():
        for position in range(ids.shape[1]):
            out = model(ids[:, position : position + 1], past_key_values=past, use_cache=True)
            past = out.past_key_values
            rows.append(out.logits[:, -1].float())
    return torch.stack(rows, dim=1)


@pytest.fixture(scope="module")
def starter(model_cache: Path) -> Loaded:
    return load("starter", model_cache)


@pytest.fixture(scope="module")
def unpacked_starter(starter: Loaded) -> PreTrainedModel:
    """The starter's weights dequantised into an ordinary float32 model."""
    model = unfilled(starter.model.config, torch.float32).eval()
    weights = {name: value.float() for name, value in starter.model.state_dict().items() if name.endswith("weight")}
    for place, layer in starter.model.named_modules():
        if isinstance(layer, Linear4):
            weights[f"{place}.weight"] = dequantize4(layer.blocks)
        if isinstance(layer, Linear8):
            weights["model.embed_tokens.weight"] = weights["lm_head.weight"] = dequantize8(layer.blocks)
    model.load_state_dict(weights, assign=True)
    return model


def test_the_starter_is_packed_knows_its_context_and_speaks_its_chat_template(starter: Loaded) -> None:
    layers = [type(module) for module in starter.model.modules()]
    assert (layers.count(Linear4), layers.count(Linear8)) == (30 * 7, 1)
    assert starter.context_tokens == 8192
    prompt = starter.tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert prompt.endswith("<|im_start|>user\nHi<|im_end|>\n")


def test_the_starter_predicts_what_its_dequantised_weights_predict(
    starter: Loaded, unpacked_starter: PreTrainedModel
) -> None:
    """The next token agrees for at least 94 in 100 (97 measured; a bfloat16 copy of the same weights: 96), and the
    text is as likely to both: perplexity within one percent, whether read at once or token by token."""
    ids = starter.tokenizer(STORY, return_tensors="pt")["input_ids"]
    truth = logits_of(unpacked_starter, ids)
    likely = torch.nn.functional.cross_entropy(truth[0, :-1], ids[0, 1:])
    for found in (logits_of(starter.model, ids), stepwise_logits(starter.model, ids)):
        agreement = (found.argmax(-1) == truth.argmax(-1)).float().mean()
        assert agreement > 0.94
        assert abs(torch.nn.functional.cross_entropy(found[0, :-1], ids[0, 1:]) - likely) < 0.01


def test_the_starter_answers_a_question(starter: Loaded) -> None:
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = starter.tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    out = starter.model.generate(**inputs, max_new_tokens=12, do_sample=False)
    assert "Paris" in starter.tokenizer.decode(out[0, inputs["input_ids"].shape[1] :])


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("head", [Q4_0, Q4_1, Q8_0, F16])
def test_a_gguf_file_gives_the_logits_of_the_weights_it_was_written_from(
    tmp_path: Path, architecture: str, tied: bool, head: object
) -> None:
    original, path = tiny_model(architecture, tied=tied), tmp_path / "tiny.gguf"
    write_gguf(path, original, lambda name: head if "embed" in name or "lm_head" in name else Q4_1)
    loaded = load(str(path), tmp_path / "cache")
    ids = torch.arange(0, 250, 5).unsqueeze(0)
    truth, found = logits_of(original, ids), stepwise_logits(loaded.model, ids)
    assert (found - truth).norm() / truth.norm() < 0.04  # bfloat16 all the way; a wrong row order gives above 0.5
    assert torch.allclose(logits_of(loaded.model, ids), found, atol=0.15 * truth.std().item())


@pytest.mark.parametrize(
    ("kind", "form"), [(Q4_K, Linear4), (Q5_K, Linear8), (Q6_K, Linear8), (IQ4_NL, Linear8)], ids=lambda kind: str(kind)
)
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_other_layouts_keep_their_weights_in_blocks_of_ours(
    tmp_path: Path, kind: object, form: type, architecture: str
) -> None:
    """Q4_K as it is, the others in 8 bits; as true to the file's weights as a bfloat16 model is."""
    original = tiny_model(architecture, hidden_size=256, intermediate_size=512, head_dim=64, tied=False)
    write_gguf(tmp_path / "tiny.gguf", original, lambda name: kind)
    loaded = load(str(tmp_path / "tiny.gguf"), tmp_path / "cache")
    assert {type(layer) for place, layer in loaded.model.named_modules() if place.endswith("_proj")} == {form}
    ids = torch.arange(0, 250, 5).unsqueeze(0)
    truth = logits_of(original, ids)
    assert (logits_of(loaded.model, ids) - truth).norm() / truth.norm() < 0.04
    assert (stepwise_logits(loaded.model, ids) - truth).norm() / truth.norm() < 0.04


@pytest.mark.parametrize(
    "rotary",
    [
        {"rope_type": "linear", "factor": 4.0},
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    ],
    ids=["linear", "llama3"],
)
def test_a_gguf_file_says_how_its_positions_are_stretched(tmp_path: Path, rotary: dict[str, object]) -> None:
    original = tiny_model(head_dim=32, rope_parameters={"rope_theta": 500000.0} | rotary)

    def also(writer: GGUFWriter) -> None:
        if rotary["rope_type"] == "linear":
            writer.add_rope_scaling_type(RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(4.0)
        else:  # as llama.cpp's converter writes it
            plainly = 1 / 500000.0 ** (torch.arange(0, 32, 2) / 32)
            writer.add_tensor("rope_freqs.weight", (plainly / original.model.rotary_emb.inv_freq).numpy())

    write_gguf(tmp_path / "tiny.gguf", original, lambda name: F16, also, rope_theta=500000.0)
    loaded = load(str(tmp_path / "tiny.gguf"), tmp_path / "cache")
    ids = torch.arange(0, 250, 5).unsqueeze(0)
    truth = logits_of(original, ids)
    assert (logits_of(loaded.model, ids) - truth).norm() / truth.norm() < 0.04
    assert torch.allclose(loaded.model.model.rotary_emb.inv_freq, original.model.rotary_emb.inv_freq, rtol=1e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model in transformers format, with a tokenizer."""
    root = tmp_path_factory.mktemp("folder")
    model = tiny_model()
    write_gguf(root / "tiny.gguf", model, lambda name: F16)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(converted(root / "tiny.gguf", root))
    model.save_pretrained(root / "model")
    tokenizer.save_pretrained(root / "model")
    return root / "model"


def test_a_folder_loads_in_bfloat16_with_its_own_tokenizer(folder: Path, tmp_path: Path) -> None:
    loaded = load(str(folder), tmp_path)
    assert loaded.model.dtype == torch.bfloat16
    assert loaded.tokenizer.tokenize("ab") == ["ab"]
    assert loaded.context_tokens == 128


@pytest.mark.parametrize(("quantization", "layer"), [("nf4", "Linear4bit"), ("int8", "Linear8bitLt")])
def test_a_folder_is_quantized_by_bitsandbytes_when_asked(
    folder: Path, tmp_path: Path, quantization: str, layer: str
) -> None:
    loaded = load(str(folder), tmp_path, quantization=quantization)
    assert sum(type(module).__name__ == layer for module in loaded.model.modules()) == 2 * 7
    ids = torch.arange(0, 250, 5).unsqueeze(0)
    truth = logits_of(load(str(folder), tmp_path).model, ids)
    assert (logits_of(loaded.model, ids) - truth).norm() / truth.norm() < 0.5


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no-such-model.gguf", r"There is no GGUF file no-such-model\.gguf"),
        ("someone/no-such-model", r"no model 'someone/no-such-model'.*hf download someone/no-such-model"),
        ("not a name: at all?", "no model 'not a name: at all\\?'"),
        ("", "No model is named"),
    ],
)
def test_a_model_that_is_not_here_is_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(ModelMissing, match=sentence) as error:
        load(name, tmp_path)
    assert "\n" not in str(error.value)


def test_damaged_weights_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "model"))
    os.truncate(copied / "model.safetensors", 1000)
    with pytest.raises(ModelMissing, match=r"cannot be read as a safetensors file: get it again"):
        load(str(copied), tmp_path)
    write_gguf(tmp_path / "tiny.gguf", tiny_model())
    kept = converted(tmp_path / "tiny.gguf", tmp_path / "cache")
    os.truncate(kept / "model.safetensors", 1000)
    with pytest.raises(ModelMissing, match="is damaged: delete that folder"):
        load(str(tmp_path / "tiny.gguf"), tmp_path / "cache")


def test_a_folder_that_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"has no config\.json"):
        load(str(tmp_path), tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelMissing, match="cannot be loaded") as error:
        load(str(tmp_path), tmp_path)
    assert "\n" not in str(error.value)
