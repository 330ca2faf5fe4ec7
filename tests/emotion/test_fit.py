"""Fine-tuning learns what it is shown, leaves the word embeddings alone, and one seed gives one network."""

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from emotion.corpus import Corpus
from emotion.encoder import load_encoder
from emotion.fit import fit, probabilities
from emotion.labels import EMOTIONS, INDEX
from emotion.network import EmotionNet

TEXTS = ["thank you so much", "this is disgusting", "I am afraid of it", "what a lovely day"]
LABELS = ["gratitude", "disgust", "fear", "joy"]


def shallow() -> EmotionNet:
    torch.manual_seed(1)
    config = BertConfig(hidden_size=384, num_hidden_layers=1, num_attention_heads=12, intermediate_size=384)
    return EmotionNet(BertModel(config, add_pooling_layer=False), dropout=0.0)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_encoder().tokenizer


@pytest.fixture
def corpus() -> Corpus:
    truth = torch.zeros(4 * 8, len(EMOTIONS))
    for row in range(len(truth)):
        truth[row, INDEX[LABELS[row % 4]]] = 1
    truth[0] = 1  # every label occurs, as it does in GoEmotions
    return Corpus(TEXTS * 8, truth)


def test_a_network_learns_its_corpus_and_one_seed_gives_one_network(tokenizer: Tokenizer, corpus: Corpus) -> None:
    net, twin = shallow(), shallow()
    words = net.encoder.embeddings.word_embeddings.weight.clone()
    fit(net, tokenizer, corpus, epochs=30, seed=2)
    fit(twin, tokenizer, corpus, epochs=30, seed=2)
    scores = probabilities(net, tokenizer, TEXTS)
    common = [INDEX[label] for label in LABELS]
    assert scores[:, common].argmax(1).tolist() == [0, 1, 2, 3]
    assert torch.equal(net.encoder.embeddings.word_embeddings.weight, words)
    torch.testing.assert_close(probabilities(twin, tokenizer, TEXTS), scores)
