"""Sentences as vectors, by the real MiniLM."""

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from emotion.encoder import load_encoder, mean_over, padded
from emotion.minilm import WIDTH, SentenceEncoder, read_minilm
from inference.job import ModelMissing


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(read_minilm())


def test_near_meanings_have_near_vectors(encoder: SentenceEncoder) -> None:
    happy, glad, invoice = encoder.embed(["I am so happy today", "What a day, I'm glad!", "The invoice is overdue"])
    assert happy @ glad > 0.4 > 0.2 > happy @ invoice


def test_any_text_has_a_unit_vector(encoder: SentenceEncoder) -> None:
    vectors = encoder.embed(["", " ", "x" * 10_000, "word " * 2_000, "😀😡", "你好", "\x00\ud800\u202e", "hi"])
    assert vectors.shape == (8, WIDTH)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(8))


def test_vectors_are_those_of_transformers(encoder: SentenceEncoder) -> None:
    texts = ["The cake is burnt.", "a shy smile, blushing", "furious " * 40]
    plain = load_encoder()
    plain.tokenizer.enable_truncation(256)
    ids, mask = padded([encoding.ids for encoding in plain.tokenizer.encode_batch(texts)])
    with torch.no_grad():
        hidden = plain.model(input_ids=ids, attention_mask=mask).last_hidden_state
    wanted = torch.nn.functional.normalize(mean_over(hidden, mask), dim=-1)
    torch.testing.assert_close(encoder.embed(texts), wanted, atol=1e-6, rtol=1e-5)


def test_a_vector_does_not_depend_on_its_company(encoder: SentenceEncoder) -> None:
    text = "The cake is burnt."
    torch.testing.assert_close(encoder.embed([text, "a much longer text " * 20])[:1], encoder.embed([text]))


def test_no_texts_give_no_vectors(encoder: SentenceEncoder) -> None:
    assert encoder.embed([]).shape == (0, WIDTH)


def test_a_missing_or_incomplete_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"lacks config\.json: run `mien starter`"):
        read_minilm(tmp_path)
    BertModel(BertConfig(num_hidden_layers=1, hidden_size=12, vocab_size=9)).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelMissing, match="cannot be read"):
        read_minilm(tmp_path)


def test_padding_is_left_out_of_the_mean() -> None:
    ids, mask = padded([[101, 5, 102], [101, 102]])
    assert ids.tolist() == [[101, 5, 102], [101, 102, 0]]
    hidden = ids.float().unsqueeze(-1)
    assert mean_over(hidden, mask).flatten().tolist() == pytest.approx([208 / 3, 203 / 2])
