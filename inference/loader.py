"""From the name of a model to the model itself, on its device: the starter, a GGUF file, a folder, a hub name.

GGUF files run in their own 4-bit blocks through `kernels/linear4.py`; folders run in bfloat16, or quantized by
bitsandbytes while they are read. Called on the device's thread, since loading is work for the device. Imports of
transformers are inside the functions: they take seconds, and whoever only names a model should not wait for them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from inference.carriers import smollm2_gguf, verify
from inference.convert import converted
from inference.folder import load_model, load_tokenizer
from inference.job import ModelMissing
from inference.progress import Progress, bar, silent
from inference.rival import check_no_rival
from kernels.layout import Blocks4, Blocks8
from kernels.linear4 import Linear4, Linear8

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

STARTER = "starter"
Quantization = Literal["none", "nf4", "int8"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A language model ready to run: in evaluation mode, on its device, with the tokenizer that belongs to it."""

    model: "PreTrainedModel"
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
) -> Loaded:
    """Load `model`: "starter", the path of a .gguf file or of a transformers folder, or a hub name.

    `cache` keeps converted GGUF files. `quantization` is for folders and hub names; a GGUF file is quantized already.
    A hub name is looked up in the local Hugging Face cache, and downloaded only if `download`. Raises ModelMissing
    with what was looked for and what to do. Its progress is shown on stderr unless `progress` is given.
    """
    check_no_rival()
    path = locate(model, cache, download)
    with bar() as shown:
        if path.suffix == ".gguf":
            return load_packed(converted(path, cache, progress or shown), model, device)
        return load_folder(path, model, device, quantization, progress or shown)


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


def load_packed(folder: Path, name: str, device: torch.device | str) -> Loaded:
    """Load a folder that `inference/convert.py` made."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from transformers import AutoConfig, PreTrainedTokenizerFast

    try:
        config = AutoConfig.from_pretrained(folder)
        weights = load_file(folder / "model.safetensors", device=str(device))
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    except (OSError, ValueError, SafetensorError) as error:  # a file of it was deleted, cut or changed
        raise ModelMissing(
            f"The converted model in {folder} is damaged: delete that folder and start again."
        ) from error
    model = unfilled(config, torch.bfloat16, device)
    put_weights(model, weights)
    return Loaded(model.eval(), tokenizer, name, config.max_position_embeddings)


def unfilled(config: "PreTrainedConfig", dtype: torch.dtype, device: torch.device | str = "cpu") -> "PreTrainedModel":
    """A model without numbers (on torch's meta device): every weight is still to be put in."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)
    for place, module in list(model.named_modules()):
        if place.endswith("rotary_emb"):  # its frequencies are no weights: they are computed from the config, here
            model.set_submodule(place, type(module)(config).to(device))
    return model


def put_weights(model: "PreTrainedModel", weights: dict[str, Tensor]) -> None:
    """Give a model its stored weights: blocks become `Linear4` and `Linear8`, a head without any is the embedding."""
    embedding = weights["model.embed_tokens.weight"]
    packed = sorted(name.removesuffix(".codes") for name in weights if name.endswith(".codes"))
    for place in packed:
        layer = _layer(place, weights, embedding if place == "lm_head" and model.config.tie_word_embeddings else None)
        layer.pack()
        model.set_submodule(place, layer)
    stored = {name: value for name, value in weights.items() if name.rpartition(".")[0] not in packed}
    if "lm_head" not in packed and model.config.tie_word_embeddings:
        stored["lm_head.weight"] = embedding
    for name, value in stored.items():
        place, _, kind = name.rpartition(".")
        setattr(model.get_submodule(place), kind, nn.Parameter(value, requires_grad=False))


def load_folder(
    folder: Path,
    name: str,
    device: torch.device | str,
    quantization: Quantization = "none",
    progress: Progress = silent,
) -> Loaded:
    """Load a folder in transformers format, in bfloat16 or packed by bitsandbytes."""
    tokenizer = load_tokenizer(folder)  # first: what it lacks is found in a second
    model = load_model(folder, device, quantization, progress)
    return Loaded(model, tokenizer, name, model.config.get_text_config().max_position_embeddings)


def _layer(place: str, weights: dict[str, Tensor], dense: Tensor | None) -> Linear4 | Linear8:
    codes, scale = weights[f"{place}.codes"], weights[f"{place}.scale"]
    if codes.dtype == torch.int8:
        return Linear8(Blocks8(codes, scale), dense)
    return Linear4(Blocks4(codes, scale, weights[f"{place}.floor"]), weights.get(f"{place}.bias"))


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
