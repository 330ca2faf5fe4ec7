"""Rows with different adapters in one batch say what peft's own models say, in the fast network and in the generic."""

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from torch import Tensor

from inference.adapters import Adapters
from inference.family import network_of
from inference.network import Segment
from tests.inference.tiny_models import made

pytestmark = [  # peft's own, about transformers and about the head that it saves beside an adapter of the head
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning"),
]
TARGETS = {
    "llama": ["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"],
    "qwen3": ["k_proj", "up_proj", "lm_head"],
    "neox": ["query_key_value", "dense_4h_to_h", "embed_out"],
    "gemma3": ["q_proj", "up_proj"],
}
FIRST, SECOND = list(range(5, 40)), list(range(60, 71))


def written(folder: Path, kind: str, seed: int) -> Any:
    """peft's own model with an adapter that it saved."""
    torch.manual_seed(seed)
    config = peft.LoraConfig(r=4, lora_alpha=6, target_modules=TARGETS[kind])
    adapted = peft.get_peft_model(made(kind), config).eval()
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randn_like(parameter) / 8
    adapted.save_pretrained(folder)
    return adapted


def plain(model: Any, tokens: list[int]) -> Tensor:
    logits: Tensor = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]
    return logits


@pytest.mark.parametrize("kind", list(TARGETS))
def test_rows_with_different_adapters_read_as_pefts_own_models(kind: str, tmp_path: Path) -> None:
    theirs = {name: written(tmp_path / name, kind, seed) for seed, name in enumerate(("a", "b"), start=1)}
    network = network_of(made(kind))
    network.adapters = Adapters(made(kind))
    for name in theirs:
        network.adapters.add(name, tmp_path / name)
    with torch.inference_mode():
        alone = made(kind)
        pasts = [network.past(60) for _ in range(4)]
        names, texts = ["a", None, "b", "a"], [FIRST, FIRST, FIRST, SECOND]
        found = network.read(
            [
                Segment(past, tokens[:-1], adapter, every=row == 2)
                for row, (past, tokens, adapter) in enumerate(zip(pasts, texts, names, strict=True))
            ]
        )
        then = network.read(
            [Segment(past, tokens[-1:], adapter) for past, tokens, adapter in zip(pasts, texts, names, strict=True)]
        )
        for row, (name, tokens) in enumerate(zip(names, texts, strict=True)):
            expected = plain(theirs[name] if name else alone, tokens)
            first = expected[:-1] if row == 2 else expected[-2]
            torch.testing.assert_close(found[row], first, atol=2e-4, rtol=2e-4)
            torch.testing.assert_close(then[row], expected[-1], atol=2e-4, rtol=2e-4)
        assert not torch.allclose(then[0], then[1], atol=0.1)
        [after] = network.read([Segment(network.past(60), FIRST)])  # nothing of the adapters is left behind
        torch.testing.assert_close(after, plain(alone, FIRST)[-1], atol=1e-4, rtol=1e-4)


def test_an_adapter_nobody_brought_is_refused() -> None:
    network = network_of(made("llama"))
    with torch.inference_mode(), pytest.raises(AssertionError, match="names an adapter, and this network has none"):
        network.read([Segment(network.past(5), [3, 4], "a")])
