"""What shines through the noise while the painter learns: true pictures, worn as its own guesses are.

Shown only noisy true pictures, a network learns to trust whatever shines through. Painting in four steps, what shines
through is its own last guess: softer than a drawing, with a breath of the old eyes in it; trusted, both stay. So half
of the pictures are worn before noise is laid over them, and the answer asked for is the clean one. (Letting it go its
own way in training, step by step, taught it the mean of all likely faces instead: docs/LOG.md.)
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

WORN = 0.5  # share of pictures
SOFTEST = 4  # times blurred, at most
GHOST = 0.5  # most of the old face that stays somewhere
BINOMIAL = torch.tensor([0.25, 0.5, 0.25])


def worn(target: Tensor, base: Tensor) -> Tensor:
    """target, base (N, 3, S, S) -> what a painter might have made of the target by now, (N, 3, S, S)."""
    softer, kinds = target, [target]
    for _ in range(SOFTEST):
        softer = soften(softer)
        kinds.append(softer)
    chosen = torch.stack(kinds)[torch.randint(SOFTEST + 1, (len(target),)), torch.arange(len(target))]
    spots = interpolate(torch.rand(len(target), 1, 5, 5), target.shape[-2:], mode="bicubic", align_corners=False)
    ghosted = torch.lerp(chosen, base, GHOST * torch.rand(len(target), 1, 1, 1) * spots.clamp(0, 1))
    which = torch.rand(len(target), 1, 1, 1) < WORN
    return torch.where(which, ghosted, target)


def soften(pictures: Tensor) -> Tensor:
    """(N, C, S, S) -> the same, each pixel with its neighbours by (1, 2, 1) / 4 in both directions."""
    channels = pictures.shape[1]
    wide = pad(pictures, (1, 1, 1, 1), mode="replicate")
    across = conv2d(wide, BINOMIAL.view(1, 1, 1, 3).repeat(channels, 1, 1, 1), groups=channels)
    return conv2d(across, BINOMIAL.view(1, 1, 3, 1).repeat(channels, 1, 1, 1), groups=channels)
