"""A painter's folder, in diffusers' format, seen from outside: whether it is complete, and what identifies it.

    model_index.json            names the parts
    unet/ or transformer/       what denoises: config.json and safetensors
    scheduler/                  scheduler_config.json
    vae/, text_encoder*/, tokenizer*/       Stable Diffusion, XL and Flux have these
    codec.json                  the starter's instead: {"kind": "patch", "patch": 6, "size": 192}; see avatar/codec.py.
                                "predicts": "difference" if the UNet predicts x minus the base picture, not x itself

It opens no model (avatar/parts.py does) and imports no torch, so that faces painted before are found in no time.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from avatar.kind import INDEX, Kind, kind_of
from avatar.recipe import Recipe
from avatar.weightfiles import part_files
from inference.job import ModelMissing

STARTER = Path(__file__).parent / "starter" / "painter"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
_STARTER_PARTS = (INDEX, "unet/config.json", WEIGHTS, "scheduler/scheduler_config.json", "codec.json")
_WHOLE = 64 << 20  # a file up to this many bytes is hashed as a whole, of a larger one a page of every MiB
_PAGE, _STRIDE = 4 << 10, 1 << 20


def painter_folder(model: str, recipe: Recipe | None = None) -> Path:
    """The folder of "starter" or of a path, complete; ModelMissing says what is not there."""
    folder = STARTER if model == "starter" else Path(model).expanduser()
    if not folder.is_dir():
        raise ModelMissing(f"There is no painter at {folder}: name 'starter' or a folder in diffusers' format.")
    for path in needed(folder, kind_of(folder), recipe or Recipe()):
        if not path.is_file():
            name = path.relative_to(folder) if path.is_relative_to(folder) else path
            raise ModelMissing(f"The painter in {folder} lacks {name}: copy the whole folder again.")
    return folder


def starter_folder() -> Path:
    """The folder of the painter that comes with Mien; ModelMissing when it is not complete."""
    return painter_folder("starter")


def needed(folder: Path, kind: Kind, recipe: Recipe) -> Iterator[Path]:
    """Every file that decides what this painter paints. Raises ModelMissing for weights that are not there."""
    if kind.family == "starter":
        yield from (folder / name for name in _STARTER_PARTS)
        return
    yield from (folder / INDEX, folder / "scheduler" / "scheduler_config.json")
    codec = recipe.tiny_vae or folder / "vae"
    for part in (folder / kind.network, codec, *(folder / name for name in kind.encoders)):
        yield part / "config.json"
        yield from part_files(part)
    yield from (_words(folder / name) for name in kind.tokenizers)
    yield from (lora.file for lora in recipe.loras)


def revision_of(folder: Path, recipe: Recipe | None = None) -> str:
    """SHA-256 over every file that decides what this painter paints, and over what the recipe says."""
    recipe, kind = recipe or Recipe(), kind_of(folder)
    digest = hashlib.sha256()
    for path in needed(folder, kind, recipe):
        digest.update(_fingerprint(path))
    if kind.family != "starter":
        said = (
            *recipe.manner(kind).words(),
            recipe.negative,
            str(recipe.fuse),
            *(str(lora.weight) for lora in recipe.loras),
        )
        digest.update("\0".join(said).encode())
    return digest.hexdigest()


def encoders_revision(folder: Path, kind: Kind, recipe: Recipe) -> str:
    """SHA-256 over every file that decides what this painter's text encoders say."""
    digest = hashlib.sha256()
    for part, words in zip(kind.encoders, kind.tokenizers, strict=True):
        for path in (folder / part / "config.json", *part_files(folder / part), _words(folder / words)):
            digest.update(_fingerprint(path))
    for lora in recipe.loras:
        digest.update(_fingerprint(lora.file) + str(lora.weight).encode())
    return digest.hexdigest()


def fingerprints(paths: Iterable[Path]) -> str:
    """SHA-256 over files of weights and whatever belongs to them."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(_fingerprint(path))
    return digest.hexdigest()


def _fingerprint(path: Path) -> bytes:
    """SHA-256 of a file; of one that would take seconds, of its size and a page of every MiB, and of its first MiB,
    where a safetensors file has its header. No two trainings leave all of those pages equal."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _WHOLE:
            return hashlib.file_digest(file, "sha256").digest()
        digest = hashlib.sha256(str(size).encode() + file.read(_STRIDE))
        for start in range(_STRIDE, size, _STRIDE):
            file.seek(start)
            digest.update(file.read(_PAGE))
    return digest.digest()


def _words(folder: Path) -> Path:
    """The file with a tokenizer's words: whichever there is, else the one that newer folders have."""
    names = ("tokenizer.json", "vocab.json", "spiece.model")
    return next((folder / name for name in names if (folder / name).is_file()), folder / names[0])
