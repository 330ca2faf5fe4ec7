"""From the name of a model to the model itself, on its device: the starter, a GGUF file, a folder, a hub name.

GGUF files run in their own blocks (formats/packed.py); folders run in bfloat16, or packed by bitsandbytes while they
are read (formats/folder.py). Called on the device's thread, since loading is work for the device. Imports of
transformers are inside the functions: they take seconds, and whoever only names a model should not wait for them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from inference.carriers import smollm2_gguf, verify
from inference.formats.convert import converted
from inference.formats.folder import Quantization, load_model, load_tokenizer
from inference.formats.packed import load_blocks, load_words
from inference.job import ModelMissing
from inference.progress import Progress, bar
from inference.rival import check_no_rival

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

STARTER = "starter"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A language model ready to run: in evaluation mode, on its device, with the tokenizer that belongs to it."""

    model: Any  # a PreTrainedModel of transformers; with `bare` perhaps an inference.frame.Frame
    tokenizer: "PreTrainedTokenizerFast"
    name: str
    context_tokens: int


def load(
    model: str,
    cache: Path,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    *,
    quantization: Quantization = "none",
    download: bool = False,
    bare: bool = False,
) -> Loaded:
    """Load `model`: "starter", the path of a .gguf file or of a transformers folder, or a hub name.

    `cache` keeps converted GGUF files. `quantization` is for folders and hub names; a GGUF file is quantized already.
    A hub name is looked up in the local Hugging Face cache, and downloaded only if `download`. Raises ModelMissing
    with what was looked for and what to do. bare: what `network_of` needs and no more, for whoever wants to be quick:
    the model may be an inference.frame.Frame. Its progress is shown on stderr unless `progress` is given.
    """
    check_no_rival()
    path = locate(model, cache, download)
    with bar() as shown:
        if path.suffix == ".gguf":
            folder = converted(path, cache, progress or shown)
            return _load_converted(folder, model, device, progress or shown, bare)
        return _load_folder(path, model, device, quantization, progress or shown)


def words_of(model: str, cache: Path) -> "PreTrainedTokenizerFast":
    """The tokenizer of `model` alone, as `load` finds it; ModelMissing as there."""
    path = locate(model, cache)
    if path.suffix == ".gguf":
        with bar() as progress:
            return load_words(converted(path, cache, progress))
    return load_tokenizer(path)


def locate(model: str, cache: Path, download: bool = False) -> Path:
    """The .gguf file or folder that `model` names; the starter's file is checked against its SHA-256 first."""
    if not model.strip():
        raise ModelMissing("No model is named: name `starter`, a .gguf file, a model's folder or a hub name.")
    if model == STARTER:
        verify(cache / "verified.json")
        return smollm2_gguf()
    path = Path(model).expanduser()
    if path.suffix == ".gguf":
        if path.is_file():
            return path
        raise ModelMissing(f"There is no GGUF file {path}: check the path.")
    if (path / "config.json").is_file():
        return path
    if path.is_dir():
        raise ModelMissing(f"The folder {path} is no model: it has no config.json. Name the folder that has one.")
    return _from_hub(model, download)


def _load_folder(
    folder: Path,
    name: str,
    device: torch.device | str,
    quantization: Quantization,
    progress: Progress,
) -> Loaded:
    """Load a folder in transformers format, in bfloat16 or packed by bitsandbytes."""
    tokenizer = load_tokenizer(folder)  # first: what it lacks is found in a second
    model = load_model(folder, device, quantization, progress)
    return Loaded(model, tokenizer, name, model.config.get_text_config().max_position_embeddings)


def _load_converted(folder: Path, name: str, device: torch.device | str, progress: Progress, bare: bool) -> Loaded:
    """Load a folder that inference/formats/convert.py made."""
    tokenizer = load_words(folder)
    model = load_blocks(folder, device, progress, bare=bare)
    return Loaded(model, tokenizer, name, model.config.max_position_embeddings)


def _from_hub(name: str, download: bool) -> Path:
    """The folder of a hub name in the local Hugging Face cache."""
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                name, local_files_only=not download, allow_patterns=["*.json", "*.safetensors", "*.jinja"]
            )
        )
    except (OSError, ValueError) as error:  # not there, no network, or no name the hub could have
        raise ModelMissing(
            f"There is no model {name!r}: it is neither a folder, nor a .gguf file, nor a model in the local "
            f"Hugging Face cache. Check the name, or get it with `hf download {name}`."
        ) from error
