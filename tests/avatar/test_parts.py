import json
import shutil
from pathlib import Path

import pytest
import torch

from avatar.checkpoint import WEIGHTS, painter_folder, revision_of
from avatar.codec import PatchCodec
from avatar.course import Scene
from avatar.opening import fitting_dtype
from avatar.parts import Parts, open_parts
from inference.job import ModelMissing
from kernels.choose import has_native_bfloat16

CPU = torch.device("cpu")


@pytest.fixture
def folder(painter_path: Path, tmp_path: Path) -> Path:
    """A painter's folder that a test may damage."""
    return Path(shutil.copytree(painter_path, tmp_path / "painter"))


def test_a_folder_in_diffusers_format_is_opened(painter_path: Path) -> None:
    parts = open_parts(painter_folder(str(painter_path)), CPU)
    assert parts.codec == PatchCodec(4, 32)
    unet = parts.network.module
    assert parts.modules == {"painter": unet} and sum(weight.numel() for weight in unet.parameters()) > 100_000
    assert not unet.training and not any(weight.requires_grad for weight in unet.parameters())


@pytest.mark.parametrize(
    "gone", ["model_index.json", "unet/config.json", WEIGHTS, "scheduler/scheduler_config.json", "codec.json"]
)
def test_a_missing_file_is_named(folder: Path, gone: str) -> None:
    (folder / gone).unlink()
    with pytest.raises(ModelMissing, match=f"lacks {gone}"):
        painter_folder(str(folder))


def test_a_missing_folder_is_named(folder: Path) -> None:
    with pytest.raises(ModelMissing, match="There is no painter at"):
        painter_folder(str(folder / "nowhere"))


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("model_index.json", "{", "cannot be read"),
        ("model_index.json", '{"unet": ["diffusers", "UNet2DConditionModel"]}', "does not name"),
        ("unet/config.json", "{", "cannot be read"),
        ("unet/config.json", '{"block_out_channels": [8, 9]}', "cannot be read"),
        ("unet/config.json", '{"in_channels": 9}', "cannot be read"),
        ("unet/config.json", "[]", "cannot be read"),
        (WEIGHTS, "not safetensors", "cannot be read"),
        ("scheduler/scheduler_config.json", "[", "cannot be read"),
    ],
)
def test_a_damaged_file_is_one_sentence(folder: Path, file: str, text: str, says: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(ModelMissing, match=says) as caught:
        open_parts(folder, CPU)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    assert torch.get_default_dtype() == torch.float32  # diffusers' own loading would leave it changed


def test_half_precision_is_used_only_where_the_device_multiplies_in_it() -> None:
    own = torch.bfloat16 if has_native_bfloat16("cpu") else torch.float32
    assert fitting_dtype(CPU) == own and fitting_dtype(torch.device("cuda")) == torch.float16


def difference(parts: Parts) -> bool:
    """Whether the network is taken to say by how much the picture differs: then silence changes nothing."""
    known = torch.full((1, 1, 1, 1), 0.5)
    scene = Scene(known, torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), [])
    course = parts.course(1)
    return bool(course.step(torch.zeros(1, 1, 1, 1), 0, course.begin(scene), scene) == 0.5)


def test_what_the_unet_predicts_is_read_and_checked(folder: Path) -> None:
    codec = folder / "codec.json"
    assert not difference(open_parts(folder, CPU))
    said = json.loads(codec.read_text())
    codec.write_text(json.dumps(said | {"predicts": "difference"}))
    assert difference(open_parts(folder, CPU))
    codec.write_text(json.dumps(said | {"predicts": "epsilon"}))
    with pytest.raises(ModelMissing, match="predicts 'epsilon'"):
        open_parts(folder, CPU)


def test_a_model_of_another_class_is_one_sentence(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    index["unet"][1] = "FluxTransformer2DModel"
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelMissing, match="unet is a FluxTransformer2DModel"):
        open_parts(folder, CPU)


@pytest.mark.parametrize("file", ["codec.json", WEIGHTS])
def test_the_revision_changes_with_every_file_that_matters(folder: Path, file: str) -> None:
    before = revision_of(folder)
    assert revision_of(folder) == before
    with (folder / file).open("ab") as open_file:
        open_file.write(b" ")
    assert revision_of(folder) != before
