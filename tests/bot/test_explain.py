"""`mien paint --explain`: why each attempt at a face is fit or not, with its picture."""

import json
from pathlib import Path

import pytest
from PIL import Image

from bot.cli import main
from tests.tiny_painter import write_painter


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the picture goes; an untrained painter, whose noise is never fit, paints it."""
    monkeypatch.setenv("MIEN_FACE__MODEL", str(write_painter(tmp_path / "painter")))
    monkeypatch.setenv("MIEN_BOT__STATE", str(tmp_path / "state"))
    return tmp_path / "joy.png"


def explain(out: Path, *more: str) -> None:
    assert main(["paint", "--persona", "marigold", "--expression", "joy", "--out", str(out), "--explain", *more]) == 0


def test_each_attempt_has_its_reason_its_figures_and_its_picture(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain(out)
    lines = capsys.readouterr().out.strip().splitlines()
    for number in (1, 2, 3):
        told, measured = lines[2 * number - 2 : 2 * number]
        assert told.startswith(f"{out.with_name(f'joy-{number}.png')}: seed {number - 1}, refused: ")
        assert "(never shown)" in told and "noise " in measured and "shown " in measured and "distance " in measured
        with Image.open(out.with_name(f"joy-{number}.png")) as picture:
            assert picture.size == (512, 512)
    assert lines[-1] == f"{out}: Marigold, neutral"


def test_as_json_it_is_one_object(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    explain(out, "--json", "--seed", "5")
    answer = json.loads(capsys.readouterr().out)
    assert [attempt["seed"] for attempt in answer["attempts"]] == [5, 6, 7]
    assert all(attempt["broken"] and not attempt["fit"] and attempt["why"] for attempt in answer["attempts"])
    assert answer["expression"] == "neutral" and Path(answer["attempts"][2]["out"]).is_file()
