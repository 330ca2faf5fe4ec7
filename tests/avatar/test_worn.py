"""Pictures worn as a painter's own guesses: softer and with something of the old face, but never of another colour."""

import torch

from avatar.starter.worn import GHOST, WORN, soften, worn


def test_about_half_stay_as_they_are_and_the_others_lie_between_the_two_faces() -> None:
    torch.manual_seed(1)
    target, base = torch.zeros(200, 3, 32, 32), torch.ones(200, 3, 32, 32)
    made = worn(target, base)
    same = (made == target).flatten(1).all(1)
    assert abs(float(same.float().mean()) - (1 - WORN)) < 0.12
    assert made.min() >= 0
    assert 0.25 < made.max() <= GHOST


def test_softening_keeps_flat_colours_and_moves_no_edge() -> None:
    picture = torch.zeros(1, 3, 9, 16)
    picture[..., 8:] = torch.tensor([0.2, -0.5, 1.0])[None, :, None, None]
    softer = soften(soften(picture))
    assert torch.allclose(softer[..., :5], picture[..., :5])
    assert torch.allclose(softer[..., 11:], picture[..., 11:])
    assert torch.allclose(softer + softer.flip(-1), (picture + picture.flip(-1)))  # as much on either side
    assert softer.diff(dim=-1).abs().max() < picture.diff(dim=-1).abs().max() / 2
