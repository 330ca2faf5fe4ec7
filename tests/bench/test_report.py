"""A benchmark takes turns, ends in one JSON object, and records only when told to."""

import csv
import json
from pathlib import Path

import pytest

from bench import report
from bench.report import finish, interleaved, parser, spread


def test_baseline_and_ours_take_turns_after_one_warm_up_each() -> None:
    order: list[str] = []
    baseline_s, ours_s = interleaved(lambda: order.append("baseline"), lambda: order.append("ours"), rounds=3)
    assert order == ["baseline", "ours"] * 4
    assert (len(baseline_s), len(ours_s)) == (3, 3)


def test_times_are_told_as_units_a_second() -> None:
    assert spread([2.0, 4.0, 8.0], 64) == {"median": 16.0, "best": 32.0}


def test_the_last_line_is_one_json_object_and_json_prints_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    finish("nothing", 1.25, {"tokens_per_s": 3}, parser("").parse_args(["--json"]))
    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert (result["name"], result["ratio"], result["figures"]) == ("nothing", 1.25, {"tokens_per_s": 3})
    assert result["hardware"]
    assert result["commit"]
    finish("nothing", 1.25, {"tokens_per_s": 3}, parser("").parse_args([]))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["name"] == "nothing"


def test_results_are_appended_only_when_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results.csv")
    finish("nothing", 1.0, {}, parser("").parse_args(["--json"]))
    assert not report.RESULTS.exists()
    for ratio in (2.0, 1.5):
        finish("nothing", ratio, {"a": 1}, parser("").parse_args(["--json", "--record"]))
    with report.RESULTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["ratio"] for row in rows] == ["2.0", "1.5"]
    assert json.loads(rows[0]["figures"]) == {"a": 1}
