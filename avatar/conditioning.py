"""What a painter is told to paint, as numbers, and what lies between two of them. It knows no model and no words."""

from dataclasses import dataclass

import torch
from torch import Tensor

PARALLEL = 0.9995  # cosine from which on the arc between two vectors is as good as straight


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """A prompt as the network takes it.

    tokens: (tokens, width) float32 on the CPU; pooled: (width,) float32 on the CPU, the prompt as a whole, where a
    family wants it (SDXL, Flux); unwanted: what must not be seen, where a painter is guided away from it.
    """

    tokens: Tensor
    pooled: Tensor | None = None
    unwanted: "Conditioning | None" = None

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of its parts: conditionings of the same model, and only those, have the same."""
        return tuple(tuple(part.shape) for part in (self.tokens, self.pooled) if part is not None)


def between(a: Conditioning, b: Conditioning, share: float) -> Conditioning:
    """Spherical interpolation, token by token: share 0 = a, 1 = b. ValueError for conditionings of two models.

    Directions turn along the arc, lengths grow along the line (Shoemake, *Animating rotation with quaternion curves*,
    1985), so that what lies between two prompts is as long as prompts are.
    """
    if a.shapes != b.shapes:
        raise ValueError(f"conditionings must be of the same model, got {a.shapes} and {b.shapes}")
    pooled = None if a.pooled is None or b.pooled is None else _arc(a.pooled, b.pooled, share)
    return Conditioning(_arc(a.tokens, b.tokens, share), pooled, a.unwanted)


def _arc(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Vectors (..., width) to (..., width); exactly a at 0 and b at 1."""
    if share in (0, 1):
        return b if share else a
    long_a, long_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    towards_a, towards_b = a / long_a.clamp(min=1e-12), b / long_b.clamp(min=1e-12)
    cosine = (towards_a * towards_b).sum(-1, keepdim=True)
    angle = cosine.clamp(-1, 1).acos()
    turned = (((1 - share) * angle).sin() * towards_a + (share * angle).sin() * towards_b) / angle.sin().clamp(min=1e-6)
    length = torch.lerp(long_a, long_b, share)
    return torch.where(cosine.abs() > PARALLEL, torch.lerp(a, b, share), turned * length)
