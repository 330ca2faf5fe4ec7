"""`python -m emotion.train` from a table of texts to a file that is shipped, on a MiniLM of one layer."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from emotion import delta, train
from emotion.labels import EMOTIONS, INDEX
from emotion.training import corpus, teacher
from emotion.training.ship import Figures, logits, uncalibrated
from emotion.training.teacher import plain, presence
from inference.carriers import minilm_folder

SAID = {
    "gratitude": ["thank you so much", "thanks, you saved me", "many thanks for this"],
    "disgust": ["this is disgusting", "gross, it smells", "that is so vile"],
    "fear": ["I am afraid of it", "it scares me", "I'm terrified of this"],
}
DIALOGUE = (
    "== kind · Mira, a guide\nJo: thank you, thanks {n} | gratitude -> joy\nMira: it scares me {n} | fear -> fear\n"
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter encoder's embeddings and first layer."""
    folder = tmp_path_factory.mktemp("encoder")
    shape = json.loads((minilm_folder() / "config.json").read_text()) | {"num_hidden_layers": 1}
    (folder / "config.json").write_text(json.dumps(shape))
    (folder / "tokenizer.json").write_bytes((minilm_folder() / "tokenizer.json").read_bytes())
    weights = load_file(minilm_folder() / "model.safetensors")
    first = {name: w for name, w in weights.items() if not name.startswith("encoder.layer.") or ".layer.0." in name}
    save_file(first, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table to learn from, in which every label occurs, one to judge on, and dialogues."""
    folder = tmp_path_factory.mktemp("data")
    rows = [(f"{text} {n}", label) for n in range(20) for label, texts in SAID.items() for text in texts]
    for name, part in (("train", rows[:150]), ("dev", rows[150:])):
        rest = [(f"{name} {label}", label) for label in EMOTIONS if label not in SAID]
        table = "".join(f"{text}\t{INDEX[label]}\tid\n" for text, label in part + rest)
        (folder / f"{name}.tsv").write_text(table, encoding="utf-8")
    (folder / "lines").mkdir()
    (folder / "lines" / "a.txt").write_text("\n".join(DIALOGUE.format(n=n) for n in range(10)), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(encoder: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what was shipped; `work` is beside it."""
    folder = tmp_path_factory.mktemp("trained")
    run(encoder, data, folder)
    return folder


def run(encoder: Path, data: Path, folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        options = ["--data", data, "--lines", data / "lines", "--encoder", encoder]
        options += ["--out", folder / "out", "--work", folder / "work"]
        patch.setattr(sys, "argv", ["train", *map(str, options)])
        patch.setattr(teacher, "PEAK_RATE", 1e-3)  # few texts, few steps
        train.main()


def test_what_is_shipped_has_learned_and_is_calibrated(trained: Path, encoder: Path, data: Path) -> None:
    net, tokenizer = plain(encoder)
    thresholds = delta.merge(trained / "out" / "head.safetensors", net)
    dev = corpus.read(data / "dev.tsv")
    scores = logits(net, tokenizer, dev.texts)
    known = [INDEX[label] for label in SAID]
    of_known = dev.truth[:, known].any(1)
    assert torch.equal(scores[of_known][:, known].argmax(1), dev.truth[of_known][:, known].argmax(1))
    assert all(0 < threshold < 1 for threshold in thresholds)
    figures = uncalibrated(trained / "out" / "head.safetensors", scores, dev.truth)
    before, after = figures.errors()
    assert 0 <= after < 0.1 and before != after


def test_calibration_in_the_head_is_undone_exactly(trained: Path, encoder: Path, data: Path) -> None:
    file, dev = trained / "out" / "head.safetensors", corpus.read(data / "dev.tsv")
    fitted, tokenizer = plain(encoder)
    fitted.load_state_dict(load_file(trained / "work" / "student.safetensors"))
    shipped, _ = plain(encoder)
    delta.merge(file, shipped)
    raw = uncalibrated(file, logits(shipped, tokenizer, dev.texts), dev.truth)
    assert isinstance(raw, Figures)
    assert (raw.logits - logits(fitted, tokenizer, dev.texts)).abs().max() < 0.2  # four bits a number
    learned = corpus.read(data / "train.tsv", without=corpus.raw_texts(data / "dev.tsv"))
    torch.testing.assert_close(raw.weight, presence(learned), atol=1e-4, rtol=1e-4)


def test_the_card_tells_the_figures(trained: Path) -> None:
    card = (trained / "out" / "card.md").read_text(encoding="utf-8")
    assert "macro-F1 0." in card
    assert all(f"| {label} |" in card for label in EMOTIONS)
    assert "{" not in card
    assert "16 lines of dialogue" in card


def test_a_run_that_is_repeated_takes_up_what_is_there(trained: Path, encoder: Path, data: Path) -> None:
    before = load_file(trained / "out" / "head.safetensors")
    times = {file: file.stat().st_mtime_ns for file in (trained / "work").iterdir()}
    run(encoder, data, trained)
    after = load_file(trained / "out" / "head.safetensors")
    assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in after)
    assert {file: file.stat().st_mtime_ns for file in (trained / "work").iterdir()} == times
