"""Classifier-free guidance for text: away from what a second, negative prompt would say.

    log p_guided = log p_negative + scale · (log p_positive − log p_negative)

"Stay on topic with Classifier-Free Guidance", Sanchez et al. 2023, arXiv 2306.17806, equation 7 (with a negative
prompt). Both rows read the same reply behind their own prompt, each in its own past. Scale 1 is the model itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.tokens import Message


@dataclass(frozen=True, slots=True)
class Guidance:
    """What a reply should be unlike, and how much.

    messages: the negative prompt: a whole conversation as `Engine.stream` takes it, usually the same one under a
    system message that describes what is not wanted. scale: 1 costs nothing and changes nothing; 1.2 to 3 is usual;
    below 1 leans towards the negative prompt.
    """

    messages: Sequence[Message]
    scale: float = 1.5

    def __post_init__(self) -> None:
        if not (self.scale >= 0 and math.isfinite(self.scale)):
            raise ValueError(f"The scale of guidance must be 0 or more, not {self.scale!r}.")


def guided(positive: Tensor, negative: Tensor, scale: float) -> Tensor:
    """Log-probabilities (V,) float32, not normalised, from the logits (V,) of both prompts."""
    towards, away = torch.log_softmax(positive.float(), 0), torch.log_softmax(negative.float(), 0)
    return away + scale * (towards - away)
