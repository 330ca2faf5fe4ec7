"""A scorer says what the network said that was trained, near enough for no face to change."""

from pathlib import Path

import pytest
import torch

from emotion.classifier import STARTER
from emotion.delta import merge, write
from emotion.encoder import load_encoder, padded
from emotion.hearing import window_rows
from emotion.labels import EMOTIONS
from emotion.minilm import Minilm, read_minilm
from emotion.network import EmotionNet
from emotion.scorer import Scorer, load_scorer
from emotion.tokens import Row, message_rows
from emotion.window import Heard
from inference.arithmetic import Floating
from kernels.choose import has_fast_integers
from kernels.integer import Integer

CPU = torch.device("cpu")
TEXTS = [
    "Thank you so much for your help!",
    "I'm so sorry, I didn't mean to hurt you.",
    "You are an idiot and I hate you.",
    "The shop opens at nine.",
    "ok",
    "Wait, WHAT? You are a pony?!",
    "My grandmother died and I can't stop crying. " * 8,
    "He told me that the bridge would hold, and I believed him, which was rather stupid of me.",
    "lol that's hilarious, do it again",
    "I wonder what is behind that door.",
]
WINDOWS = [
    [
        Heard("did you break the vase?", False, "Jo"),
        Heard("I did. I'm sorry.", True),
        Heard("wow, thanks a lot", False, "Jo"),
    ],
    [Heard("hello", False, "Max")],
]


@pytest.fixture(scope="module")
def plain() -> Minilm:
    return read_minilm()


@pytest.fixture(scope="module")
def reader_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose every part differs a little from the plain one, token types and all; its head is random."""
    torch.manual_seed(5)
    net, before = EmotionNet(load_encoder().model), EmotionNet(load_encoder().model)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "word_embeddings" not in name:
                weight += 0.005 * torch.randn_like(weight)
        net.head.weight.normal_(std=0.1)
    file = tmp_path_factory.mktemp("reader") / "reader.safetensors"
    write(file, net, before, torch.full((len(EMOTIONS),), 0.5), kind="reader")
    return file


def _trained(file: Path, kind: str, rows: list[Row]) -> torch.Tensor:
    net = EmotionNet(load_encoder().model).eval()
    merge(file, net, kind)
    (ids, mask), (types, _) = padded([ids for ids, _ in rows]), padded([types for _, types in rows])
    with torch.no_grad():
        logits: torch.Tensor = net(ids, mask, types)
    return logits


@torch.inference_mode()
def test_in_float32_the_logits_are_the_trained_networks(plain: Minilm, reader_file: Path) -> None:
    rows = {"classifier": message_rows(plain.tokenizer, TEXTS), "reader": window_rows(plain.tokenizer, WINDOWS)}
    for kind, file in (("classifier", STARTER / "head.safetensors"), ("reader", reader_file)):
        scorer, _ = load_scorer(file, kind, plain, CPU, Floating)
        torch.testing.assert_close(scorer(rows[kind]), _trained(file, kind, rows[kind]), atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_the_devices_own_arithmetic_moves_a_probability_little(plain: Minilm, reader_file: Path) -> None:
    rows = message_rows(plain.tokenizer, TEXTS)
    wanted = _trained(STARTER / "head.safetensors", "classifier", rows).sigmoid()
    got = load_scorer(STARTER / "head.safetensors", "classifier", plain, CPU)[0](rows).sigmoid()
    assert (got - wanted).abs().max() < 0.08 and (got - wanted).abs().mean() < 0.004
    assert torch.equal(got.argmax(1), wanted.argmax(1))
    windows = window_rows(plain.tokenizer, WINDOWS)
    wanted, got = _trained(reader_file, "reader", windows), load_scorer(reader_file, "reader", plain, CPU)[0](windows)
    assert (got.softmax(1) - wanted.softmax(1)).abs().max() < 0.08


@torch.inference_mode()
@pytest.mark.skipif(not has_fast_integers("cpu"), reason="this processor has no VNNI")
def test_a_texts_logits_are_the_same_in_any_company(plain: Minilm) -> None:
    """In whole numbers to the bit; a sum in bfloat16 is grouped by how many rows there are."""
    scorer: Scorer = load_scorer(STARTER / "head.safetensors", "classifier", plain, CPU, Integer)[0]
    rows = message_rows(plain.tokenizer, TEXTS)
    together = scorer(rows)
    assert all(torch.allclose(scorer([row])[0], one, atol=1e-5) for row, one in zip(rows, together, strict=True))


def test_what_did_not_change_is_not_kept_twice(plain: Minilm) -> None:
    scorers = [load_scorer(STARTER / "head.safetensors", "classifier", plain, CPU)[0] for _ in range(2)]
    words = plain.weights["embeddings.word_embeddings.weight"]
    held = [{buffer.data_ptr() for buffer in scorer.buffers()} for scorer in scorers]
    assert words.data_ptr() in held[0] & held[1]


@torch.inference_mode()
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_says_the_same(plain: Minilm) -> None:
    rows = message_rows(plain.tokenizer, TEXTS)
    wanted = _trained(STARTER / "head.safetensors", "classifier", rows).sigmoid()
    got = load_scorer(STARTER / "head.safetensors", "classifier", plain, torch.device("cuda"))[0](rows).sigmoid()
    assert (got.cpu() - wanted).abs().max() < 0.01
