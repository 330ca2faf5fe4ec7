"""A folder is loaded whole and as it is, or refused in one sentence that says what to do."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM, GenerationConfig, LlamaForSequenceClassification, T5Config
from transformers.utils import logging

from inference.formats.checkpoint import read_tensor, stored_in
from inference.formats.convert import converted
from inference.formats.folder import config_of, load_model
from inference.job import ModelMissing
from inference.loader import load
from tests.inference.tiny_gguf import F16, tiny_model, write_gguf

IDS = torch.arange(0, 250, 5).unsqueeze(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model in transformers format, with a tokenizer, in several files."""
    write_gguf(tmp_path / "tiny.gguf", tiny_model(tied=False), lambda name: F16)
    made = converted(tmp_path / "tiny.gguf", tmp_path / "converted")
    tiny_model(tied=False).save_pretrained(tmp_path / "model", max_shard_size="100KB")
    for file in made.glob("tokenizer*"):
        shutil.copy(file, tmp_path / "model")
    return tmp_path / "model"


def change_config(folder: Path, **entries: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def test_every_tensor_is_read_as_safetensors_reads_it(tmp_path: Path) -> None:
    kinds = [torch.bfloat16, torch.float16, torch.float32, torch.int8, torch.uint8, torch.int64, torch.bool]
    values = {str(kind): (torch.randn(3, 5) * 9).to(kind) for kind in kinds}
    values |= {"scalar": torch.tensor(1.5), "empty": torch.zeros(0, 4), "row": torch.arange(7)}
    save_file(values, tmp_path / "model.safetensors", metadata={"format": "pt"})
    read = {stored.name: read_tensor(stored) for stored in stored_in(tmp_path)}
    assert read.keys() == values.keys()
    for name, value in values.items():
        assert read[name].dtype == value.dtype
        assert torch.equal(read[name], value)


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("tied", [True, False])
def test_a_folder_gives_its_own_weights_in_bfloat16_whatever_its_files_hold(
    folder: Path, kind: torch.dtype, tied: bool
) -> None:
    original = tiny_model(tied=tied).to(kind)
    original.save_pretrained(folder)
    model = load_model(folder, "cpu")
    truth, found = original.state_dict(), model.state_dict()
    assert found.keys() == truth.keys()
    assert all(torch.equal(found[name], value.bfloat16()) for name, value in truth.items())
    assert (model.lm_head.weight is model.model.embed_tokens.weight) == tied


def test_which_tokens_end_a_text_is_read_from_the_folder(folder: Path) -> None:
    GenerationConfig(eos_token_id=[7, 257], pad_token_id=3).save_pretrained(folder)
    assert load_model(folder, "cpu").generation_config.eos_token_id == [7, 257]


def test_a_checkpoint_saved_packed_loads_as_it_is_whatever_the_settings_say(folder: Path, tmp_path: Path) -> None:
    packed = load_model(folder, "cpu", "nf4")
    packed.save_pretrained(tmp_path / "packed")
    with torch.inference_mode():
        truth = packed(IDS).logits
        for quantization in ("none", "nf4", "int8"):
            again = load_model(tmp_path / "packed", "cpu", quantization)
            assert type(again.model.layers[0].mlp.up_proj).__name__ == "Linear4bit"
            assert torch.allclose(again(IDS).logits, truth, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_loading_shows_one_bar_of_bytes_and_transformers_none(
    folder: Path, capfd: pytest.CaptureFixture[str], quantization: Any
) -> None:
    steps: list[tuple[str, int, int]] = []
    load(str(folder), folder.parent, progress=lambda *step: steps.append(step), quantization=quantization)
    total = sum(stored.bytes for stored in stored_in(folder))
    assert steps[-1] == ("loading model", total, total)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)
    assert "Loading weights" not in capfd.readouterr().err
    assert logging.is_progress_bar_enabled()
    assert logging.get_verbosity() == logging.WARNING


def test_a_weight_that_is_not_there_is_not_made_up(folder: Path) -> None:
    for file in folder.glob("*.safetensors"):
        kept = {name: value for name, value in load_file(file).items() if "layers.1.mlp" not in name}
        save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(ModelMissing, match=r"lacks 3 of its weights, such as model\.layers\.1\.mlp\.down_proj"):
        load_model(folder, "cpu")


def test_weights_of_another_shape_are_one_sentence(folder: Path) -> None:
    change_config(folder, intermediate_size=96)
    with pytest.raises(ModelMissing, match="cannot be loaded") as error:
        load_model(folder, "cpu")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "packed by gptq, which is not read here"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, r'packed by awq.*set quantization = "nf4"'),
        ({"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}, "brings program code of its own"),
        ({"model_type": "no-such-type"}, "cannot be loaded .*no-such-type"),
        ({"model_type": ""}, "cannot be loaded"),
    ],
)
def test_a_config_that_cannot_be_served_is_one_sentence(folder: Path, entries: Any, sentence: str) -> None:
    change_config(folder, **entries)
    with pytest.raises(ModelMissing, match=sentence) as error:
        load_model(folder, "cpu")
    assert "\n" not in str(error.value)


def test_code_that_comes_with_a_model_is_never_run(folder: Path) -> None:
    """transformers knows llama by itself; the code beside it, which a config may name, stays where it is."""
    (folder / "own.py").write_text("raise SystemExit('this was run')")
    change_config(folder, auto_map={"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"})
    assert type(load_model(folder, "cpu")).__module__.startswith("transformers.")


def test_what_does_not_write_text_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertForMaskedLM(BertConfig(vocab_size=50, **small)).save_pretrained(tmp_path / "bert")
    with pytest.raises(ModelMissing, match="is a BertForMaskedLM, which does not write text"):
        config_of(tmp_path / "bert")
    T5Config(vocab_size=50).save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelMissing, match="is a t5, which does not write text"):
        config_of(tmp_path / "t5")
    LlamaForSequenceClassification(tiny_model().config).save_pretrained(tmp_path / "judge")
    with pytest.raises(ModelMissing, match="is a LlamaForSequenceClassification, which"):
        config_of(tmp_path / "judge")
