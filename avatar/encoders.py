"""Text encoders: what reads a prompt for a painter. Opened only to read, and dismissed when they have.

A painter may have several (SDXL, Flux). Each is a `Reading`: it is opened, reads texts, and goes, so that no two need
memory at the same time; then the family joins what they read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from avatar.conditioning import Conditioning


class Read(NamedTuple):
    """What one encoder read in one text, on the CPU: states (tokens, width), and the text as a whole (width,)."""

    states: Tensor
    pooled: Tensor | None = None


class Reading(Protocol):
    """One text encoder, opened. `module` must be on the device while it reads."""

    module: torch.nn.Module

    def read(self, texts: list[str]) -> list[Read]:
        """One after the other."""
        ...


@dataclass(frozen=True, slots=True)
class Encoders:
    """A painter's text encoders.

    revision: identifies their weights; stages: each opens one of them; join: makes one conditioning of what all of them
    read in the same text, in the type they computed in; silent: where nothing is unwanted, that is told as zeros, not
    as an empty text.
    """

    revision: str
    stages: Sequence[Callable[[], Reading]]
    join: Callable[[list[Read]], Conditioning]
    silent: bool = False

    def emptied(self, told: Conditioning) -> Conditioning:
        """What an empty text becomes as that which is unwanted."""
        if not self.silent:
            return told
        pooled = None if told.pooled is None else told.pooled.new_zeros(told.pooled.shape)
        return Conditioning(told.tokens.new_zeros(told.tokens.shape), pooled)


def only(reads: list[Read]) -> Conditioning:
    """What the only encoder read."""
    [read] = reads
    return Conditioning(read.states, read.pooled)
