"""Our forward pass of the Llama family against transformers' modules on the real starter, bit by bit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache, LlamaConfig, LlamaForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from inference.family import network_of
from inference.llama import Llama
from inference.loader import load
from inference.network import Segment
from inference.transformer import Transformer
from tests.inference.tiny_models import KINDS, SIZES, made

WORDS = list(range(1000, 1050))


def grouped(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Any, **kwargs: Any) -> Any:
    """transformers' attention, but a single token's queries of one head of keys side by side, as ours are."""
    if query.shape[2] > 1:
        return sdpa_attention_forward(module, query, key, value, mask, **kwargs)
    some = query.view(1, key.shape[1], -1, key.shape[3])
    out = torch.nn.functional.scaled_dot_product_attention(some, key, value, scale=kwargs["scaling"])
    return out.reshape(1, 1, query.shape[1], -1), None


@pytest.fixture(scope="module", autouse=True)
def _registered() -> None:
    AttentionInterface.register("grouped", grouped)
    AttentionMaskInterface.register("grouped", sdpa_mask)


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def theirs(model: Any, prompt: list[int], then: list[int]) -> Tensor:
    """transformers' logits after the prompt and after each token that follows it: (1 + len(then), V)."""
    cache = DynamicCache(config=model.config)
    steps = [prompt, *([token] for token in then)]
    model.set_attn_implementation("grouped")
    found = [model(torch.tensor([step]), past_key_values=cache, logits_to_keep=1).logits[0, -1] for step in steps]
    model.set_attn_implementation("sdpa")
    return torch.stack(found)


def test_every_logit_of_the_starter_is_transformers_own_to_the_last_bit(model_cache: Path) -> None:
    model = load("starter", model_cache).model
    expected = theirs(model, WORDS, WORDS[:20])
    network = network_of(model)
    assert isinstance(network, Llama)
    past = network.past(70)
    found = [network.read([Segment(past, step)])[0] for step in (WORDS, *([token] for token in WORDS[:20]))]
    assert torch.equal(torch.stack(found), expected)


@pytest.mark.parametrize("kind", ["llama", "llama31", "mistral", "qwen2", "qwen3"])
def test_every_logit_in_bfloat16_is_transformers_own_to_the_last_bit(kind: str) -> None:
    """Shorter than every window, so that transformers asks torch the same question."""
    model, prompt, then = made(kind).bfloat16(), list(range(3, 15)), list(range(50, 58))
    expected = theirs(model, prompt, then)
    network = network_of(model)
    assert isinstance(network, Llama)
    past = network.past(30)
    found = [network.read([Segment(past, step)])[0] for step in (prompt, *([token] for token in then))]
    assert torch.equal(torch.stack(found), expected)


def test_a_row_of_the_starter_says_the_same_to_the_last_bit_whoever_is_beside_it(starter: Any) -> None:
    network = network_of(starter.model)
    rows = [list(range(100 + 40 * row, 105 + 43 * row)) for row in range(16)]
    pasts = [(network.past(80), network.past(80)) for _ in rows]
    for row, both in zip(rows, pasts, strict=True):
        for past in both:
            network.read([Segment(past, row)])
    for token in (7, 8, 9):
        alone = [network.read([Segment(past, [token])])[0] for past, _ in pasts]
        beside = network.read([Segment(past, [token]) for _, past in pasts])
        assert torch.equal(torch.stack(beside), torch.stack(alone))


def test_what_the_family_does_not_cover_is_read_by_transformers() -> None:
    assert {kind for kind in KINDS if isinstance(network_of(made(kind)), Llama)} == {
        "llama",
        "llama31",
        "mistral",
        "qwen2",
        "qwen3",
    }
    model = made("llama")
    model.config.hidden_act = "gelu"
    assert isinstance(network_of(model), Transformer)


def test_weights_are_held_once() -> None:
    """A network moves weights into joined tensors or into the processor's order and keeps nothing twice."""
    model = made("llama")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network_of(model)
    storages = [value.untyped_storage() for value in model.state_dict().values()]
    memory = {storage.data_ptr(): storage.nbytes() for storage in storages}
    assert sum(memory.values()) <= sum(value.nbytes for value in before.values())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("quantization", ["nf4", "int8", "none"])
def test_layers_of_every_kind_give_their_own_bits(quantization: Any, starter: Any, tmp_path: Path) -> None:
    """bitsandbytes' layers are called as they are, plain ones are put into the processor's order."""
    config = LlamaConfig(**SIZES | {"vocab_size": 49_152, "hidden_size": 64, "intermediate_size": 128})
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    starter.tokenizer.save_pretrained(tmp_path)
    model = load(str(tmp_path), tmp_path, quantization=quantization).model
    expected = model(torch.tensor([WORDS])).logits[0]
    network = network_of(model)
    [found] = network.read([Segment(network.past(len(WORDS)), WORDS, every=True)])
    assert isinstance(network, Llama)
    assert torch.equal(found, expected)
