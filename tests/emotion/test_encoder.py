"""Sentences as vectors, by the real MiniLM."""

from pathlib import Path

import pytest
import torch

from emotion.encoder import WIDTH, Encoder, load_encoder, mean_over, padded
from inference.job import ModelMissing


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


def test_near_meanings_have_near_vectors(encoder: Encoder) -> None:
    happy, glad, invoice = encoder.embed(["I am so happy today", "What a day, I'm glad!", "The invoice is overdue"])
    assert happy @ glad > 0.4 > 0.2 > happy @ invoice


def test_any_text_has_a_unit_vector(encoder: Encoder) -> None:
    vectors = encoder.embed(["", " ", "x" * 10_000, "word " * 2_000, "😀😡", "你好", "\x00\ud800\u202e", "hi"])
    assert vectors.shape == (8, WIDTH)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(8))


def test_a_vector_does_not_depend_on_its_company(encoder: Encoder) -> None:
    text = "The cake is burnt."
    torch.testing.assert_close(encoder.embed([text, "a much longer text " * 20])[:1], encoder.embed([text]))


def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.embed([]).shape == (0, WIDTH)


def test_a_missing_or_incomplete_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"lacks config\.json: run `mien starter`"):
        load_encoder(tmp_path)


def test_padding_is_left_out_of_the_mean() -> None:
    ids, mask = padded([[101, 5, 102], [101, 102]])
    assert ids.tolist() == [[101, 5, 102], [101, 102, 0]]
    hidden = ids.float().unsqueeze(-1)
    assert mean_over(hidden, mask).flatten().tolist() == pytest.approx([208 / 3, 203 / 2])
