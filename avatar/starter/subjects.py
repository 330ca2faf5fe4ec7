"""Whom a painter is measured on: characters it never saw, each with its base, the true drawings and its mask.

Five drawn by hand (strangers.py), the three sample characters, fifteen by lot with skin of every brightness, and the
eight open-peeps heads that are held out. All are cut as the painter cuts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor

from avatar.starter.cast import CAST
from avatar.starter.expressions import LABELS
from avatar.starter.palette import luminance
from avatar.starter.portraits import Character, random_character
from avatar.starter.published import Pixels, view_around
from avatar.starter.recipes import Peeps
from avatar.starter.sheets import CONTEXT, faces
from avatar.starter.strangers import STRANGERS

FIRST_SEED = 10_000_000
BANDS, PER_BAND = 5, 3  # of brightness, darkest first


@dataclass(frozen=True, slots=True)
class Subject:
    """base (1, 3, S, S) and drawn (n, 3, S, S) in -1..1, mask (1, 1, S, S) of 0 and 1, n labels.

    also: what a viewer may as well take a label's face for, where one drawing stands for several.
    """

    name: str
    base: Tensor
    drawn: Tensor
    mask: Tensor
    labels: list[str]
    also: Mapping[str, set[str]] = field(default_factory=dict)


def _drawn(name: str, character: Character) -> Subject:
    return Subject(name, *faces(character), list(LABELS))


def strangers() -> Iterator[Subject]:
    """The five characters drawn by hand."""
    return (_drawn(name, character) for name, character in STRANGERS.items())


def samples() -> Iterator[Subject]:
    """Marigold, Bram and Juno."""
    return (_drawn(name, character) for name, character in CAST.items())


def by_lot() -> Iterator[Subject]:
    """Three characters for each of five bands of the coat's brightness, by the first seeds that fit."""
    wanting, seed = [PER_BAND] * BANDS, FIRST_SEED
    while any(wanting):
        character = random_character(Random(seed))
        band = min(BANDS - 1, int(luminance(character.style.palette.coat) * BANDS))
        if wanting[band]:
            wanting[band] -= 1
            yield _drawn(str(seed), character)
        seed += 1


def held_out(folder: Path) -> Iterator[Subject]:
    """The open-peeps heads that were kept out of training, in colours by lot; the labels that they have faces for."""
    peeps = Peeps(folder)
    view = view_around(peeps.recipe.box, CONTEXT)
    mask = torch.from_numpy(peeps.region(view))[None, None].float()
    for place, head in enumerate(peeps.held_out_heads):
        outfit = peeps.outfit(Random(FIRST_SEED + place), head=head, accessories="")
        pictures = [peeps.picture(outfit, label, view, scale=2) for label in ("neutral", *peeps.labels)]
        drawn = _tensor(pictures)
        yield Subject(head, drawn[:1], drawn[1:], mask, peeps.labels, peeps.also)


def _tensor(pictures: list[Pixels]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
