"""Arithmetic with made-up needs; what real models need is tests/bot/test_footprint.py's business."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.job import NoRoom
from inference.plan import Kind, Need, Plan, parse_size, size

GIB = 1 << 30
NEEDS = (
    Need("the model", 5 * GIB),
    Need("2 replies of 4,096 tokens", 1 * GIB),
    Need("the painter", 4 * GIB, "comes and goes"),
    Need("the encoder", 2 * GIB, "comes and goes"),
    Need("a token", GIB // 2, "working"),
    Need("a denoising step", 1 * GIB, "working"),
)


@pytest.mark.parametrize(
    ("total", "apart", "swaps", "left", "fits"),
    [
        (14, True, False, 1, True),
        (13, True, False, 0, True),
        (12, True, True, 1, True),
        (11, True, True, 0, True),
        (10, True, True, -1, False),
        (13, False, False, 0, True),
        (12, False, False, -1, False),
    ],
)
def test_what_fits_what_takes_turns_and_what_cannot_be(
    total: int, apart: bool, swaps: bool, left: int, fits: bool
) -> None:
    plan = Plan("the card", total * GIB, NEEDS, apart=apart)
    assert (plan.swaps, plan.left, plan.refusal is None) == (swaps, left * GIB, fits)
    assert plan.data()["fits"] is fits


def test_a_refusal_has_the_arithmetic_and_says_what_to_do() -> None:
    plan = Plan("the card", 10 * GIB, NEEDS, advice="choose a smaller model, or fewer tokens")
    with pytest.raises(NoRoom) as refused:
        plan.check()
    assert str(refused.value) == (
        "the model needs 5.0 GiB, 2 replies of 4,096 tokens 1.0 GiB, the painter 4.0 GiB, a denoising step 1.0 GiB,"
        " together 11.0 GiB; the card has 10.0 GiB: choose a smaller model, or fewer tokens."
    )


def test_crumbs_are_not_named_but_counted() -> None:
    needs = (Need("the model", 30 * GIB), Need("the classifier", GIB // 2), Need("torch", GIB // 2))
    refusal = Plan("this machine", 16 * GIB, needs, apart=False).refusal
    assert refusal is not None
    assert refusal.startswith("the model needs 30.0 GiB, the rest 1.0 GiB, together 31.0 GiB; this machine has 16.0")


def test_what_fits_is_not_refused() -> None:
    Plan("the card", 11 * GIB, NEEDS).check()


def test_the_table_has_a_line_for_everybody() -> None:
    assert Plan("the card", 12 * GIB, NEEDS).table().splitlines() == [
        "the model                  5.0 GiB  stays",
        "2 replies of 4,096 tokens  1.0 GiB  stays",
        "the painter                4.0 GiB  comes and goes",
        "the encoder                2.0 GiB  comes and goes",
        "a token                    512 MiB  while a step runs",
        "a denoising step           1.0 GiB  while a step runs",
        "left                       1.0 GiB  of 12.0 GiB",
        "(parked in host memory: up to 6.0 GiB)",
    ]
    roomy = Plan("the card", 24 * GIB, NEEDS).table()
    assert roomy.count("stays while there is room") == 2
    assert "parked" not in Plan("this machine", 24 * GIB, NEEDS, apart=False).table()
    assert "\nlacking                    1.0 GiB  of 10.0 GiB\n" in Plan("the card", 10 * GIB, NEEDS).table()


KINDS: list[Kind] = ["stays", "comes and goes", "working"]


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 40)), min_size=1),
    st.integers(0, 200),
    st.booleans(),
)
def test_more_room_never_hurts_and_the_sums_are_those_of_the_definition(
    wanted: list[tuple[Kind, int]], total: int, apart: bool
) -> None:
    needs = tuple(Need(str(number), count, kind) for number, (kind, count) in enumerate(wanted))
    plan = Plan("the card", total, needs, apart=apart)
    guests = [count for kind, count in wanted if kind == "comes and goes"]
    step = max((count for kind, count in wanted if kind == "working"), default=0)
    settled = sum(count for kind, count in wanted if kind == "stays")
    assert plan.least == settled + step + (max(guests, default=0) if apart else sum(guests))
    assert (plan.refusal is None) == (plan.left >= 0) == (plan.least <= total)
    larger = Plan("the card", total + 1, needs, apart=apart)
    assert larger.left >= plan.left or (plan.swaps and not larger.swaps)
    assert plan.refusal is not None or larger.refusal is None


@pytest.mark.parametrize(
    ("text", "count"),
    [("24GB", 24 * GIB), ("24 GiB", 24 * GIB), ("0.5g", GIB // 2), ("512M", 512 << 20), ("1tb", 1 << 40), ("99", 99)],
)
def test_sizes_as_people_write_them(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "GB", "-3GB", "24 potatoes", "0", "0.0001B", "1e3GB", "24GBB"])
def test_what_is_no_size_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no size of a card: write it like 24GB"):
        parse_size(text)


def test_sizes_for_people() -> None:
    assert [size(count) for count in (0, 86 << 20, GIB - 1, GIB, 40_000 * GIB)] == [
        *("0 MiB", "86 MiB", "1,024 MiB", "1.0 GiB", "40,000.0 GiB")
    ]


def test_planning_needs_no_torch() -> None:
    code = "import inference.plan, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
