"""`mien feel` as people use it: a process with pipes, given what a filter may be given."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO

import pytest

from bot.errors import UNKNOWN, MienError
from bot.feel import hear
from emotion.classifier import Scores

NASTY: list[tuple[bytes, str | None]] = [  # a line, and the label that must come out of it
    (b"I love you so much, you are wonderful!", "love"),
    (b"", "neutral"),
    (b"Thank you so much for your help!" + b" " * 10_000, "gratitude"),
    (b"x" * 10_000, None),
    (("Thank you! " * 1_000).encode(), "gratitude"),
    ("😭😭😭".encode(), None),
    ("❤️🧑‍🚀👩🏽‍🚒".encode(), None),
    ("Ты меня очень обидел. 雪が降る。 أنا سعيد جدا ฉันรักเธอ".encode(), None),
    (b"\x1b[31m\x07\x08 I \x00 love\x00 you so much \x7f", "love"),
    (b"\x00", "neutral"),
    (b"\xff\xfe\xfd", None),
    (b"\xed\xa0\x80 lone surrogates \xed\xb0\x80", None),
    (b"\xe2\x80\xae\xef\xbb\xbf", None),
    (b"\r", "neutral"),
    (b"I hate you! This makes me so angry!\r", "anger"),
    (b'{"text": "is this JSON?"}', None),
    (b"you did it! " + b"well " * 1_000_000 + b" thank you", None),  # 5 MB
    (b"I am so sorry, please forgive me", "remorse"),
]


def start(*arguments: str, home: Path) -> "subprocess.Popen[bytes]":
    environ = {**os.environ, "MIEN_BOT__STATE": str(home / "state"), "PYTHONIOENCODING": "ascii"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "bot.cli", "feel", *arguments]
    # Whoever started the tests in the background had Ctrl-C ignored in them, and in what they start.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], env=environ, preexec_fn=heard, **pipes)


def pipe_of(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe
    return pipe


def test_every_line_is_answered_in_order_whatever_it_is(tmp_path: Path) -> None:
    with start("--json", home=tmp_path) as process:
        out, err = process.communicate(b"\n".join(line for line, _ in NASTY))
    assert (process.returncode, err) == (0, b"")
    answers = [json.loads(line) for line in out.splitlines()]
    assert len(answers) == len(NASTY)
    for (line, expected), answer in zip(NASTY, answers, strict=True):
        assert len(answer["scores"]) == 28 and all(0 <= p <= 1 for p in answer["scores"].values())
        assert expected is None or expected in answer["labels"], line[:60]


def test_a_line_is_answered_before_the_next_is_asked_and_ctrl_c_ends_the_waiting(tmp_path: Path) -> None:
    with start(home=tmp_path) as process:
        for said, felt in (("I love you so much!", "love"), ("", "neutral"), ("Thank you so much!", "gratitude")):
            pipe_of(process.stdin).write(f"{said}\n".encode())
            pipe_of(process.stdin).flush()
            assert felt in pipe_of(process.stdout).readline().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert pipe_of(process.stderr).read() == b""


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    with start("--json", home=tmp_path) as process:
        pipe_of(process.stdin).write(b"hello\n" * 5_000)
        pipe_of(process.stdin).close()
        assert json.loads(pipe_of(process.stdout).readline())["labels"]
        pipe_of(process.stdout).close()
        assert pipe_of(process.stderr).read() == b""
        assert process.wait(timeout=30) == 0


class Choosy:
    """Refuses batches with a bad text in them."""

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        if "bad" in texts:
            raise MienError("This cannot be felt.")
        if "worse" in texts:
            raise ZeroDivisionError
        return [(float(len(text)),) for text in texts]

    def labels(self, scores: Scores) -> list[str]:
        return []


@pytest.mark.filterwarnings("error")
async def test_a_line_that_fails_is_a_sentence_in_its_place() -> None:
    assert await hear(Choosy(), ["a", "bad", "bcd"]) == [(1.0,), "This cannot be felt.", (3.0,)]
    assert await hear(Choosy(), ["worse", "ab"]) == [UNKNOWN, (2.0,)]
