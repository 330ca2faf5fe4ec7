"""What hears texts or windows on the device: tokens, then 28 probabilities each. One form for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import torch
from torch import Tensor

from emotion.scorer import Scorer
from emotion.tokens import Row

Scores: TypeAlias = tuple[float, ...]
"""28 probabilities in the order of EMOTIONS. A message's need not sum to 1: it may hold several emotions."""

K = TypeVar("K")


@dataclass(frozen=True)
class Ear(Generic[K]):
    """Two steps of one kind of network, both for the device's thread.

    tokens: what is heard, in order, as the network's own rows. probabilities: some of those rows -> (n, 28) float32.
    """

    tokens: Callable[[Sequence[K]], list[Any]]
    probabilities: Callable[[Sequence[Any]], Tensor]


def averaged(
    tokens: Callable[[Sequence[K]], list[Row]], nets: Sequence[Scorer], squash: Callable[[Tensor], Tensor]
) -> Ear[K]:
    """The ear of one or several starter networks: the mean of their probabilities."""

    def probabilities(rows: Sequence[Row]) -> Tensor:
        return torch.stack([squash(net(rows)) for net in nets]).mean(0)

    return Ear(tokens, probabilities)
