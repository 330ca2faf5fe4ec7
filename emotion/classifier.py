"""The two emotion networks on the device, as one tenant, before anybody else's step (FEELING).

The *classifier* hears how one message sounds: 28 probabilities, several of which may be high. The *reader* hears the
last turns of a conversation: 28 probabilities of what the character feels after them, which sum to 1. A message and
a window are each scored once: the last few thousand are remembered, so that scoring a history again costs one new
message.

    async with Gpu() as gpu, Classifier(gpu) as classifier:
        [said] = await classifier.score(["You did it! I'm so proud of you!"])
        classifier.labels(said)  # ["pride", "admiration"]
        [felt] = await classifier.read([around(turns)])
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

import torch
from torch import Tensor

from emotion.ear import Ear, Scores, averaged
from emotion.hearing import window_rows
from emotion.labels import EMOTIONS, NEUTRAL
from emotion.mapping import Shares
from emotion.minilm import Minilm, minilm_bytes, read_minilm
from emotion.scorer import load_scorer
from emotion.tokens import message_rows
from emotion.window import Heard
from emotion.wording import readable
from inference.arithmetic import bytes_a_weight
from inference.gpu import Gpu
from inference.job import ModelMissing, Priority, Steps

__all__ = ["SILENCE", "STARTER", "Choice", "Classifier", "Scores", "classifier_bytes"]

STARTER = Path(__file__).with_name("starter")
READER = "reader.safetensors"
SILENCE: Scores = tuple(float(name == NEUTRAL) for name in EMOTIONS)  # a message without words, such as a picture
BATCH = 8  # texts in one step: 35 GFLOP at 192 tokens each, a tenth of a second or so of two cores
REMEMBERED = 4096  # texts, and as many windows

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Choice:
    """Which classifier hears single messages; the reader of conversations is always the starter's.

    model: "starter", a folder in transformers format, or a hub name. labels: what that one's own labels stand for.
    thresholds: by emotion, over the starter's own or the 0.5 of any other.
    """

    model: str = "starter"
    labels: Mapping[str, Shares] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)


class Classifier:
    """Both networks: the chosen classifier, and the reader of the folder `starter`, over MiniLM in the folder
    `encoder` (default: the installed package)."""

    def __init__(
        self, gpu: Gpu, choice: Choice | None = None, *, starter: Path = STARTER, encoder: Path | None = None
    ) -> None:
        self._gpu = gpu
        self._choice, self._starter, self._encoder = choice or Choice(), starter, encoder
        self._said: _Remembered[str] = _Remembered()
        self._felt: _Remembered[tuple[Heard, ...]] = _Remembered()
        self.thresholds: Scores = ()

    async def __aenter__(self) -> Self:
        """Load on the device's thread; raises ModelMissing, with what to do, if weights are missing or damaged."""
        loaded = await self._gpu.call(self._load, Priority.FEELING)
        self._words, self._reader = loaded.words, loaded.reader
        chosen = self._choice.thresholds
        self.thresholds = tuple(
            chosen.get(emotion, own) for emotion, own in zip(EMOTIONS, loaded.thresholds, strict=True)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._words, self._reader

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        """How each text sounds, in order. Takes messages as they were written: `readable` is applied here.

        Any string will do. One without words is neutral; of one longer than 2,000 characters or 192 tokens the first
        and last halves of that are read. Other languages than English are scored, but not understood.
        """
        words = [readable(text) for text in texts]
        known, fresh = self._said.look_up([text for text in words if text])
        if fresh:
            known.update(zip(fresh, await self._run(self._words, fresh), strict=True))
        self._said.keep(known)
        return [known.get(text, SILENCE) for text in words]

    async def read(self, windows: Sequence[Sequence[Heard]]) -> list[Scores]:
        """What the character feels after the last turn of each window (newest last), in order; each sums to 1.

        Takes windows as `emotion.window.around` makes them. One in which nobody said a word is neutral.
        """
        heard = [tuple(window) for window in windows]
        spoken = [window for window in heard if any(turn.text for turn in window)]
        known, fresh = self._felt.look_up(spoken)
        if fresh:
            known.update(zip(fresh, await self._run(self._reader, fresh), strict=True))
        self._felt.keep(known)
        return [known.get(window, SILENCE) for window in heard]

    def labels(self, scores: Scores) -> list[str]:
        """The emotions whose probability reaches their threshold, likeliest first; there may be none."""
        ranked = sorted(zip(EMOTIONS, scores, self.thresholds, strict=True), key=lambda row: -row[1])
        return [name for name, p, threshold in ranked if p >= threshold]

    async def _run(self, ear: Ear[K] | None, heard: list[K]) -> list[Scores]:
        """In batches; one by one if those do not fit in memory."""
        if ear is None:
            raise ModelMissing(f"{self._starter / READER} is missing: it is part of Mien, so install Mien again.")
        one_by_one = partial(_steps, ear, heard, batch=1)
        return await self._gpu.submit(_steps(ear, heard), Priority.FEELING, smaller=one_by_one).result()

    def _load(self) -> "_Loaded":
        plain, device = read_minilm(self._encoder), self._gpu.device
        reader = _load_reader(self._starter, plain, device)
        if self._choice.model == "starter":
            return _Loaded(*_load_words(self._starter, plain, device), reader)
        from emotion.hub import load_hub  # transformers is imported only where it is needed

        return _Loaded(load_hub(self._choice.model, self._choice.labels, device), (0.5,) * len(EMOTIONS), reader)


class _Loaded(NamedTuple):
    words: Ear[str]
    thresholds: Scores
    reader: Ear[tuple[Heard, ...]] | None


class _Remembered(Generic[K]):
    """The scores of the last REMEMBERED texts or windows."""

    def __init__(self) -> None:
        self._scores: OrderedDict[K, Scores] = OrderedDict()

    def look_up(self, keys: Sequence[K]) -> tuple[dict[K, Scores], list[K]]:
        """The scores of those `keys` that are remembered; the others, each once."""
        known = {key: self._scores[key] for key in keys if key in self._scores}
        return known, [key for key in dict.fromkeys(keys) if key not in known]

    def keep(self, known: Mapping[K, Scores]) -> None:
        """Remember these as the latest; the oldest make room."""
        for key, scores in known.items():
            self._scores[key] = scores
            self._scores.move_to_end(key)
        while len(self._scores) > REMEMBERED:
            self._scores.popitem(last=False)


def classifier_bytes(model: str = "starter", device: str = "cpu", starter: Path = STARTER) -> int:
    """What both networks take on a kind of device. Raises ModelMissing when one is not on this machine."""
    if model == "starter":
        return _starter_bytes(1 + len(list(starter.glob("head*.safetensors"))), device)
    from emotion.hub import hub_bytes

    return hub_bytes(model, device) + _starter_bytes(1, device)


def _starter_bytes(networks: int, device: str) -> int:
    """On a CPU all networks share the word embeddings, which stay float32."""
    sizes, part = minilm_bytes(), bytes_a_weight(device) / 4  # of float32
    if device == "cuda":
        return round(networks * sizes.total * part)
    return sizes.words + round(networks * (sizes.total - sizes.words) * part)


def _steps(ear: Ear[K], heard: list[K], batch: int = BATCH) -> Steps[None, list[Scores]]:
    """One step a batch."""
    rows = ear.tokens(heard)
    scores: list[Scores] = []
    for start in range(0, len(rows), batch):
        scores += [tuple(row) for row in ear.probabilities(rows[start : start + batch]).tolist()]
        yield None
    return scores


def _load_words(starter: Path, plain: Minilm, device: torch.device) -> tuple[Ear[str], Scores]:
    """The starter's classifier, of several networks if several were shipped, and its thresholds."""
    files = sorted(starter.glob("head*.safetensors")) or [starter / "head.safetensors"]
    loaded = [load_scorer(file, "classifier", plain, device) for file in files]
    ear = averaged(partial(message_rows, plain.tokenizer), [net for net, _ in loaded], Tensor.sigmoid)
    return ear, loaded[0][1]


def _load_reader(starter: Path, plain: Minilm, device: torch.device) -> Ear[tuple[Heard, ...]] | None:
    if not (starter / READER).is_file():
        return None
    net, _ = load_scorer(starter / READER, "reader", plain, device)
    return averaged(partial(window_rows, plain.tokenizer), [net], partial(Tensor.softmax, dim=-1))
