"""`mien paint` of what lies between two expressions: the real command, the real starter painter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.animation import EMOJI_BYTES, read_file
from avatar.checkpoint import STARTER
from bot.cli import main

ROOT = Path(__file__).parents[2]
FROM, TO = ("--from", "joy"), ("--to", "sadness")

starter = pytest.mark.skipif(not (STARTER / "unet").is_dir(), reason="the starter checkpoint is not in avatar/starter")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One state folder for all: every face is painted once."""
    home = tmp_path_factory.mktemp("home")
    return os.environ | {"MIEN_BOT__STATE": str(home / "state"), "MIEN_BOT__PERSONAS": str(ROOT / "personas")}


def mien(environment: dict[str, str], folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own."""
    command = [sys.executable, "-m", "bot.cli", *arguments]
    paths = environment | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=paths, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*FROM, "--to", "sadnes", "--out", "m.webp"), "no expression “sadnes”; the nearest is sadness"),
        (("--from", "joy", "--to", "joy", "--out", "m.webp"), "nothing moves: name two different expressions"),
        ((*FROM, *TO, "--out", "m.mp4"), "m.mp4 should end in .webp, .gif, .png or .apng"),
        ((*FROM, *TO, "--out", "nowhere/m.webp"), "nowhere/m.webp cannot be written"),
        ((*FROM, *TO, "--out", "folder.gif"), "folder.gif cannot be written"),
        ((*FROM, "--out", "m.webp"), "--from joy --to sadness"),
        (("anger", *FROM, *TO, "--out", "m.webp"), "not both"),
        ((*FROM, *TO, "--out", "m.webp", "--side", "5000"), "between 32 and 1024 pixels, not 5000"),
        ((*FROM, *TO, "--out", "m.webp", "--emoji"), "should end in .gif"),
        (("joy", "--blend", "joy", "--out", "m.png"), "nothing between joy and joy"),
        (("joy", "--blend", "hunger", "--out", "m.png"), "no expression “hunger”"),
        (("--out", "m.png"), "which expression"),
    ],
)
def test_what_cannot_be_painted_is_one_sentence_before_anything_is(
    arguments: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIEN_BOT__STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MIEN_BOT__PERSONAS", str(ROOT / "personas"))
    (tmp_path / "folder.gif").mkdir()
    assert main(["paint", "marigold", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.strip().splitlines()) == 1 and says in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["folder.gif"]


def test_bad_input_leaves_no_traceback_and_no_file_behind_in_a_real_process(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = mien(environment, tmp_path, "paint", "marigold", *FROM, *TO, "--out", "joy.bmp")
    assert (done.returncode, done.stdout, len(done.stderr.strip().splitlines())) == (2, "", 1)
    assert done.stderr.startswith("mien: joy.bmp should end in")
    assert not [*tmp_path.iterdir()]


@starter
def test_a_moving_face_is_painted_once_and_written_in_any_format(environment: dict[str, str], tmp_path: Path) -> None:
    first = mien(environment, tmp_path, "paint", "marigold", *FROM, *TO, "--out", "m.webp", "--json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["painted"]
    emoji = mien(environment, tmp_path, "paint", "marigold", *FROM, *TO, "--out", "m.gif", "--emoji", "--json")
    said = json.loads(emoji.stdout)
    assert (said["painted"], said["from"], said["to"]) == (False, "joy", "sadness")
    assert said["bytes"] == (tmp_path / "m.gif").stat().st_size <= EMOJI_BYTES
    moving, small = read_file(tmp_path / "m.webp"), read_file(tmp_path / "m.gif")
    assert small.frames[0].size == (128, 128) and len(small.frames) == len(moving.frames)
    with Image.open(ROOT / "personas/marigold/base.png") as base, Image.open(base.filename[:-8] + "mask.png") as mask:
        outside = np.asarray(mask.convert("L")) == 0
        still = np.asarray(base.convert("RGB"))[outside]
    assert all((np.asarray(frame.convert("RGB"))[outside] == still).all() for frame in moving.frames)


@starter
def test_a_blend_is_painted_and_named_in_words(environment: dict[str, str], tmp_path: Path) -> None:
    done = mien(
        environment,
        tmp_path,
        "paint",
        "marigold",
        "curiosity",
        "--blend",
        "surprise",
        "--quarters",
        "1",
        "--out",
        "b.png",
    )
    assert done.stdout.strip() == "b.png: Marigold, mostly curiosity, a little surprise", done.stderr
    assert (tmp_path / "b.png").is_file()
