"""The emotion classifier on the device: texts in, 28 probabilities each out, before anybody else's step (FEELING).

A text is scored once: the last few thousand are remembered, so that scoring a history again costs one new message.

    async with Gpu() as gpu, Classifier(gpu) as classifier:
        [scores] = await classifier.score(["You did it! I'm so proud of you!"])
        classifier.labels(scores)  # ["pride", "admiration"]
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import torch

from emotion.delta import merge
from emotion.encoder import Encoder, encoder_bytes, load_encoder, padded
from emotion.labels import EMOTIONS, NEUTRAL
from emotion.network import EmotionNet, token_rows
from emotion.wording import readable
from inference.gpu import Gpu
from inference.job import Priority, Steps

Scores: TypeAlias = tuple[float, ...]
"""28 probabilities in the order of EMOTIONS. They need not sum to 1: a text may hold several emotions."""

STARTER = Path(__file__).with_name("starter")
SILENCE: Scores = tuple(float(name == NEUTRAL) for name in EMOTIONS)  # a message without words, such as a picture
BATCH = 8  # texts in one step: 35 GFLOP at 192 tokens each, a fifth of a second or so of two cores
REMEMBERED = 4096  # texts


class Classifier:
    """MiniLM with the weights of `starter`, from the folder `encoder` (default: the installed package)."""

    def __init__(self, gpu: Gpu, starter: Path = STARTER, encoder: Path | None = None) -> None:
        self._gpu = gpu
        self._files = (starter / "head.safetensors", encoder)
        self._remembered: OrderedDict[str, Scores] = OrderedDict()
        self.thresholds: Scores = ()

    async def __aenter__(self) -> Self:
        """Load on the device's thread; raises ModelMissing, with what to do, if weights are missing or damaged."""
        loaded = await self._gpu.call(lambda: _load(*self._files, self._gpu.device), Priority.FEELING)
        self._net, self._encoder, self.thresholds = loaded
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._net, self._encoder

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        """Probabilities for each text, in order. Takes messages as they were written: `readable` is applied here.

        Any string will do. One without words is neutral; of one longer than 2,000 characters or 192 tokens the first
        and last halves of that are read. Other languages than English are scored, but not understood.
        """
        words = [readable(text) for text in texts]
        fresh = [text for text in dict.fromkeys(words) if text and text not in self._remembered]
        known = {text: self._remembered[text] for text in words if text in self._remembered}
        if fresh:
            one_by_one = partial(self._steps, fresh, batch=1)
            scored = await self._gpu.submit(self._steps(fresh), Priority.FEELING, smaller=one_by_one).result()
            known.update(zip(fresh, scored, strict=True))
        self._remember(known)
        return [known.get(text, SILENCE) for text in words]

    def labels(self, scores: Scores) -> list[str]:
        """The emotions whose probability reaches their threshold, likeliest first; there may be none."""
        ranked = sorted(zip(EMOTIONS, scores, self.thresholds, strict=True), key=lambda row: -row[1])
        return [name for name, p, threshold in ranked if p >= threshold]

    def _steps(self, texts: list[str], batch: int = BATCH) -> Steps[None, list[Scores]]:
        """One step a batch; texts of like length share one, so that little is spent on padding."""
        rows = token_rows(self._encoder.tokenizer, texts)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        scores: list[Scores] = [()] * len(rows)
        for start in range(0, len(order), batch):
            together = order[start : start + batch]
            for i, row in zip(together, self._batch([rows[i] for i in together]), strict=True):
                scores[i] = row
            yield None
        return scores

    def _batch(self, rows: list[list[int]]) -> list[Scores]:
        ids, mask = (part.to(self._gpu.device) for part in padded(rows))
        return [tuple(row) for row in self._net(ids, mask).sigmoid().tolist()]

    def _remember(self, known: dict[str, Scores]) -> None:
        for text, scores in known.items():
            self._remembered[text] = scores
            self._remembered.move_to_end(text)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)


def classifier_bytes(starter: Path = STARTER) -> int:
    """What the classifier takes on a device: an encoder of its own, and the head."""
    return encoder_bytes() + (starter / "head.safetensors").stat().st_size


def _load(weights: Path, encoder: Path | None, device: torch.device) -> tuple[EmotionNet, Encoder, Scores]:
    plain = load_encoder(encoder)
    net = EmotionNet(plain.model).eval()
    thresholds = merge(weights, net)
    return net.to(device), plain, thresholds
