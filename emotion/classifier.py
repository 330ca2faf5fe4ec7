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
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeAlias, TypeVar

import torch
from torch import Tensor

from emotion.hearing import window_rows
from emotion.labels import EMOTIONS, NEUTRAL
from emotion.minilm import Minilm, minilm_bytes, read_minilm
from emotion.scorer import Scorer, load_scorer
from emotion.tokens import Row, message_rows
from emotion.window import Heard
from emotion.wording import readable
from inference.gpu import Gpu
from inference.job import ModelMissing, Priority, Steps

Scores: TypeAlias = tuple[float, ...]
"""28 probabilities in the order of EMOTIONS. A message's need not sum to 1: it may hold several emotions."""

STARTER = Path(__file__).with_name("starter")
READER = "reader.safetensors"
SILENCE: Scores = tuple(float(name == NEUTRAL) for name in EMOTIONS)  # a message without words, such as a picture
BATCH = 8  # texts in one step: 35 GFLOP at 192 tokens each, a tenth of a second or so of two cores
REMEMBERED = 4096  # texts, and as many windows

K = TypeVar("K", bound=Hashable)


class Classifier:
    """Both networks, with the weights of the folder `starter`, over MiniLM in the folder `encoder` (default: the
    installed package)."""

    def __init__(self, gpu: Gpu, starter: Path = STARTER, encoder: Path | None = None) -> None:
        self._gpu = gpu
        self._folders = (starter, encoder)
        self._said: _Remembered[str] = _Remembered()
        self._felt: _Remembered[tuple[Heard, ...]] = _Remembered()
        self.thresholds: Scores = ()

    async def __aenter__(self) -> Self:
        """Load on the device's thread; raises ModelMissing, with what to do, if weights are missing or damaged."""
        loaded = await self._gpu.call(lambda: _load(*self._folders, self._gpu.device), Priority.FEELING)
        self._plain, self._words, self._reader, self.thresholds = loaded
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._plain, self._words, self._reader

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        """How each text sounds, in order. Takes messages as they were written: `readable` is applied here.

        Any string will do. One without words is neutral; of one longer than 2,000 characters or 192 tokens the first
        and last halves of that are read. Other languages than English are scored, but not understood.
        """
        words = [readable(text) for text in texts]
        known = await self._said.look_up([text for text in words if text], self._score_fresh)
        return [known.get(text, SILENCE) for text in words]

    async def read(self, windows: Sequence[Sequence[Heard]]) -> list[Scores]:
        """What the character feels after the last turn of each window (newest last), in order; each sums to 1.

        Takes windows as `emotion.window.around` makes them. One in which nobody said a word is neutral.
        """
        heard = [tuple(window) for window in windows]
        spoken = [window for window in heard if any(turn.text for turn in window)]
        known = await self._felt.look_up(spoken, self._read_fresh)
        return [known.get(window, SILENCE) for window in heard]

    def labels(self, scores: Scores) -> list[str]:
        """The emotions whose probability reaches their threshold, likeliest first; there may be none."""
        ranked = sorted(zip(EMOTIONS, scores, self.thresholds, strict=True), key=lambda row: -row[1])
        return [name for name, p, threshold in ranked if p >= threshold]

    async def _score_fresh(self, texts: list[str]) -> list[Scores]:
        return await self._run(lambda: message_rows(self._plain.tokenizer, texts), self._words, Tensor.sigmoid)

    async def _read_fresh(self, windows: list[tuple[Heard, ...]]) -> list[Scores]:
        if self._reader is None:
            raise ModelMissing(f"{self._folders[0] / READER} is missing: it is part of Mien, so install Mien again.")
        softmax = partial(Tensor.softmax, dim=-1)
        return await self._run(lambda: window_rows(self._plain.tokenizer, windows), [self._reader], softmax)

    async def _run(
        self, tokenized: Callable[[], list[Row]], nets: Sequence[Scorer], probabilities: Callable[[Tensor], Tensor]
    ) -> list[Scores]:
        """The mean of what `nets` say, in batches; one by one if those do not fit in memory."""
        one_by_one = partial(_steps, tokenized, nets, probabilities, batch=1)
        steps = _steps(tokenized, nets, probabilities)
        return await self._gpu.submit(steps, Priority.FEELING, smaller=one_by_one).result()


class _Remembered(Generic[K]):
    """The scores of the last REMEMBERED texts or windows."""

    def __init__(self) -> None:
        self._scores: OrderedDict[K, Scores] = OrderedDict()

    async def look_up(
        self, keys: Sequence[K], fresh: Callable[[list[K]], Awaitable[list[Scores]]]
    ) -> Mapping[K, Scores]:
        """The scores of all `keys`; what is not remembered is asked of `fresh`, each key once."""
        known = {key: self._scores[key] for key in keys if key in self._scores}
        unknown = [key for key in dict.fromkeys(keys) if key not in known]
        if unknown:
            known.update(zip(unknown, await fresh(unknown), strict=True))
        for key, scores in known.items():
            self._scores[key] = scores
            self._scores.move_to_end(key)
        while len(self._scores) > REMEMBERED:
            self._scores.popitem(last=False)
        return known


def classifier_bytes(starter: Path = STARTER) -> int:
    """What both networks take on a device at most: an encoder each, and the heads."""
    return 2 * minilm_bytes() + sum(file.stat().st_size for file in starter.glob("*.safetensors"))


def _steps(
    tokenized: Callable[[], list[Row]],
    nets: Sequence[Scorer],
    probabilities: Callable[[Tensor], Tensor],
    batch: int = BATCH,
) -> Steps[None, list[Scores]]:
    """One step a batch."""
    rows = tokenized()
    scores: list[Scores] = []
    for start in range(0, len(rows), batch):
        together = rows[start : start + batch]
        said = torch.stack([probabilities(net(together)) for net in nets]).mean(0)  # (batch, 28)
        scores += [tuple(row) for row in said.tolist()]
        yield None
    return scores


def _load(
    starter: Path, encoder: Path | None, device: torch.device
) -> tuple[Minilm, list[Scorer], Scorer | None, Scores]:
    """MiniLM, the classifier's networks (several if several were shipped), the reader, and the thresholds."""
    plain = read_minilm(encoder)
    files = sorted(starter.glob("head*.safetensors")) or [starter / "head.safetensors"]
    loaded = [load_scorer(file, "classifier", plain, device) for file in files]
    reader = starter / READER
    hears = load_scorer(reader, "reader", plain, device)[0] if reader.is_file() else None
    return plain, [net for net, _ in loaded], hears, loaded[0][1]
