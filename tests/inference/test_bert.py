"""The forward pass over texts side by side is transformers' own, whatever the arithmetic of its layers."""

import pytest
import torch
from transformers import BertConfig, BertModel

from emotion.encoder import padded
from inference.arithmetic import Floating, bfloat16
from inference.bert import Bert, attend_apart, attend_masked, side_by_side
from kernels.choose import has_fast_integers, has_native_bfloat16
from kernels.integer import Integer

CPU = torch.device("cpu")
EPSILON, HEADS = 1e-12, 4
LENGTHS = (2, 31, 1, 7, 64)


@pytest.fixture(scope="module")
def theirs() -> BertModel:
    torch.manual_seed(0)
    shape = {"vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 3, "intermediate_size": 256}
    config = BertConfig(**shape, num_attention_heads=HEADS, layer_norm_eps=EPSILON, initializer_range=0.2)
    return BertModel(config, add_pooling_layer=False).eval()


def _rows() -> tuple[list[list[int]], list[list[int]]]:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(1, 300, (length,), generator=generator).tolist() for length in LENGTHS]
    return rows, [[i % 2] * len(row) for i, row in enumerate(rows)]


def _expected(theirs: BertModel, rows: list[list[int]], types: list[list[int]]) -> torch.Tensor:
    (ids, mask), (kinds, _) = padded(rows), padded(types)
    with torch.no_grad():
        hidden = theirs(input_ids=ids, attention_mask=mask, token_type_ids=kinds).last_hidden_state
    return torch.cat([hidden[i, : len(row)] for i, row in enumerate(rows)])


@torch.inference_mode()
def test_texts_side_by_side_are_what_transformers_makes_of_a_padded_batch(theirs: BertModel) -> None:
    rows, types = _rows()
    got = Bert(theirs.state_dict(), HEADS, EPSILON, Floating)(side_by_side(rows, types, CPU))
    torch.testing.assert_close(got, _expected(theirs, rows, types), atol=2e-5, rtol=1e-4)


@torch.inference_mode()
def test_token_types_are_0_where_none_are_given(theirs: BertModel) -> None:
    rows, _ = _rows()
    bert = Bert(theirs.state_dict(), HEADS, EPSILON, Floating)
    zeros = [[0] * len(row) for row in rows]
    plain = bert(side_by_side(rows, None, CPU))
    assert torch.equal(plain, bert(side_by_side(rows, zeros, CPU)))
    assert not torch.equal(plain, bert(side_by_side(rows, [[1] * len(row) for row in rows], CPU)))


def test_texts_hidden_from_each_other_are_texts_apart() -> None:
    q, k, v = torch.randn(3, HEADS, sum(LENGTHS), 16, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(attend_masked(q, k, v, LENGTHS), attend_apart(q, k, v, LENGTHS))


@torch.inference_mode()
@pytest.mark.skipif(not has_fast_integers("cpu"), reason="this processor has no VNNI")
def test_whole_numbers_come_near_and_a_text_has_the_same_bits_in_any_company(theirs: BertModel) -> None:
    rows, types = _rows()
    bert = Bert(theirs.state_dict(), HEADS, EPSILON, Integer)
    together = bert(side_by_side(rows, types, CPU))
    wanted = _expected(theirs, rows, types)
    assert (together - wanted).square().mean() < 0.002 * wanted.square().mean()
    for text, row, kinds in zip(together.split(LENGTHS), rows, types, strict=True):
        assert torch.equal(bert(side_by_side([row], [kinds], CPU)), text)


@torch.inference_mode()
@pytest.mark.skipif(not has_native_bfloat16("cpu"), reason="this processor multiplies no bfloat16")
def test_bfloat16_comes_nearer_and_a_text_is_nearly_the_same_in_any_company(theirs: BertModel) -> None:
    rows, types = _rows()
    bert = Bert(theirs.state_dict(), HEADS, EPSILON, bfloat16)
    together, wanted = bert(side_by_side(rows, types, CPU)).float(), _expected(theirs, rows, types)
    assert (together - wanted).square().mean() < 0.0005 * wanted.square().mean()
    for text, row, kinds in zip(together.split(LENGTHS), rows, types, strict=True):
        alone = bert(side_by_side([row], [kinds], CPU)).float()
        assert (alone - text).square().mean() < 0.0005 * text.square().mean()


@torch.inference_mode()
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_says_the_same_in_half_precision(theirs: BertModel) -> None:
    rows, types = _rows()
    device = torch.device("cuda")
    bert = Bert(theirs.state_dict(), HEADS, EPSILON, Floating).to(device).half()
    got = bert(side_by_side(rows, types, device)).float().cpu()
    wanted = _expected(theirs.float().cpu(), rows, types)
    assert (got - wanted).square().mean() < 1e-4 * wanted.square().mean()
