"""New portraits and masks in a persona's folder, uploads that wait, and `mien persona mask`."""

import asyncio
import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar.mask import bounding_box, open_portrait
from avatar.picture import PortraitError, to_png
from avatar.proposal import propose
from bot.cli import main
from bot.errors import MienError
from bot.newface import keep_mask, keep_portrait
from bot.uploads import KEPT_SECONDS, Uploads
from persona.card import read_folder
from persona.cast import Cast
from tests.avatar.pictures import face_mask, face_picture
from tests.tiny_segmenter import write_segmenter

PERSONAS = Path(__file__).resolve().parents[2] / "personas"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Marigold's folder, to be written to."""
    return Path(shutil.copytree(PERSONAS / "marigold", tmp_path / "personas" / "marigold"))


@pytest.fixture
def config(folder: Path, tmp_path: Path) -> list[str]:
    file = tmp_path / "mien.toml"
    file.write_text(f'[bot]\nstate = "{tmp_path / "state"}"\npersonas = ["{folder.parent}"]\n')
    return ["--config", str(file)]


def test_what_stood_there_before_is_kept_under_numbers(folder: Path) -> None:
    olds = [(folder / "mask.png").read_bytes()]
    for value in (10, 20):
        keep_mask(folder, np.full((512, 512), value, np.uint8))
        olds.append((folder / "mask.png").read_bytes())
    assert [(folder / f"mask.before-{number}.png").read_bytes() for number in (1, 2)] == olds[:2]


def test_a_new_portrait_brings_its_mask_and_keeps_both_old_files(folder: Path) -> None:
    base, mask = (folder / "base.png").read_bytes(), (folder / "mask.png").read_bytes()
    keep_portrait(folder, face_picture(200), np.asarray(face_mask(200)))
    persona = read_folder(folder)
    assert open_portrait(persona.base, persona.mask).mask.shape == (200, 200)
    assert (folder / "base.before-1.png").read_bytes() == base
    assert (folder / "mask.before-1.png").read_bytes() == mask


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def by_finder(picture: Image.Image) -> Image.Image:
    return propose(picture)


async def test_an_upload_outlives_the_process_and_is_decided_on_once(folder: Path, tmp_path: Path) -> None:
    cast, place = Cast([folder.parent]), tmp_path / "uploads"
    token, found = await Uploads(place).take(cast.get("marigold"), "new.png", to_png(face_picture(300)), by_finder)
    assert found.mask.shape == (300, 300) and (folder / "base.before-1.png").exists() is False
    assert Uploads(place).use(token, cast).slug == "marigold"
    with Image.open(folder / "base.png") as base:
        assert base.size == (300, 300)
    for again in (lambda: Uploads(place).use(token, cast), lambda: Uploads(place).drop(token)):
        with pytest.raises(MienError, match="decided on already"):
            again()


async def test_a_dropped_upload_changes_nothing_and_old_ones_go(folder: Path, tmp_path: Path) -> None:
    cast, uploads = Cast([folder.parent]), Uploads(tmp_path / "uploads")
    before = contents(folder)
    dropped, _ = await uploads.take(cast.get("marigold"), "a.png", to_png(face_picture(100)), by_finder)
    uploads.drop(dropped)
    old, _ = await uploads.take(cast.get("marigold"), "b.png", to_png(face_picture(100)), by_finder)
    long_ago = (uploads.folder / old).stat().st_mtime - KEPT_SECONDS - 1
    os.utime(uploads.folder / old, (long_ago, long_ago))
    fresh, _ = await uploads.take(cast.get("marigold"), "c.png", to_png(face_picture(100)), by_finder)
    assert [path.name for path in uploads.folder.iterdir()] == [fresh]
    assert contents(folder) == before


def bomb() -> bytes:
    """A PNG whose header claims 50,000 x 50,000 pixels."""
    png = bytearray(to_png(Image.new("L", (1, 1))))
    png[16:24] = (50_000).to_bytes(4, "big") * 2
    png[29:33] = zlib.crc32(bytes(png[12:29])).to_bytes(4, "big")
    return bytes(png)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "picture.png is not a picture"),
        (to_png(face_picture(200))[:900], "picture.png cannot be read as a picture"),
        (bomb(), "pixels"),
        (to_png(Image.new("RGB", (30, 300))), "picture.png is 30 x 300 pixels: send one at least 64"),
    ],
)
async def test_what_is_no_portrait_is_one_sentence_and_leaves_nothing(
    folder: Path, tmp_path: Path, content: bytes, said: str
) -> None:
    uploads = Uploads(tmp_path / "uploads")
    with pytest.raises(PortraitError, match=said) as error:
        await uploads.take(read_folder(folder), "picture.png", content, by_finder)
    assert str(tmp_path) not in str(error.value)
    assert list(uploads.folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said_before_anything_is_changed(folder: Path, tmp_path: Path) -> None:
    folder.chmod(0o555)
    uploads, png = Uploads(tmp_path / "uploads"), to_png(face_picture(100))
    with pytest.raises(MienError, match="read-only"):
        asyncio.run(uploads.take(read_folder(folder), "new.png", png, by_finder))


def test_the_mask_is_told_and_drawn(
    folder: Path, config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mask-shown.png"
    assert main([*config, "persona", "mask", "marigold", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["source"] == "mask.png" and "of the picture, in the middle" in told["place"]
    with Image.open(out) as shown, Image.open(folder / "base.png") as base, Image.open(folder / "mask.png") as mask:
        changed = (np.asarray(shown) != np.asarray(base.convert("RGB"))).any(-1)
        inside = np.asarray(mask) > 0
    assert shown.size == (512, 512) and changed[inside].mean() > 0.99 and changed[~inside].mean() < 0.1


def test_a_proposal_is_saved_once(folder: Path, config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mask.png").unlink()
    assert main([*config, "persona", "mask", "marigold"]) == 0
    assert "Marigold, proposal:" in capsys.readouterr().out and not (folder / "mask.png").exists()
    assert main([*config, "persona", "mask", "marigold", "--save"]) == 0
    assert read_folder(folder).mask is not None
    assert main([*config, "persona", "mask", "marigold", "--save"]) == 2
    assert "has a mask.png already" in capsys.readouterr().err


def test_a_configured_model_proposes(
    folder: Path, config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_FACE__MASK_MODEL", str(write_segmenter(tmp_path / "segmenter")))
    (folder / "mask.png").unlink()
    picture = Image.new("RGB", (200, 200), (40, 80, 200))
    picture.paste((250, 180, 120), (100, 20, 180, 100))
    picture.save(folder / "base.png")
    assert main([*config, "persona", "mask", "marigold", "--save"]) == 0
    assert "in the upper right part" in capsys.readouterr().out
    left, top, right, bottom = bounding_box(np.asarray(Image.open(folder / "mask.png")))
    assert 90 < left < 112 and 10 < top < 32 and 168 < right < 192 and 88 < bottom < 112
    monkeypatch.setenv("MIEN_FACE__MASK_MODEL", str(tmp_path / "nowhere"))
    (folder / "mask.png").unlink()
    assert main([*config, "persona", "mask", "marigold"]) == 2
    assert "There is no mask model at" in capsys.readouterr().err


def test_mistakes_are_one_sentence(folder: Path, config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "base.png").write_bytes(b"no picture")
    assert main([*config, "persona", "mask", "nobody"]) == 2
    assert "there is no persona 'nobody'" in capsys.readouterr().err
    assert main([*config, "persona", "mask", "marigold"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
