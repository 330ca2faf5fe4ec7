"""Breaks faces in the ways painters break them, so that the recogniser learns what must not be shown.

A face is (3, S, S) in 0..1. Every way takes the face, the base picture's, another expression's of the same character,
the mask (1, S, S) and a chance, and changes nothing outside the mask.
"""

import math
from collections.abc import Callable
from random import Random

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate

VISIBLE, ENOUGH = 0.12, 0.03  # a face is broken where this share of the mask differs by so much
Way = Callable[[Tensor, Tensor, Tensor, Random], Tensor]  # face, base, other, chance -> spoilt


def spoil(face: Tensor, base: Tensor, other: Tensor, mask: Tensor, chance: Random) -> Tensor:
    """One way, by lot; another where it changed next to nothing, as when two like faces are blended."""
    for way in chance.sample(WAYS, len(WAYS)):
        spoilt = torch.where(mask > 0, way(face, base, other, chance).clamp(0, 1), face)
        if ((spoilt - face).abs().amax(0) > VISIBLE)[mask[0] > 0].float().mean() > ENOUGH:
            break
    return spoilt


def blended(face: Tensor, base: Tensor, other: Tensor, chance: Random) -> Tensor:
    """Two faces shine through each other: the old one that was not painted over, or a second one."""
    beneath = base if chance.random() < 0.5 else other
    return torch.lerp(face, beneath, chance.uniform(0.35, 0.6))


def halved(face: Tensor, base: Tensor, other: Tensor, chance: Random) -> Tensor:
    """On one side of a line one face, on the other side another."""
    angle, size = chance.uniform(0, 2 * math.pi), face.shape[-1]
    along = torch.linspace(-1, 1, size)
    side = math.cos(angle) * along[None, :] + math.sin(angle) * along[:, None] > chance.uniform(-0.15, 0.15)
    return torch.where(side, face, other)


def blank(face: Tensor, base: Tensor, other: Tensor, chance: Random) -> Tensor:
    """Skin where features were: all of the face, or nothing but what a heavy blur leaves of it."""
    if chance.random() < 0.5:
        skin = base.flatten(1).median(1).values[:, None, None]
        return skin + chance.uniform(0, 0.02) * torch.randn(face.shape, generator=_generator(chance))
    return _coarse(face, chance.choice((3, 4, 5, 6)))


def erased(face: Tensor, base: Tensor, other: Tensor, chance: Random) -> Tensor:
    """Skin in place of a part of the face: an eye, both, the mouth."""
    skin = base.flatten(1).median(1).values[:, None, None].expand_as(face)
    size = face.shape[-1]
    x, y = chance.uniform(0.3, 0.7) * size, chance.choice((0.42, 0.68)) * size
    wide, tall = chance.uniform(0.18, 0.5) * size, chance.uniform(0.14, 0.25) * size
    rows, columns = torch.arange(size)[:, None] - y, torch.arange(size)[None, :] - x
    return torch.where((rows / tall) ** 2 + (columns / wide) ** 2 < 1, skin, face)


def smeared(face: Tensor, base: Tensor, other: Tensor, chance: Random) -> Tensor:
    """Drawn out of shape by a rough field: melted features."""
    size, strength = face.shape[-1], chance.uniform(0.06, 0.16)
    field = torch.randn(1, 2, *(2 * (chance.choice((5, 7, 10)),)), generator=_generator(chance))
    field = interpolate(field, (size, size), mode="bicubic", align_corners=False)[0].permute(1, 2, 0)
    along = torch.linspace(-1, 1, size)
    grid = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1) + strength * field
    return grid_sample(face[None], grid[None], padding_mode="border", align_corners=True)[0]


def noisy(face: Tensor, base: Tensor, other: Tensor, chance: Random) -> Tensor:
    """Noise, fine or in blots, over the face."""
    size = face.shape[-1]
    cells = chance.choice((size, size // 2, size // 4, size // 8))
    noise = torch.randn(1, 3, cells, cells, generator=_generator(chance))
    return face + chance.uniform(0.15, 0.45) * interpolate(noise, (size, size), mode="bilinear")[0]


def shuffled(face: Tensor, base: Tensor, other: Tensor, chance: Random) -> Tensor:
    """Its patches in another order: what a codec that failed leaves."""
    size, patch = face.shape[-1], chance.choice((4, 8, 16))
    count = size // patch
    cells = face.unfold(1, patch, patch).unfold(2, patch, patch).reshape(3, count * count, patch, patch)
    order = list(range(count * count))
    moved = chance.sample(order, max(2, round(len(order) * chance.uniform(0.3, 1.0))))
    for here, there in zip(moved, moved[1:] + moved[:1], strict=True):
        order[here] = there
    cells = cells[:, order].reshape(3, count, count, patch, patch)
    return cells.permute(0, 1, 3, 2, 4).reshape(3, size, size)


WAYS: tuple[Way, ...] = (blended, halved, blank, erased, smeared, noisy, shuffled)


def _coarse(face: Tensor, cells: int) -> Tensor:
    size = face.shape[-1]
    small = avg_pool2d(face[None], size // cells)
    return interpolate(small, (size, size), mode="bilinear", align_corners=False)[0]


def _generator(chance: Random) -> torch.Generator:
    return torch.Generator().manual_seed(chance.getrandbits(48))
