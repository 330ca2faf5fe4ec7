"""When a moving face is seen: asked for where it moves, shown for as long as it takes to move on."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar.pacing import (
    CLOSEST,
    HOLD_SECONDS,
    TICK,
    WAY_SECONDS,
    between_widest,
    eased_at,
    milliseconds,
    there_and_back,
)

DISTANCES = st.lists(st.floats(0, 10), min_size=1, max_size=20)


def test_new_faces_lie_where_the_face_moves_most() -> None:
    assert between_widest([0, 0.25, 0.5, 0.75, 1], [0.01, 0.2, 0.1, 0.01], 3) == [0.3125, 0.375, 0.625]
    assert between_widest([0, 1], [0.5], 1) == [0.5]
    assert between_widest([0.5, 0.5 + CLOSEST], [9.0], 4) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=9, unique=True).map(sorted), st.integers(0, 8), st.data())
def test_new_faces_are_new_and_in_order(shares: list[float], count: int, data: st.DataObject) -> None:
    distances = data.draw(st.lists(st.floats(0, 1), min_size=len(shares) - 1, max_size=len(shares) - 1))
    chosen = between_widest(shares, distances, count)
    assert len(chosen) <= count and not {*chosen} & {*shares}
    assert all(one < other for one, other in pairwise(chosen))
    assert all(shares[0] < share < shares[-1] for share in chosen)


def test_the_loop_goes_there_and_back_without_showing_an_end_twice() -> None:
    assert there_and_back(4) == [0, 1, 2, 3, 2, 1]
    assert there_and_back(2) == [0, 1]


@settings(deadline=None)
@given(DISTANCES)
def test_every_face_is_shown_and_the_loop_takes_its_time(distances: list[float]) -> None:
    shown = milliseconds(distances)
    assert len(shown) == len(there_and_back(len(distances) + 1))
    assert all(one >= TICK and one % TICK == 0 for one in shown)
    wanted = 2000 * (WAY_SECONDS + HOLD_SECONDS)
    assert wanted - TICK <= sum(shown) <= wanted + TICK * len(shown)


def test_the_ends_stand_still_and_the_middle_is_fastest() -> None:
    there = milliseconds([0.1] * 12)[:13]
    assert min(there[0], there[-1]) >= 1000 * HOLD_SECONDS
    assert there[1] > there[6] and there[11] > there[6]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_easing_is_turned_around_exactly(share: float) -> None:
    time = eased_at(share)
    assert 3 * time**2 - 2 * time**3 == pytest.approx(share, abs=1e-12)
