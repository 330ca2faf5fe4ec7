"""One emotion network at run time: MiniLM with the weights of a delta file and a head, 28 logits for each text.

What `emotion/network.py` trains, in the precision that suits the device (`inference/arithmetic.py`). It knows
neither what a row of tokens tells nor what the logits mean.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from emotion import delta
from emotion.minilm import Minilm
from emotion.tokens import SEP, Row
from inference.arithmetic import Floating, Linear, linear_for
from inference.bert import side_by_side


class Scorer(nn.Module):
    """logits = W · [mean of the newest turn's tokens, first token] + b; the newest turn ends at the first [SEP]."""

    def __init__(
        self, plain: Minilm, weights: Mapping[str, Tensor], device: torch.device, linear: Linear | None = None
    ) -> None:
        """weights: by EmotionNet's names; linear: the layers in other arithmetic than `linear_for` the device."""
        super().__init__()
        encoder = {name.removeprefix("encoder."): w for name, w in weights.items() if name.startswith("encoder.")}
        self._bert = plain.bert(encoder, linear or linear_for(device.type)).to(device)
        if device.type == "cuda":
            self._bert.half()
        self._head = Floating(weights["head.weight"], weights["head.bias"]).to(device)

    def forward(self, rows: Sequence[Row]) -> Tensor:
        """Rows of any lengths -> (n, 28) float32. A row's logits do not depend on its company."""
        ids, types = zip(*rows, strict=True)
        hidden = self._bert(side_by_side(ids, types, self._bert.device)).float()  # (T, 384)
        texts = hidden.split([len(row) for row in ids])
        ends = [row.index(SEP) + 1 if SEP in row else len(row) for row in ids]
        seen = [torch.cat([text[:end].mean(0), text[0]]) for text, end in zip(texts, ends, strict=True)]
        logits: Tensor = self._head(torch.stack(seen))
        return logits


def load_scorer(
    file: Path, kind: str, plain: Minilm, device: torch.device, linear: Linear | None = None
) -> tuple[Scorer, tuple[float, ...]]:
    """The network of a delta file, and its 28 thresholds; raises ModelMissing as `delta.merged` does."""
    before = {f"encoder.{name}": weight for name, weight in plain.weights.items()}
    weights, thresholds = delta.merged(file, before, kind)
    return Scorer(plain, weights, device, linear), thresholds
