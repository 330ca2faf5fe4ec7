"""Who goes next is a pure choice: no device, no thread, and a clock that the tests move."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.schedule import Schedule


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(schedule: Schedule[str], clock: Clock, steps: int, seconds: float) -> str:
    """The members of the next `steps` steps, each of which takes `seconds`."""
    order = ""
    for _ in range(steps):
        member = schedule.next()
        clock.now += seconds
        schedule.stepped(member)
        order += member
    return order


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Schedule[str]:
    return Schedule(ageing=2.0, clock=clock)


def test_the_smallest_number_goes_first(schedule: Schedule[str], clock: Clock) -> None:
    for member, priority in (("p", 2), ("r", 1), ("f", 0)):
        schedule.add(member, priority)
    assert run(schedule, clock, 3, 0.01) == "fff"
    schedule.remove("f")
    assert run(schedule, clock, 3, 0.01) == "rrr"


def test_equals_take_turns(schedule: Schedule[str], clock: Clock) -> None:
    for member in "abc":
        schedule.add(member, 1)
    assert run(schedule, clock, 7, 0.01) == "abcabca"


def test_a_newcomer_waits_behind_its_equals_once(schedule: Schedule[str], clock: Clock) -> None:
    schedule.add("a", 1)
    schedule.add("b", 1)
    run(schedule, clock, 1, 0.01)
    schedule.add("c", 1)
    assert run(schedule, clock, 5, 0.01) == "bacba"  # a's turn was before c came


def aged(order: str, member: str = "p") -> list[int]:
    """How many steps of others went before each step of `member`."""
    return [len(others) for others in order.split(member)[:-1]]


def test_waiting_ages_so_that_a_portrait_gets_a_step_in_two_seconds_of_replies(
    schedule: Schedule[str], clock: Clock
) -> None:
    schedule.add("r", 1)
    schedule.add("p", 2)
    assert aged(run(schedule, clock, 1000, 1 / 128)) == [256, 256, 256]


def test_slow_steps_are_not_interrupted_more_often_than_quick_ones(schedule: Schedule[str], clock: Clock) -> None:
    schedule.add("r", 1)
    schedule.add("p", 2)
    assert aged(run(schedule, clock, 400, 0.05)) == [129, 128, 128]  # the first has no turn before it in its round


def test_very_slow_steps_do_not_starve_anybody(schedule: Schedule[str], clock: Clock) -> None:
    schedule.add("r", 1)
    schedule.add("p", 2)
    assert aged(run(schedule, clock, 50, 0.5)) == [20, 20]


@pytest.mark.parametrize("replies", [1, 2, 16])
def test_replies_that_share_their_steps_are_not_interrupted_more_often(
    schedule: Schedule[str], clock: Clock, replies: int
) -> None:
    """The first of them reads for all, in 20 ms; the turns of the others are over at once."""
    writing = [chr(ord("A") + number) for number in range(replies)]
    for member in writing:
        schedule.add(member, 1)
    schedule.add("p", 2)
    order = ""
    while clock.now < 30.0:
        order += run(schedule, clock, 1, 0.0 if order[-1:] in ("", *writing[:-1]) and replies > 1 else 0.02)
    per_token = [count / replies for count in aged(order)]
    assert len(per_token) >= 10 and all(count >= 127 for count in per_token)


def test_many_that_wait_do_not_interrupt_more_often_than_one(schedule: Schedule[str], clock: Clock) -> None:
    schedule.add("r", 1)
    for member in "abc":
        schedule.add(member, 2)
    order = run(schedule, clock, 1000, 0.01)
    assert order.replace("r", "") == "abca" and order.count("r") == 996


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.02, 0.4)), min_size=1, max_size=6))
def test_nobody_starves(members: list[tuple[int, float]]) -> None:
    clock = Clock()
    schedule: Schedule[int] = Schedule(ageing=0.5, longest=1.0, clock=clock)
    for number, (priority, _) in enumerate(members):
        schedule.add(number, priority)
    last = dict.fromkeys(range(len(members)), 0.0)
    # 3 priorities of 1 s to catch up with the most urgent and 1 s of rounding, for each of its equals; a step of each
    patience = len(members) * (4.0 + 0.4 * len(members))
    while clock.now < 2 * patience:
        number = schedule.next()
        assert clock.now - last[number] <= patience
        clock.now += members[number][1]
        schedule.stepped(number)
        last[number] = clock.now
    assert all(clock.now - then <= patience for then in last.values())


def test_an_empty_schedule_has_no_next(schedule: Schedule[str]) -> None:
    with pytest.raises(IndexError):
        schedule.next()
    assert not schedule.remove("nobody")


def test_choosing_needs_no_torch() -> None:
    code = "import inference.job, inference.schedule, inference.gpu, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
