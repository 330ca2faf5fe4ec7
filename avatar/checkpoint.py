"""A painter's folder, in diffusers' format, seen from outside: whether it is complete, and what identifies it.

    model_index.json            names the parts
    unet/                       UNet2DConditionModel: config.json and safetensors (fp16 on disk)
    scheduler/                  FlowMatchEulerDiscreteScheduler: scheduler_config.json
    codec.json                  {"kind": "patch", "patch": 6, "size": 192}; see avatar/codec.py.
                                "predicts": "difference" if the UNet predicts x minus the base picture, not x itself

It opens no model (avatar/parts.py does) and imports no torch, so that faces painted before are found in no time.
"""

import hashlib
from pathlib import Path

from inference.job import ModelMissing

STARTER = Path(__file__).parent / "starter" / "painter"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
_PARTS = ("model_index.json", "unet/config.json", WEIGHTS, "scheduler/scheduler_config.json", "codec.json")


def painter_folder(model: str) -> Path:
    """The folder of "starter" or of a path, complete; ModelMissing says what is not there."""
    folder = STARTER if model == "starter" else Path(model).expanduser()
    if not folder.is_dir():
        raise ModelMissing(f"There is no painter at {folder}: name 'starter' or a folder in diffusers' format.")
    for name in _PARTS:
        if not (folder / name).is_file():
            raise ModelMissing(f"The painter in {folder} lacks {name}: copy the whole folder again.")
    return folder


def starter_folder() -> Path:
    """The folder of the painter that comes with Mien; ModelMissing when it is not complete."""
    return painter_folder("starter")


def revision_of(folder: Path) -> str:
    """SHA-256 over every file that decides what this painter paints."""
    digest = hashlib.sha256()
    for name in _PARTS:
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
