"""The decode benchmark times two ways to the same tokens."""

import pytest
import torch

from bench.decode import bytes_a_token, dequantised, generator, replier
from inference.loader import Loaded, load
from tests.inference.tiny_gguf import HIDDEN, INNER, LAYERS, Q8_0, VOCABULARY, tiny_model, write_gguf


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    root = tmp_path_factory.mktemp("tiny")
    write_gguf(root / "tiny.gguf", tiny_model(), lambda name: Q8_0)
    return load(str(root / "tiny.gguf"), root / "cache")


def test_both_sides_write_as_many_tokens_as_asked_and_begin_alike(loaded: Loaded) -> None:
    prompt = list(range(20, 40))
    baseline, ours = generator(dequantised(loaded), prompt)(5), replier(loaded, prompt)(5)
    assert len(ours) == len(baseline) == 5
    assert ours[0] == baseline[0]


def test_the_baseline_has_the_same_weights(loaded: Loaded) -> None:
    ids = torch.arange(10, 60).unsqueeze(0)
    with torch.inference_mode():
        ours, baseline = (model(ids).logits.float() for model in (loaded.model, dequantised(loaded)))
    assert (ours - baseline).norm() / baseline.norm() < 0.03


def test_a_token_moves_every_packed_weight_once(loaded: Loaded) -> None:
    attention = HIDDEN * HIDDEN * 2 + HIDDEN * HIDDEN // 2 * 2
    weights = LAYERS * (attention + 3 * HIDDEN * INNER) + VOCABULARY * HIDDEN
    assert bytes_a_token(loaded.model) == weights * 10 // 8  # two 4-bit products with a pair of bfloat16 in 32 each
