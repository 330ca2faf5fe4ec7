"""Adapters give peft's own numbers, beside one base that nobody copies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from inference.adapters import Adapters
from inference.job import ModelMissing
from inference.loader import load
from inference.weights import adapter_bytes
from kernels.linear4 import Linear4, Linear8
from kernels.plain import dequantize4, dequantize8
from tests.inference.tiny_gguf import tiny_model, write_gguf

pytestmark = [  # peft's own, about transformers and about the head that it saves beside an adapter of the head
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning"),
    pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning"),
]

IDS = torch.arange(0, 200, 7).unsqueeze(0)
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def base_model(*, tied: bool = False) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=272,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=0.2,
        tie_word_embeddings=tied,
    )
    return LlamaForCausalLM(config).eval()


def write_adapter(folder: Path, seed: int = 1, model: Any = None, **settings: Any) -> Any:
    """An adapter that peft made and saved, with weights that are nowhere zero; returns peft's own model."""
    torch.manual_seed(seed)
    config = peft.LoraConfig(**{"r": 4, "lora_alpha": 6, "target_modules": PROJECTIONS} | settings)
    adapted = peft.get_peft_model(model or base_model(), config).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn_like(parameter) / 8
    adapted.save_pretrained(folder)
    return adapted


@contextmanager
def speaking_with(model: Any, adapters: Adapters, name: str) -> Iterator[None]:
    """The model with what an adapter adds to each of its layers."""
    hooks = []
    for place in adapters.places:

        def add(module: object, inputs: tuple[Tensor, ...], output: Tensor, place: str = place) -> Tensor:
            delta = adapters.delta(place, inputs[0], name)
            return output if delta is None else output + delta

        hooks.append(model.get_submodule(place).register_forward_hook(add))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def logits(model: Any) -> Tensor:
    with torch.inference_mode():
        found: Tensor = model(IDS).logits
    return found.float()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True},
        {"target_modules": r".*\.1\.self_attn\.(q|v)_proj"},
        {"target_modules": "all-linear", "r": 16},
        {"rank_pattern": {"q_proj": 2, r"layers\.1\.mlp\.up_proj": 7}, "alpha_pattern": {"v_proj": 11, "0.mlp.*": 3}},
        {"target_modules": ["q_proj", "lm_head"]},
        {"target_modules": ["o_proj"], "layers_to_transform": [1]},
    ],
    ids=["plain", "rslora", "regex", "all-linear", "patterns", "head", "one-layer"],
)
def test_an_adapter_gives_the_logits_of_peft_and_of_the_merged_model(tmp_path: Path, settings: dict[str, Any]) -> None:
    theirs = write_adapter(tmp_path / "adapter", **settings)
    model = base_model()
    adapters = Adapters(model)
    adapters.add("a", tmp_path / "adapter")
    truth = logits(theirs)
    assert not torch.allclose(logits(model), truth, atol=0.1)
    with speaking_with(model, adapters, "a"):
        ours = logits(model)
    assert torch.allclose(ours, truth, atol=1e-5, rtol=1e-5)
    assert torch.allclose(ours, logits(theirs.merge_and_unload()), atol=5e-5, rtol=1e-4)


def test_an_adapter_of_the_head_leaves_a_tied_embedding_as_it_is(tmp_path: Path) -> None:
    theirs = write_adapter(tmp_path / "adapter", model=base_model(tied=True), target_modules=r".*(lm_head|q_proj)")
    model = base_model(tied=True)
    adapters = Adapters(model)
    adapters.add("a", tmp_path / "adapter")
    with speaking_with(model, adapters, "a"):
        assert torch.allclose(logits(model), logits(theirs), atol=1e-5, rtol=1e-5)


def test_several_adapters_are_resident_beside_one_base(tmp_path: Path) -> None:
    """Each is what it is whoever else is there; together they take what their matrices take, and the base is one."""
    model = base_model()
    before = {name: (value.data_ptr(), value.clone()) for name, value in model.state_dict().items()}
    adapters = Adapters(model)
    truths = {}
    for seed, name in enumerate(["a", "b", "c"], start=1):
        truths[name] = logits(write_adapter(tmp_path / name, seed))
        adapters.add(name, tmp_path / name)
    for name, truth in truths.items():
        with speaking_with(model, adapters, name):
            assert torch.allclose(logits(model), truth, atol=1e-5, rtol=1e-5)
    files = [load_file(tmp_path / name / "adapter_model.safetensors") for name in truths]
    assert adapters.bytes == sum(value.nbytes for file in files for value in file.values())
    assert adapters.names == {"a", "b", "c"}
    for name, value in model.state_dict().items():
        assert value.data_ptr() == before[name][0]
        assert torch.equal(value, before[name][1])


def test_an_adapter_is_replaced_by_one_of_the_same_name(tmp_path: Path) -> None:
    model = base_model()
    adapters = Adapters(model)
    write_adapter(tmp_path / "old")
    adapters.add("a", tmp_path / "old")
    taken = adapters.bytes
    truth = logits(write_adapter(tmp_path / "new", seed=2))
    adapters.add("a", tmp_path / "new")
    assert adapters.bytes == taken
    with speaking_with(model, adapters, "a"):
        assert torch.allclose(logits(model), truth, atol=1e-5, rtol=1e-5)


def test_a_layer_that_is_not_adapted_has_no_delta(tmp_path: Path) -> None:
    write_adapter(tmp_path / "adapter", target_modules=["q_proj"])
    adapters = Adapters(base_model())
    adapters.add("a", tmp_path / "adapter")
    assert adapters.delta("model.layers.0.mlp.up_proj", torch.ones(1, 64), "a") is None
    delta = adapters.delta("model.layers.0.self_attn.q_proj", torch.ones(2, 3, 64, dtype=torch.bfloat16), "a")
    assert delta is not None
    assert (delta.shape, delta.dtype) == ((2, 3, 64), torch.bfloat16)


def test_an_adapter_speaks_over_packed_blocks(tmp_path: Path) -> None:
    """The base stays in its 4-bit blocks; the truth is peft over the same weights dequantised, in float32."""
    write_gguf(tmp_path / "tiny.gguf", tiny_model())
    packed = load(str(tmp_path / "tiny.gguf"), tmp_path / "cache").model
    dense = tiny_model()
    for place, layer in packed.named_modules():
        if isinstance(layer, Linear4 | Linear8):
            unpack = dequantize4 if isinstance(layer, Linear4) else dequantize8
            dense.get_submodule(place).weight.data = unpack(layer.blocks)
    dense.load_state_dict(
        {name: value.float() for name, value in packed.state_dict().items() if "norm" in name}, strict=False
    )
    truth = logits(write_adapter(tmp_path / "adapter", model=dense))
    adapters = Adapters(packed)
    adapters.add("a", tmp_path / "adapter")
    alone = logits(packed)
    with speaking_with(packed, adapters, "a"):
        ours = logits(packed)
    assert (ours - truth).norm() / truth.norm() < 0.04
    assert (alone - truth).norm() / truth.norm() > 0.2


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_an_adapter_fits_a_model_packed_by_bitsandbytes(tmp_path: Path, quantization: Any) -> None:
    write_gguf(tmp_path / "tiny.gguf", tiny_model())
    load(str(tmp_path / "tiny.gguf"), tmp_path / "cache").tokenizer.save_pretrained(tmp_path / "model")
    base_model().save_pretrained(tmp_path / "model")
    model = load(str(tmp_path / "model"), tmp_path, quantization=quantization).model
    theirs = write_adapter(tmp_path / "adapter")
    adapters = Adapters(model)
    adapters.add("a", tmp_path / "adapter")
    layer = theirs.base_model.model.model.layers[1].mlp.down_proj
    x = torch.randn(5, 128)
    truth = layer(x) - layer.base_layer(x)
    delta = adapters.delta("model.layers.1.mlp.down_proj", x.bfloat16(), "a")
    assert delta is not None
    assert (delta.float() - truth).norm() / truth.norm() < 0.02


def test_what_an_adapter_takes_is_foretold_by_its_header(tmp_path: Path) -> None:
    write_adapter(tmp_path / "adapter", target_modules=["q_proj", "lm_head"])
    adapters = Adapters(base_model().bfloat16())
    adapters.add("a", tmp_path / "adapter")
    assert adapter_bytes(tmp_path / "adapter") == adapters.bytes
    with pytest.raises(ModelMissing, match="cannot be read as a safetensors file"):
        adapter_bytes(tmp_path / "nowhere")


def change(folder: Path, **entries: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def rewrite(folder: Path, **tensors: Tensor) -> None:
    file = folder / "adapter_model.safetensors"
    save_file(load_file(file) | tensors, file)


PLACE = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda a: change(a, use_dora=True), r"uses DoRA \(use_dora\)"),
        (lambda a: change(a, modules_to_save=["lm_head"]), r"uses whole layers .* \(modules_to_save\)"),
        (lambda a: change(a, bias="all"), "changes biases of the base model"),
        (lambda a: change(a, init_lora_weights="pissa_niter_4"), "begun with pissa_niter_4"),
        (lambda a: change(a, peft_type="LOHA"), "is of the kind LOHA, and only LoRA is read"),
        (lambda a: (a / "adapter_config.json").write_text("{"), r"adapter_config\.json is damaged"),
        (lambda a: (a / "adapter_config.json").unlink(), r"has no adapter_config\.json"),
        (lambda a: (a / "adapter_model.safetensors").unlink(), r"has no adapter_model\.safetensors"),
        (lambda a: (a / "adapter_model.safetensors").write_bytes(b"\0"), r"adapter_model\.safetensors is damaged"),
        (lambda a: save_file({}, a / "adapter_model.safetensors"), "adapts no layer"),
        (lambda a: rewrite(a, **{f"{PLACE}.lora_B.weight": torch.ones(64, 5)}), "64 × 64, and in this model it is 64"),
        (lambda a: rewrite(a, **{f"{PLACE}.lora_A.weight": torch.ones(4, 32)}), "as a layer of 64 × 32, and in this"),
        (lambda a: rewrite(a, **{f"{PLACE}.lora_magnitude_vector": torch.ones(64)}), "holds .*magnitude_vector, which"),
        (lambda a: rewrite(a, **{"base_model.model.other.lora_A.weight": torch.ones(4, 4)}), "adapts other, which"),
    ],
)
def test_what_cannot_be_added_is_refused_in_one_sentence(tmp_path: Path, spoil: Any, sentence: str) -> None:
    write_adapter(tmp_path / "adapter")
    spoil(tmp_path / "adapter")
    adapters = Adapters(base_model())
    with pytest.raises(ModelMissing, match=f"The adapter 'a' cannot be used: .*{sentence}") as error:
        adapters.add("a", tmp_path / "adapter")
    assert "\n" not in str(error.value)
    assert adapters.names == frozenset()


def test_an_adapter_of_the_embedding_is_refused(tmp_path: Path) -> None:
    write_adapter(tmp_path / "adapter", target_modules=r".*(embed_tokens|q_proj)")
    with pytest.raises(ModelMissing, match="lora_embedding_A, which is not read"):
        Adapters(base_model()).add("a", tmp_path / "adapter")
