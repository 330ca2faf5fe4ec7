"""A Llama without transformers: the same bits as with it, and models that are more than that are left to it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from inference.family import network_of
from inference.frame import Frame, frame_of
from inference.loader import Loaded, load
from inference.network import Network, Segment


@pytest.fixture(scope="module")
def bare(model_cache: Path) -> Loaded:
    return load("starter", model_cache, bare=True)


def logits(network: Network, tokens: list[int]) -> torch.Tensor:
    """Of a chunk read at once and the rest read token by token."""
    past = network.past(len(tokens))
    with torch.inference_mode():
        parts = [[*tokens[:40]], *([token] for token in tokens[40:])]
        return torch.cat([network.read([Segment(past, part, every=True)])[0] for part in parts])


def test_the_starter_gives_the_same_bits_with_and_without_transformers(bare: Loaded, starter: Loaded) -> None:
    assert isinstance(bare.model, Frame)
    assert not isinstance(starter.model, Frame)
    assert bare.context_tokens == starter.context_tokens
    tokens = torch.randint(3, 49_000, (52,), generator=torch.Generator().manual_seed(1)).tolist()
    assert torch.equal(logits(network_of(bare.model), tokens), logits(network_of(starter.model), tokens))


def test_its_tokenizer_is_the_same(bare: Loaded, starter: Loaded) -> None:
    assert bare.tokenizer.chat_template == starter.tokenizer.chat_template
    text = "Don't panic: 42 crème brûlées 🧁\n"
    assert bare.tokenizer.encode(text) == starter.tokenizer.encode(text)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "qwen3"},
        {"hidden_act": "gelu"},
        {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e5}},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 1e5, "partial_rotary_factor": 0.5}},
        {},  # and no weights in blocks
    ],
)
def test_what_is_more_than_a_plain_llama_is_left_to_transformers(starter: Loaded, change: dict[str, object]) -> None:
    config = json.loads(starter.model.config.to_json_string()) | change
    assert frame_of(config, [], "cpu") is None


def test_the_first_word_does_not_wait_for_transformers_models(model_cache: Path) -> None:
    """In a process of its own, for this one has imported them long ago."""
    code = (
        "import sys; from pathlib import Path; from inference.loader import load; from inference.family import"
        f" network_of; network_of(load('starter', Path({str(model_cache)!r}), bare=True).model);"
        "print([name for name in ('torch._dynamo', 'transformers.modeling_utils') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
