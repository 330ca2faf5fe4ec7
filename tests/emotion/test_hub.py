"""Other people's classifiers in the starter's place: tiny random ones, in the formats of the hub."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer, BertConfig

from emotion.classifier import Choice, Classifier
from emotion.labels import EMOTIONS, INDEX
from emotion.window import Heard
from inference.gpu import Gpu
from inference.job import ModelMissing
from tests.emotion.tiny_classifiers import SHAPES, make

SHUFFLED = random.Random(3).sample([name.title() for name in EMOTIONS], len(EMOTIONS))
OWN = ("mad", "sad", "glad", "spam")
MEANING = {"mad": {"anger": 0.7, "annoyance": 0.3}, "SAD": {"sadness": 1.0}, "glad": {"joy": 1.0}, "spam": {}}
TEXTS = ["thank you so much for the cake", "you fool!", "what is behind that door?"]
MANY = [*TEXTS, "the shop opens at nine " * 60, "😂", "你好", "x" * 3_000, "\x00\ud800 [SEP] <s>"]


def _transformers(folder: Path, texts: Sequence[str], *, sigmoid: bool) -> torch.Tensor:
    """What the checkpoint itself says, text by text in float32: (n, labels)."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits = torch.cat([model(**tokenizer([text], return_tensors="pt")).logits for text in texts])
    return logits.sigmoid() if sigmoid else logits.softmax(-1)


async def _scored(folder: Path | str, texts: Sequence[str] = TEXTS, **choice: object) -> torch.Tensor:
    async with Gpu("cpu") as gpu, Classifier(gpu, Choice(str(folder), **choice)) as classifier:  # type: ignore[arg-type]
        return torch.tensor(await classifier.score(texts))


@pytest.mark.parametrize("family", SHAPES)
async def test_labels_are_found_by_name_in_any_order_and_case(family: str, tmp_path: Path) -> None:
    folder = make(tmp_path, family, SHUFFLED)
    wanted = _transformers(folder, TEXTS, sigmoid=True)
    got = await _scored(folder)
    assert wanted.std(0).mean() > 0.02  # the texts are told apart at all
    torch.testing.assert_close(got, wanted[:, [SHUFFLED.index(name.title()) for name in EMOTIONS]], atol=0.05, rtol=0)


async def test_any_text_is_scored_and_long_ones_keep_their_halves(tmp_path: Path) -> None:
    scores = await _scored(make(tmp_path, "roberta", SHUFFLED), MANY)
    assert scores.shape == (len(MANY), 28) and bool(((scores >= 0) & (scores <= 1)).all())


@pytest.mark.parametrize(("problem", "sigmoid"), [("single_label_classification", False), (None, False)])
async def test_own_labels_are_explained_and_neutral_is_what_is_left(
    problem: str | None, sigmoid: bool, tmp_path: Path
) -> None:
    folder = make(tmp_path, "distilbert", OWN, problem)
    mad, sad, glad, _ = _transformers(folder, TEXTS, sigmoid=sigmoid).unbind(1)
    got = await _scored(folder, labels=MEANING)
    for emotion, wanted in (("anger", 0.7 * mad), ("annoyance", 0.3 * mad), ("sadness", sad), ("joy", glad)):
        torch.testing.assert_close(got[:, INDEX[emotion]], wanted, atol=0.05, rtol=0)
    others = got.clone()
    others[:, INDEX["neutral"]] = 0
    torch.testing.assert_close(got[:, INDEX["neutral"]], 1 - others.amax(1))
    assert bool((got[:, INDEX["fear"]] == 0).all())


async def test_thresholds_are_a_half_or_what_the_admin_says(tmp_path: Path) -> None:
    make(tmp_path, "bert", SHUFFLED)
    async with Gpu("cpu") as gpu:
        async with Classifier(gpu, Choice(str(tmp_path), thresholds={"joy": 0.25})) as classifier:
            assert classifier.thresholds == tuple(0.25 if name == "joy" else 0.5 for name in EMOTIONS)
        async with Classifier(gpu) as starter, Classifier(gpu, Choice(thresholds={"joy": 0.9})) as stern:
            different = [i for i in range(28) if starter.thresholds[i] != stern.thresholds[i]]
            assert different == [INDEX["joy"]] and stern.thresholds[INDEX["joy"]] == 0.9


async def test_labels_that_nobody_explains_are_named(tmp_path: Path) -> None:
    make(tmp_path, "roberta", OWN)
    with pytest.raises(ModelMissing, match=r"none of the 28 emotions: mad, sad, glad, spam; say in"):
        await _scored(tmp_path)
    with pytest.raises(ModelMissing, match="no label gald, which"):
        await _scored(tmp_path, labels=MEANING | {"gald": {"joy": 1.0}})


async def test_what_cannot_be_used_is_told_in_one_sentence(tmp_path: Path) -> None:
    writes, base, cut = tmp_path / "writes", tmp_path / "base", make(tmp_path / "cut", "bert", SHUFFLED)
    AutoModelForMaskedLM.from_config(
        BertConfig(hidden_size=48, num_hidden_layers=1, num_attention_heads=4, intermediate_size=96, vocab_size=90)
    ).save_pretrained(writes)
    with pytest.raises(ModelMissing, match="a BertForMaskedLM, which does not classify texts"):
        await _scored(writes)
    with pytest.raises(ModelMissing, match="There is no model 'nobody/has-this'"):
        await _scored("nobody/has-this")
    make(base, "bert", SHUFFLED)
    settings = json.loads((base / "config.json").read_text())
    AutoModelForMaskedLM.from_pretrained(base).save_pretrained(base)
    (base / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelMissing, match=r"lacks \d+ of its weights, such as"):
        await _scored(base)
    whole = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelMissing, match="cannot be loaded") as refused:
        await _scored(cut)
    assert "\n" not in str(refused.value)


async def test_the_reader_goes_on_beside_it(tmp_path: Path) -> None:
    """A window is the starter's to read, whoever hears messages."""
    async with Gpu("cpu") as gpu, Classifier(gpu, Choice(str(make(tmp_path, "bert", SHUFFLED)))) as classifier:
        [felt] = await classifier.read([[Heard("I love you so much!", False, "Jo")]])
    assert sum(felt) == pytest.approx(1, abs=1e-5) and max(felt) == felt[INDEX["love"]]
