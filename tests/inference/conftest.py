"""The models of these tests: a tiny one with random weights for exactness, and the real starter model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from inference.job import Steps
from inference.loader import Loaded, load

Run: TypeAlias = Callable[[Steps[Any, Any]], tuple[list[Any], Any]]


@pytest.fixture(scope="session")
def run() -> Run:
    """What steps yield and return, run here and now as the device would."""

    def to_the_end(steps: Steps[Any, Any]) -> tuple[list[Any], Any]:
        values = []
        with torch.inference_mode():
            while True:
                try:
                    values.append(next(steps))
                except StopIteration as end:
                    return [value for value in values if value is not None], end.value

    return to_the_end


@pytest.fixture(scope="session")
def tiny() -> Any:
    """A Llama of two layers with random weights, large enough that they have an opinion."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=211,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def starter(model_cache: Path) -> Loaded:
    """The starter model as the engine runs it on a CPU."""
    return load("starter", model_cache, torch.device("cpu"))
