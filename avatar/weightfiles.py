"""The weight files of one part of a painter (its UNet, its autoencoder, …): which they are, and what they take.

diffusers names them diffusion_pytorch_model, transformers model; whole or in shards, and perhaps in a variant for half
precision (`.fp16.`). Headers alone are read here; imports no torch.
"""

import json
import math
from pathlib import Path

from inference.formats.checkpoint import read_header
from inference.job import ModelMissing

STEMS = ("diffusion_pytorch_model", "model")
VARIANTS = ("", ".fp16")
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def part_files(folder: Path) -> list[Path]:
    """The safetensors files of the part in `folder`, every one of them there; else ModelMissing names what is not."""
    for stem in STEMS:
        for variant in VARIANTS:
            if (folder / f"{stem}{variant}.safetensors").is_file():
                return [folder / f"{stem}{variant}.safetensors"]
            for index in (f"{stem}.safetensors.index{variant}.json", f"{stem}{variant}.safetensors.index.json"):
                if (folder / index).is_file():
                    return _shards(folder / index)
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if pickled:
        raise ModelMissing(
            f"The weights in {folder} are pickled ({pickled[0]}), which could run any program: get or make a copy of "
            "the model with .safetensors files."
        )
    stem = STEMS["text_encoder" in folder.name]
    raise ModelMissing(f"The painter in {folder.parent} lacks {folder.name}/{stem}.safetensors: copy it again.")


def variant_of(file: Path) -> str | None:
    """The variant that a file's name tells of, as transformers and diffusers call it; None = the plain one."""
    return "fp16" if ".fp16" in file.name else None


def part_bytes(folder: Path, item_bytes: int) -> int:
    """What the part in `folder` takes when each number takes `item_bytes`."""
    return item_bytes * sum(math.prod(stored.shape) for file in part_files(folder) for stored in read_header(file))


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelMissing(f"{index} is damaged: get it again.") from error
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise ModelMissing(
            f"The painter's {index.parent} lacks {missing[0]} ({len(missing)} of its {len(names)} files are not there):"
            " get it again."
        )
    return [index.parent / name for name in names]
