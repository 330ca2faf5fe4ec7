"""The recogniser: which of the 28 expressions a drawn face wears, whether it is broken, and whose face it is.

Two small convolutional networks (He et al., arXiv 1512.03385) that see nothing outside the mask: one is shown a
painting beside the character's base picture and answers with an expression, the other puts any face at a place where
faces of the same character lie near each other, whatever they feel. avatar/starter/recogniser.md says how they learned
and how far they can be trusted. They judge and decide nothing: bounds are the gate's (avatar/gate.py).
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from emotion.labels import EMOTIONS
from inference.job import ModelMissing

WEIGHTS = Path(__file__).parent / "starter" / "recogniser.safetensors"
SIDE = 64  # pixels of what the networks see
CLASSES = (*EMOTIONS, "broken")
WIDTHS = (24, 64, 128, 144)
LIKENESS_WIDTHS = (16, 32, 64, 80)
FEATURES = 64  # of the place where a face lies

Floats = NDArray[np.float32]


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_convolution(width, width), nn.ReLU(), *_convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        return torch.relu(x + self.body(x))


class Trunk(nn.Sequential):
    """(B, inputs, 64, 64) -> (B, outputs): four times halved and thought over, then weighed place by place."""

    def __init__(self, inputs: int, widths: tuple[int, ...], outputs: int, dropout: float = 0.2) -> None:
        layers: list[nn.Module] = []
        for before, width in zip((inputs, *widths), widths, strict=False):
            layers += [*_convolution(before, width, stride=2), nn.ReLU(), Residual(width)]
        places = (SIDE >> len(widths)) ** 2
        super().__init__(*layers, nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[-1] * places, outputs))


class Network(nn.Module):
    """Both networks. Pictures are (B, 3, 64, 64) in 0..1, masks (B, 1, 64, 64) of 0 and 1."""

    def __init__(self) -> None:
        super().__init__()
        self.expression = Trunk(7, WIDTHS, len(CLASSES))
        self.likeness = Trunk(4, LIKENESS_WIDTHS, FEATURES)

    def read(self, painted: Tensor, base: Tensor, mask: Tensor) -> Tensor:
        """(B, 29) logits of CLASSES."""
        seen = torch.cat((_inside(painted, mask), _inside(base, mask), mask), 1)
        logits: Tensor = self.expression(seen.to(memory_format=torch.channels_last))
        return logits

    def place(self, painted: Tensor, mask: Tensor) -> Tensor:
        """(B, FEATURES), unit length: where a face lies among all faces."""
        seen = torch.cat((_inside(painted, mask), mask), 1)
        return normalize(self.likeness(seen.to(memory_format=torch.channels_last)).float(), dim=1)


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the recogniser makes of a batch.

    probabilities: (B, 29) of CLASSES; features, base_features: (B, FEATURES) of unit length, of the paintings and of
    their base pictures.
    """

    probabilities: Tensor
    features: Tensor
    base_features: Tensor

    @property
    def distances(self) -> Tensor:
        """(B,) how far each painting lies from its base, in 0..2: one minus the cosine."""
        return 1 - (self.features * self.base_features).sum(1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """From where on the recogniser refuses; they live in its file, measured on characters it never saw.

    shown: the least probability of the wanted expression; broken: the most of "broken"; distance: the most from the
    base picture.
    """

    shown: float
    broken: float
    distance: float


class Recogniser:
    """The networks of one file, read when they are first needed. Computes on the CPU, a few milliseconds a face.

    Raises ModelMissing, with what to do, for a file that is not there or holds something else.
    """

    def __init__(self, file: Path = WEIGHTS) -> None:
        self._file = file

    @cached_property
    def network(self) -> Network:
        """The networks, in float32."""
        network = Network()
        try:
            with safe_open(self._file, "pt") as file:
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            network.load_state_dict(weights)
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ModelMissing(f"The recogniser {self._file} cannot be read: install Mien again.") from error
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network.eval().requires_grad_(False)

    @cached_property
    def bounds(self) -> Bounds:
        """What the file says about where to refuse."""
        try:
            with safe_open(self._file, "pt") as file:
                return Bounds(**json.loads((file.metadata() or {})["bounds"]))
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelMissing(f"The recogniser {self._file} cannot be read: install Mien again.") from error

    @torch.inference_mode()
    def recognise(self, painted: Tensor, base: Tensor, mask: Tensor) -> Recognition:
        """What faces show and whose they are. painted, base (B, 3, S, S) in 0..1; mask (B, 1, S, S) of 0 and 1."""
        painted, base, mask = seen(painted), seen(base), (seen(mask) > 0).float()
        read = self.network.read(painted, base, mask).softmax(1)
        places = self.network.place(torch.cat((painted, base)), mask.repeat(2, 1, 1, 1))
        return Recognition(read, *places.chunk(2))


def seen(pictures: Tensor) -> Tensor:
    """(B, C, S, S) of any size as the networks see it, (B, C, 64, 64) within 0..1."""
    small = interpolate(pictures.float(), (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
    return small.clamp(0, 1)


def _inside(pictures: Tensor, mask: Tensor) -> Tensor:
    """-1..1 inside the mask, 0 outside: what lies around a face must not tell whose it is."""
    return (pictures * 2 - 1) * mask


def _convolution(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)]
