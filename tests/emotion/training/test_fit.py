"""Fine-tuning learns what it is shown, leaves alone what does not learn, and goes on after a stop as before."""

import random
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel

from emotion.encoder import load_encoder, padded
from emotion.labels import EMOTIONS, INDEX
from emotion.network import EmotionNet
from emotion.tokens import token_rows
from emotion.training.fit import Lesson, Teach, fit, rarity, scored, weighed
from emotion.training.lean import CutDropout, Masters, lean

TEXTS = ["thank you so much", "this is disgusting", "I am afraid of it", "what a lovely day"]
LABELS = ["gratitude", "disgust", "fear", "joy"]


def shallow() -> EmotionNet:
    torch.manual_seed(1)
    config = BertConfig(hidden_size=384, num_hidden_layers=1, num_attention_heads=12, intermediate_size=384)
    net = EmotionNet(BertModel(config, add_pooling_layer=False), dropout=0.0)
    net.encoder.embeddings.requires_grad_(False)
    return net


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_encoder().tokenizer


@pytest.fixture
def teach(tokenizer: Tokenizer) -> Teach:
    truth = torch.zeros(4 * 8, len(EMOTIONS))
    for row in range(len(truth)):
        truth[row, INDEX[LABELS[row % 4]]] = 1
    lesson = Lesson(token_rows(tokenizer, TEXTS * 8), truth, torch.ones(len(truth)))
    return lambda _: lesson


def learn(net: EmotionNet, teach: Teach, checkpoint: Path, epochs: int = 30) -> None:
    loss = weighed(torch.ones(len(EMOTIONS)))
    fit(
        net,
        net.encoder,
        lambda rows: net(*padded(rows)),
        teach,
        loss,
        epochs=epochs,
        rate=3e-4,
        seed=2,
        checkpoint=checkpoint,
    )


def test_a_network_learns_its_lessons_and_one_seed_gives_one_network(
    tokenizer: Tokenizer, teach: Teach, tmp_path: Path
) -> None:
    net, twin = shallow(), shallow()
    words = net.encoder.embeddings.word_embeddings.weight.clone()
    learn(net, teach, tmp_path / "a")
    learn(twin, teach, tmp_path / "b")
    rows = token_rows(tokenizer, TEXTS)
    with torch.no_grad():
        scores = net(*padded(rows))
    assert scores[:, [INDEX[label] for label in LABELS]].argmax(1).tolist() == [0, 1, 2, 3]
    assert torch.equal(net.encoder.embeddings.word_embeddings.weight, words)
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert not list(tmp_path.iterdir())
    torch.testing.assert_close(scored(lambda part: net(*padded(part)), rows), scores)


def test_a_stopped_training_ends_in_the_same_network(teach: Teach, tmp_path: Path) -> None:
    def stops(epoch: int) -> Lesson:
        if epoch == 2:
            raise KeyboardInterrupt
        return teach(epoch)

    whole, stopped, resumed = shallow(), shallow(), shallow()
    learn(whole, teach, tmp_path / "a", epochs=4)
    with pytest.raises(KeyboardInterrupt):
        learn(stopped, stops, tmp_path / "b", epochs=4)
    assert (tmp_path / "b").is_file()
    learn(resumed, teach, tmp_path / "b", epochs=4)
    for ours, theirs in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_label_that_is_rare_weighs_more_and_a_power_of_zero_counts_all_alike() -> None:
    present = torch.tensor([0.5, 0.1, 0.001])
    assert rarity(present, 0.0).tolist() == [1, 1, 1]
    assert rarity(present, 0.5).tolist() == pytest.approx([1, 3, 999**0.5])


def test_lean_gives_back_the_network_it_took() -> None:
    net = shallow()
    kinds = [type(module) for module in net.modules()]
    attention = net.encoder.config._attn_implementation
    with lean(net.encoder, random.Random(0)):
        assert next(net.encoder.parameters()).dtype == torch.bfloat16
        assert any(isinstance(module, CutDropout) for module in net.modules())
    assert [type(module) for module in net.modules()] == kinds
    assert net.encoder.config._attn_implementation == attention
    assert {p.dtype for p in net.parameters()} == {torch.float32}


def test_cut_dropout_drops_as_much_as_it_should_and_keeps_the_mean() -> None:
    noise = torch.rand(1 << 18, generator=torch.Generator().manual_seed(0))
    dropout = CutDropout((noise >= 0.1) / 0.9, random.Random(0))
    out = dropout(torch.ones(300, 384))
    assert (out == 0).float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert out.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(dropout.eval()(torch.ones(3)), torch.ones(3))


def test_small_steps_are_not_lost_to_rounding() -> None:
    parameter = nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    masters = Masters([parameter], [torch.ones(4)], decay=0.0)
    for _ in range(100):
        parameter.grad = torch.ones(4, dtype=torch.bfloat16)
        masters.step(1e-4)  # bfloat16 near 1 knows nothing finer than 0.004
    assert parameter.tolist() == pytest.approx([0.99] * 4, abs=0.003)
    assert masters.weights[0].tolist() == pytest.approx([0.99] * 4, abs=1e-4)
