"""Wide attention is torch's own attention, in float32; a model that uses it says the same."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from inference.attention import wide_attention, widen


def drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize(("heads", "key_heads"), [(4, 4), (6, 2)])
@pytest.mark.parametrize(("queries", "keys", "masked"), [(1, 37, False), (9, 9, False), (5, 37, True)])
def test_it_is_attention(
    dtype: torch.dtype, tolerance: float, heads: int, key_heads: int, queries: int, keys: int, masked: bool
) -> None:
    query, key = drawn(1, heads, queries, 16, seed=0).to(dtype), drawn(1, key_heads, keys, 16, seed=1).to(dtype)
    value = drawn(1, key_heads, keys, 16, seed=2).to(dtype)
    allowed = torch.ones(1, 1, queries, keys, dtype=torch.bool).tril(keys - queries)
    found, _ = wide_attention(nn.Identity(), query, key, value, allowed if masked else None, scaling=0.3)
    expected = scaled_dot_product_attention(
        query.double(), key.double(), value.double(), attn_mask=allowed, scale=0.3, enable_gqa=True
    )
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected.transpose(1, 2), atol=tolerance, rtol=tolerance)


def test_a_mask_of_numbers_is_a_mask_of_truths() -> None:
    query, key, value = (drawn(1, 2, 4, 8, seed=seed).bfloat16() for seed in range(3))
    allowed = torch.ones(1, 1, 4, 4, dtype=torch.bool).tril()
    numbers = torch.zeros(1, 1, 4, 4, dtype=torch.bfloat16).masked_fill_(~allowed, torch.finfo(torch.bfloat16).min)
    one, other = (wide_attention(nn.Identity(), query, key, value, mask)[0] for mask in (allowed, numbers))
    torch.testing.assert_close(one, other)


def test_a_widened_model_says_what_it_said(tiny: Any) -> None:
    wide = deepcopy(tiny)
    widen(wide)
    ids = torch.arange(3, 90)[None]
    with torch.inference_mode():
        torch.testing.assert_close(wide(ids).logits, tiny(ids).logits, atol=1e-4, rtol=1e-4)
        whole = [model.generate(ids, do_sample=False, max_new_tokens=20, pad_token_id=2) for model in (wide, tiny)]
    assert whole[0].tolist() == whole[1].tolist()


def test_a_model_with_another_attention_keeps_it(tiny: Any) -> None:
    eager = deepcopy(tiny)
    eager.set_attn_implementation("eager")
    widen(eager)
    assert eager.config._attn_implementation == "eager"
