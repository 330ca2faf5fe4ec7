"""Two processes that paint on one shelf at the same time."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from avatar.shelf import Shelf
from persona.card import Persona
from tests.avatar.pictures import face_mask, face_picture, outside_is_untouched

ROOT = Path(__file__).parents[2]
CARD = """
name = "Dot"
description = "A face of circles."
[expressions.neutral]
emotions = ["neutral"]
prompt = "neutral, calm face"
[expressions.joy]
emotions = ["joy"]
prompt = "a big happy smile"
[expressions.sadness]
emotions = ["sadness"]
prompt = "sad, a tear"
"""
SHARED, OWN = (1, 1001), ((2001,), (3001,))  # seeds that both paint, and that only one of them does


def start(painter: Path, cache: Path, shelf: Path, folder: Path, seeds: tuple[int, ...]) -> "subprocess.Popen[str]":
    command = [
        sys.executable,
        "-m",
        "tests.avatar.painting_process",
        *map(str, (painter, cache, shelf, folder, *seeds)),
    ]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_processes_paint_on_one_shelf_and_nothing_is_lost(
    painter_path: Path, make_persona: Callable[..., Persona], tmp_path: Path
) -> None:
    dot = make_persona(face_picture(96), face_mask(96))
    (dot.folder / "persona.toml").write_text(CARD, encoding="utf-8")
    shelf = tmp_path / "shelf"
    children = [start(painter_path, tmp_path / "cache", shelf, dot.folder, (*SHARED, *own)) for own in OWN]
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    for child in children:  # both are ready: they paint at the same time
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    told = [json.loads(child.communicate(timeout=60)[0]) for child in children]
    assert [child.returncode for child in children] == [0, 0] and [len(faces) for faces in told] == [6, 6]
    for name, _, path, sha256 in [face for faces in told for face in faces]:
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == sha256, name
        assert outside_is_untouched(face_picture(96), Path(path), face_mask(96))
        key = Path(path).name.split("-")[0]
        found = Shelf(shelf).get(key)
        assert found is not None and np.asarray(Image.open(found.path)).shape == (96, 96, 3)
    keys = {Path(path).name.split("-")[0] for faces in told for _, _, path, _ in faces}
    assert len(keys) == 8  # two expressions, four seeds; of each face both processes have the same key
    assert not [path for path in shelf.rglob(".*") if path.is_file()], "no half-written file is left"
