"""Standard input as lines: through real pipes and files, in any pieces."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import MienError
from bot.lines import KEPT, lines


async def read(descriptor: int) -> list[str]:
    return [line for there in [part async for part in lines(descriptor)] for line in there]


def from_file(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    with path.open("rb") as file:
        return asyncio.run(read(file.fileno()))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"one\r\ntwo\r\n\r\nthree", ["one", "two", "", "three"]),
        (b"a\rb\x00c\x0bd\x85e\n", ["a\rb\x00c\x0bd\ufffde"]),
        ("käse 🧀\u2028雪\n".encode(), ["käse 🧀\u2028雪"]),
        (b"\xff\xfe\n\xed\xa0\x80\nfine\n", ["\ufffd\ufffd", "\ufffd" * 3, "fine"]),
    ],
)
def test_bytes_become_lines(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    assert from_file(tmp_path / "in", content) == expected


def test_of_an_endless_line_both_ends_are_kept(tmp_path: Path) -> None:
    [line, after] = from_file(tmp_path / "in", b"begin" + b"x" * 5_000_000 + b"end\nafter")
    assert line.startswith("beginx") and line.endswith("xend") and KEPT < len(line) <= 4 * KEPT
    assert after == "after"
    exact = b"y" * (2 * KEPT)
    assert from_file(tmp_path / "in", exact) == [exact.decode()]


@given(st.lists(st.binary(max_size=9), max_size=12))
def test_it_does_not_matter_in_which_pieces_bytes_arrive(pieces: list[bytes]) -> None:
    async def through_a_pipe() -> list[str]:
        end, start = os.pipe()
        reading = asyncio.create_task(read(end))
        for piece in pieces:
            os.write(start, piece)
            await asyncio.sleep(0)
        os.close(start)
        try:
            return await reading
        finally:
            os.close(end)

    whole = b"".join(pieces)
    expected = whole.removesuffix(b"\n").split(b"\n") if whole else []
    assert asyncio.run(through_a_pipe()) == [line.decode(errors="replace").removesuffix("\r") for line in expected]


async def test_waiting_for_a_line_can_be_given_up() -> None:
    end, start = os.pipe()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await read(end)
    os.write(start, b"still there\n")
    os.close(start)
    assert await read(end) == ["still there"]
    os.close(end)


async def test_what_cannot_be_read_is_a_sentence() -> None:
    end, start = os.pipe()
    os.close(end)
    os.close(start)
    with pytest.raises(MienError, match=r"^Standard input cannot be read: .*\.$"):
        await read(end)
