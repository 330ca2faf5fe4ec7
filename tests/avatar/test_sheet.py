from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.picture import PortraitError
from avatar.sheet import GAP, LABEL, contact_sheet


def faces(tmp_path: Path, count: int) -> list[tuple[str, Path]]:
    named = []
    for n in range(count):
        path = tmp_path / f"{n}.png"
        Image.new("RGB", (60 + n, 80), (200, 40 * n, 0)).save(path)
        named.append((f"face {n}", path))
    return named


def test_faces_stand_in_rows_with_their_names_below(tmp_path: Path) -> None:
    sheet = contact_sheet(faces(tmp_path, 5), tile=100, columns=3)
    assert sheet.mode == "RGB" and sheet.size == (GAP + 3 * (100 + GAP), GAP + 2 * (100 + LABEL + GAP))
    assert sheet.getpixel((GAP + 50, GAP + 50)) == (200, 0, 0)
    label = np.asarray(sheet)[GAP + 100 : GAP + 100 + LABEL, GAP : GAP + 100]
    assert (label < 100).any() and (label > 250).mean() > 0.5
    empty = np.asarray(sheet)[GAP + 100 + LABEL + GAP :, GAP + 2 * (100 + GAP) :]
    assert (empty == 255).all()


def test_a_long_name_does_not_reach_its_neighbour(tmp_path: Path) -> None:
    [(_, path)] = faces(tmp_path, 1)
    sheet = contact_sheet([("an expression with a very long name", path), ("", path)], tile=200)
    names = np.asarray(sheet)[GAP + 200 : GAP + 200 + LABEL]
    assert (names[:, GAP + 200 : GAP + 200 + GAP] == 255).all() and (names[:, GAP : GAP + 200] < 200).any()


def test_a_face_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PortraitError, match="is missing"):
        contact_sheet([("joy", tmp_path / "gone.png")])
