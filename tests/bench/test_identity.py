"""The bench of identity, on characters drawn by code and the recogniser that comes with Mien."""

import torch

from avatar.recogniser import Recogniser
from bench.identity import FEELINGS, Sitter, _planes, characters, cut_of, distances, judged

SIDE = 64


def sitters(count: int) -> list[Sitter]:
    """Characters with true drawings for faces."""
    found = []
    for one in characters(count):
        base = cut_of(one, "neutral", SIDE)
        faces = torch.stack([_planes(cut_of(one, feeling, SIDE)) for feeling in FEELINGS])
        found.append(Sitter(_planes(base), faces, torch.from_numpy(base.mask)[None]))
    return found


def test_nearest_to_ones_own_base_is_counted_and_nothing_else() -> None:
    apart = torch.tensor([[[0.1, 0.5, 0.2]], [[0.3, 0.2, 0.9]], [[0.4, 0.01, 0.3]]])
    same, own, nearest = judged(apart)
    assert same.flatten().tolist() == [True, True, False]
    assert torch.allclose(own.flatten(), torch.tensor([0.1, 0.2, 0.3]))
    assert torch.allclose(nearest.flatten(), torch.tensor([0.2, 0.3, 0.01]))


def test_drawn_faces_are_their_own_and_strangers_faces_are_not() -> None:
    true, recogniser = sitters(10), Recogniser()
    for own_masks in (True, False):
        same, _, _ = judged(distances(recogniser, true, own_masks=own_masks))
        assert same.shape == (10, 3) and same.float().mean() > 0.9
    mixed = [Sitter(one.base, other.faces, one.mask) for one, other in zip(true, true[1:] + true[:1], strict=True)]
    same, _, _ = judged(distances(recogniser, mixed, own_masks=False))
    assert same.float().mean() < 0.3


def test_the_characters_are_different_and_the_same_every_time() -> None:
    assert list(characters(12)) == list(characters(12)) and len({str(one) for one in characters(12)}) == 12
