"""What the denoising loop asks of a network of any family."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from avatar.conditioning import Conditioning


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a batch of faces is to show, on the device: tokens (B, tokens, width), pooled (B, width) or None; unwanted:
    what they must not show, where the network is guided away from it."""

    tokens: Tensor
    pooled: Tensor | None = None
    unwanted: "Told | None" = None

    @classmethod
    def of(cls, conditionings: list[Conditioning], device: torch.device, dtype: torch.dtype) -> "Told":
        """One conditioning a face, all of the same model."""
        pooled = [each.pooled for each in conditionings if each.pooled is not None]
        unwanted = [each.unwanted for each in conditionings if each.unwanted is not None]
        return cls(
            torch.stack([each.tokens for each in conditionings]).to(device, dtype),
            torch.stack(pooled).to(device, dtype) if pooled else None,
            cls.of(unwanted, device, dtype) if unwanted else None,
        )

    def part(self, begin: int, end: int) -> "Told":
        """What the faces from `begin` to before `end` are to show."""
        return Told(
            self.tokens[begin:end],
            None if self.pooled is None else self.pooled[begin:end],
            None if self.unwanted is None else self.unwanted.part(begin, end),
        )

    def twice(self) -> "Told":
        """First what is not wanted, then what is, as one batch; as it is where nothing is unwanted."""
        if self.unwanted is None:
            return self
        pooled = None
        if self.pooled is not None and self.unwanted.pooled is not None:
            pooled = torch.cat((self.unwanted.pooled, self.pooled))
        return Told(torch.cat((self.unwanted.tokens, self.tokens)), pooled)


class Network(Protocol):
    """Sees a batch of noisy codes and says what its course makes a step of."""

    @property
    def module(self) -> torch.nn.Module:
        """The model; its weights are on the device while it is asked."""
        ...

    @property
    def guided(self) -> bool:
        """Whether it wants to know what is unwanted, and is asked twice for it."""
        ...

    def ask(self, sample: Tensor, shown: Tensor | None, timestep: Tensor, told: Told) -> Tensor:
        """Noisy codes (b, C, h, w), what is shown beside them (b, D, h, w) -> (b, C, h, w) float32."""
        ...
