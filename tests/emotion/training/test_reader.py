"""Teaching the reader: it learns what came before, its card counts right, and its weights come back from their file."""

from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from emotion.dialogue import parse
from emotion.encoder import load_encoder
from emotion.hearing import window_rows
from emotion.labels import EMOTIONS, INDEX
from emotion.network import EmotionNet
from emotion.training.corpus import Corpus
from emotion.training.examples import Example, Script, examples, shares
from emotion.training.reader import logits, pairs, softness, surprise, teach
from emotion.training.reader_card import right
from emotion.window import Heard

PLAY = """== quarrel · Pip, a ghost
Jo: you fool | anger -> anger
Jo: fine. | neutral -> anger

== gift · Pip, a ghost
Jo: you angel | love -> joy
Jo: fine. | neutral -> joy
"""


def shallow() -> EmotionNet:
    torch.manual_seed(1)
    config = BertConfig(hidden_size=384, num_hidden_layers=1, num_attention_heads=12, intermediate_size=384)
    return EmotionNet(BertModel(config, add_pooling_layer=False), dropout=0.0)


def test_the_same_words_are_read_by_what_came_before(tmp_path: Path) -> None:
    written = [Script("twins", dialogue) for dialogue in parse(PLAY)] * 8
    single = Corpus(["a plain day", "thank you"], torch.eye(len(EMOTIONS))[[INDEX["neutral"], INDEX["gratitude"]]])
    net = shallow()
    words = net.encoder.embeddings.word_embeddings.weight.clone()
    teach(net, written, single, epochs=40, seed=3, progress=tmp_path / "reader.part")
    unseen = [example for script in written[:2] for example in examples(script)]
    rows = window_rows(load_encoder().tokenizer, [example.window for example in unseen])
    scores = logits(net.eval(), [pairs(row) for row in rows])
    assert right(scores, unseen) == (1, 1)
    assert torch.equal(net.encoder.embeddings.word_embeddings.weight, words)


def test_what_is_listed_and_what_is_first_are_counted_apart() -> None:
    lines = parse("== a · Pip\nJo: x | -> joy, love\nJo: y | -> love, joy\nJo: z | -> anger")[0].lines
    told = [Example([Heard(line.text, own=False)], shares(line.felt), line=line) for line in lines]
    scores = torch.zeros(3, len(EMOTIONS))
    scores[:, INDEX["joy"]] = 1
    assert right(scores, told) == (2 / 3, 1 / 3)


def test_the_loss_is_the_cross_entropy_to_what_was_felt() -> None:
    logits, felt = torch.randn(5, len(EMOTIONS)), torch.rand(5, len(EMOTIONS)).softmax(1)
    wanted = torch.nn.functional.cross_entropy(logits, felt)
    assert surprise(logits, felt).mean().item() == pytest.approx(wanted.item(), rel=1e-5)


def test_logits_that_are_too_sure_are_softened_as_much_as_they_are() -> None:
    felt = torch.randn(400, len(EMOTIONS), generator=torch.Generator().manual_seed(0)).softmax(1)
    for factor in (1.0, 2.0):
        assert softness((felt.log() * factor).softmax(1), felt) == pytest.approx(factor, abs=1e-5)
