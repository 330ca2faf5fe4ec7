"""The share benchmark: its arms do all of the work, whatever the order; its figures are those of the definition."""

import asyncio
from pathlib import Path

import pytest
import torch

from avatar.parts import open_parts
from bench.share import Timing, figures_of, measure, work_of
from inference.loader import load
from tests.inference.tiny_gguf import Q8_0, tiny_model, write_gguf
from tests.tiny_painter import write_painter

TOKENS, FACES = 12, 2


def test_every_arm_writes_every_token_and_paints_every_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_gguf(tmp_path / "tiny.gguf", tiny_model(), lambda name: Q8_0)
    loaded = load(str(tmp_path / "tiny.gguf"), tmp_path / "cache")
    parts = open_parts(write_painter(tmp_path / "painter"), torch.device("cpu"))
    seen = []
    parts.network.module.register_forward_hook(lambda *_: seen.append(1))
    monkeypatch.setattr("bench.share.PROMPT", [{"role": "user", "content": "a b"}])
    work = work_of(loaded, parts, TOKENS, FACES)
    arms = asyncio.run(measure(work, rounds=1, threads=1))
    assert [len(arms[arm][0].stamps) for arm in ("reply", "ours", "naive", "arriving")] == [TOKENS] * 4
    assert len(seen) >= 2 * 3 * FACES * 4  # a warm-up and a round of three arms; the fourth is cut short
    assert all(timing.done >= max(timing.stamps, default=0.0) for some in arms.values() for timing in some)


def timing(latencies: list[float], seconds: float, first: float = 1.0) -> Timing:
    stamps = [first]
    for latency in latencies:
        stamps.append(stamps[-1] + latency)
    return Timing(begun=0.0, stamps=stamps, done=seconds)


def test_the_figures_are_those_of_the_definition() -> None:
    arms = {
        "reply": [timing([0.01] * 100, 2.0), timing([0.01] * 100, 2.0)],
        "portrait": [Timing(0.0, [], 3.0), Timing(0.0, [], 3.0)],
        "ours": [timing([0.01] * 99 + [0.5], 5.0), timing([0.01] * 100, 6.0)],
        "naive": [timing([0.01] * 90 + [0.05] * 10, 4.0), timing([0.02] * 100, 4.0)],
        "arriving": [timing([], 2.0, first=1.5), timing([], 2.0, first=1.5)],
    }
    figures = figures_of(arms)
    assert figures["p99_beside_over_alone"] == 1.0  # one token in two hundred
    assert figures["naive_p99_beside_over_alone"] == 5.0
    assert (figures["makespan_over_sum"], figures["naive_makespan_over_sum"]) == (1.1, 0.8)
    assert (figures["ours_longest_ms"], figures["reply_p50_ms"]) == (500.0, 10.0)
    assert (figures["first_token_ms"], figures["first_token_during_portrait_ms"]) == (1000.0, 1500.0)
