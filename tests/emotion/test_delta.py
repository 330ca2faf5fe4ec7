"""Weights survive being packed to four bits, and a file that cannot be used says so."""

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from emotion.delta import GROUP, LEVELS, merge, packed, unpacked, write
from emotion.labels import EMOTIONS
from emotion.network import EmotionNet
from inference.job import ModelMissing

THRESHOLDS = torch.linspace(0.1, 0.64, len(EMOTIONS))


def _config(layers: int, wide: int) -> BertConfig:
    return BertConfig(
        vocab_size=50, hidden_size=384, num_hidden_layers=layers, num_attention_heads=12, intermediate_size=wide
    )


def tiny(seed: int) -> EmotionNet:
    torch.manual_seed(seed)
    return EmotionNet(BertModel(_config(1, 384), add_pooling_layer=False)).eval()


@pytest.fixture
def fitted() -> EmotionNet:
    """The net of seed 0 after a training that moved everything but the embeddings a little."""
    net = tiny(0)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "embeddings" not in name:
                weight += 0.003 * torch.randn(weight.shape, generator=generator)
    return net


def test_a_merged_file_gives_the_fitted_scores_and_thresholds(fitted: EmotionNet, tmp_path: Path) -> None:
    write(tmp_path / "head.safetensors", fitted, tiny(0), THRESHOLDS)
    merged = tiny(0)
    thresholds = merge(tmp_path / "head.safetensors", merged)
    assert thresholds == pytest.approx(THRESHOLDS.tolist(), abs=1e-3)
    ids, mask = torch.randint(0, 50, (4, 9)), torch.ones(4, 9, dtype=torch.long)
    with torch.no_grad():
        wanted, plain, got = (net(ids, mask).sigmoid() for net in (fitted, tiny(0), merged))
    assert (got - wanted).abs().max() < 0.005 < 0.02 < (plain - wanted).abs().max()


def test_token_types_are_seen_and_are_zero_by_default() -> None:
    net, ids, mask = tiny(0), torch.randint(0, 50, (2, 5)), torch.ones(2, 5, dtype=torch.long)
    with torch.no_grad():
        assert torch.equal(net(ids, mask), net(ids, mask, torch.zeros_like(ids)))
        assert not torch.equal(net(ids, mask), net(ids, mask, torch.ones_like(ids)))


def test_a_file_takes_little_more_than_four_bits_a_number(fitted: EmotionNet, tmp_path: Path) -> None:
    write(tmp_path / "head.safetensors", fitted, tiny(0), THRESHOLDS)
    numbers = sum(w.numel() for name, w in fitted.named_parameters() if "embeddings" not in name)
    assert (tmp_path / "head.safetensors").stat().st_size < 0.6 * numbers


@pytest.mark.parametrize("shape", [(3, GROUP), (8, 6 * GROUP)])
def test_packing_errs_by_at_most_half_a_level_or_what_it_clipped(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    nibbles, scales = packed(matrix)
    assert nibbles.shape == (shape[0], shape[1] // 2)
    assert nibbles.dtype == torch.uint8
    step = scales.float().repeat_interleave(GROUP, dim=1)
    clipped = (matrix.abs() - LEVELS * step).clamp(min=0)
    error = (unpacked(nibbles, scales) - matrix).abs()
    assert (error <= torch.maximum(0.501 * step, clipped + 1e-5)).all()
    assert error.square().mean() < 0.02  # of a variance of 1


def test_zeros_and_tiny_numbers_pack_without_nan() -> None:
    for size in (0.0, 1e-12, 1e-6):
        back = unpacked(*packed(torch.full((2, GROUP), size)))
        assert back.isfinite().all()
        assert (back - size).abs().max() < 1e-6


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="are missing: they are part of Mien"):
        merge(tmp_path / "head.safetensors", tiny(0))


def test_a_damaged_or_foreign_file_says_what_to_do(fitted: EmotionNet, tmp_path: Path) -> None:
    file = tmp_path / "head.safetensors"
    write(file, fitted, tiny(0), THRESHOLDS)
    whole = file.read_bytes()
    for damaged in (b"", b"not a safetensors file", whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(ModelMissing, match="cannot be used"):
            merge(file, tiny(0))
    file.write_bytes(whole)
    with pytest.raises(ModelMissing, match="holds a classifier, not a reader"):
        merge(file, tiny(0), kind="reader")
    other = EmotionNet(BertModel(_config(2, 768), add_pooling_layer=False))
    with pytest.raises(ModelMissing, match="cannot be used"):
        merge(file, other)
