"""Masks by a segmentation model: real checkpoints, tiny, whose labelled region is known."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from avatar.expression import spec_for
from avatar.mask import digest_of
from avatar.maskmodel import face_labels, is_of_face, mask_folder, mask_model_bytes, mask_revision
from avatar.painter import Painter
from avatar.picture import open_picture
from avatar.proposal import propose
from avatar.proposals import Proposals
from avatar.proposer import Proposer
from avatar.segmentation import mask_of
from avatar.shelf import Shelf
from inference.gpu import Gpu
from inference.job import ModelMissing
from persona.card import Persona
from tests.avatar.pictures import face_picture
from tests.avatar.test_painter import accept
from tests.tiny_segmenter import LABELS, write_segmenter

BLUE, WARM = (40, 80, 200), (250, 180, 120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_segmenter(tmp_path_factory.mktemp("segmenter"))


def two_faces(size: tuple[int, int] = (256, 256)) -> Image.Image:
    """A large face with eyes as blue as the ground, and a small one beside it."""
    picture = Image.new("RGB", size, BLUE)
    draw = ImageDraw.Draw(picture)
    draw.ellipse([20, 60, 150, 200], fill=WARM)
    draw.ellipse([55, 100, 75, 120], fill=BLUE)
    draw.ellipse([95, 100, 115, 120], fill=BLUE)
    draw.ellipse([200, 20, 240, 60], fill=WARM)
    return picture


async def test_the_mask_is_the_largest_face_whole_and_a_little_more(folder: Path, gpu: Gpu, tmp_path: Path) -> None:
    proposer = Proposer(gpu, str(folder), tmp_path)
    picture = two_faces()
    mask = np.asarray(await proposer.propose(picture))
    large = np.asarray(Image.new("L", picture.size))
    disc = Image.fromarray(large.copy())
    ImageDraw.Draw(disc).ellipse([20, 60, 150, 200], fill=255)
    inside = np.asarray(disc) > 0
    assert set(np.unique(mask)) == {0, 255}
    assert (mask[inside] > 0).mean() > 0.99  # eyes included: holes are filled
    assert not mask[:70, 190:].any()  # the small face is not the one
    assert 1.0 <= (mask > 0).sum() / inside.sum() < 1.35
    assert gpu.residency.residents == ()  # it came, looked, and left


async def test_a_wide_picture_is_not_stretched_and_transparency_is_no_face(
    folder: Path, gpu: Gpu, tmp_path: Path
) -> None:
    picture = two_faces((400, 220)).convert("RGBA")
    picture.paste((0, 0, 0, 0), (180, 0, 400, 220))
    mask = np.asarray(await Proposer(gpu, str(folder), tmp_path).propose(picture))
    assert mask.shape == (220, 400)
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    assert abs(columns.mean() - 85) < 8 and abs(rows.mean() - 130) < 8 and not mask[:, 200:].any()


async def test_where_the_model_sees_no_face_the_finder_proposes_and_the_log_says_so(
    folder: Path, gpu: Gpu, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture = face_picture(96)
    blue = Image.merge("RGB", picture.split()[::-1]).point(lambda value: value // 2)
    cold = Image.merge("RGB", (*blue.split()[:2], Image.new("L", blue.size, 255)))
    assert await Proposer(gpu, str(folder), tmp_path).propose(cold) == propose(cold)
    assert [record.message for record in caplog.records] == [
        f"the mask model in {folder} sees no face, so the finder proposes"
    ]


async def test_a_model_of_random_weights_proposes_something(gpu: Gpu, tmp_path: Path) -> None:
    folder = write_segmenter(tmp_path / "random", by_hand=False)
    mask = await Proposer(gpu, str(folder), tmp_path).propose(face_picture(96))
    assert mask.size == (96, 96) and mask.mode == "L" and mask.getbbox() is not None


async def test_the_painter_asks_it_once_for_a_portrait_without_a_mask(
    folder: Path, gpu: Gpu, painter_path: Path, prompt_cache: Path, tmp_path: Path, make_persona: Callable[..., Persona]
) -> None:
    persona, shelf = make_persona(two_faces(), None), Shelf(tmp_path / "shelf")
    known = Proposals(shelf.folder / "masks", mask_revision(str(folder))).file(digest_of(persona.base))
    for _ in range(2):
        async with Painter(
            gpu, str(painter_path), prompt_cache, shelf, judge=accept, critic="none", mask_model=str(folder)
        ) as painter:
            before = painter.nearest(persona, spec_for(persona.card, "joy"))  # nobody waits for the model here
            face = await painter.paint(persona, spec_for(persona.card, "joy"))
        assert known.is_file()
        written = known.stat().st_mtime_ns
    assert before.path == face.path and not face.painted  # the second time all was known
    assert known.stat().st_mtime_ns == written
    changed = (np.asarray(open_picture(face.path)) != np.asarray(two_faces())).any(-1)
    assert changed.any() and not changed[np.asarray(Image.open(known)) == 0].any()


@pytest.mark.parametrize(
    ("label", "face"),
    [
        *((name, name not in ("background", "neck", "hair", "ear_r", "cloth")) for name in LABELS),
        ("Left-eyebrow", True),
        ("upperLip", True),
        ("Face", True),
        ("facial hair", False),
        ("neck skin", False),
        ("eye_g", True),
        ("l_ear", False),
        ("eyeglasses", True),
        ("glass", False),
        ("tulip", False),
    ],
)
def test_labels_are_known_by_their_names(label: str, face: bool) -> None:
    assert is_of_face(label) is face


def test_nothing_is_no_face_and_a_thin_line_neither() -> None:
    chances = np.zeros((64, 64), np.float32)
    assert mask_of(chances, (100, 100)) is None
    chances[10, 10] = 1
    assert mask_of(chances, (100, 100)) is None


def test_what_is_wrong_with_a_folder_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    assert mask_folder("starter") is None and mask_revision("starter") == "" and mask_model_bytes("starter") == []
    assert mask_folder(str(folder)) == folder and 10_000 < mask_model_bytes(str(folder))[0] < 40_000
    assert face_labels(folder) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(ModelMissing, match="There is no mask model at"):
        mask_folder(str(tmp_path / "nowhere"))
    streets = Path(shutil.copytree(folder, tmp_path / "streets"))
    config = json.loads((streets / "config.json").read_text())
    (streets / "config.json").write_text(json.dumps(config | {"id2label": {"0": "road", "1": "hair"}}))
    with pytest.raises(ModelMissing, match="name no part of a face"):
        mask_folder(str(streets))
    (streets / "config.json").write_text("{")
    with pytest.raises(ModelMissing, match="cannot be read"):
        mask_folder(str(streets))
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    (bare / "model.safetensors").unlink()
    with pytest.raises(ModelMissing, match=r"model\.safetensors"):
        mask_folder(str(bare))


async def test_damaged_weights_are_one_sentence(folder: Path, gpu: Gpu, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(folder, tmp_path / "damaged"))
    (damaged / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelMissing, match="cannot be read"):
        await Proposer(gpu, str(damaged), tmp_path).propose(face_picture(64))
