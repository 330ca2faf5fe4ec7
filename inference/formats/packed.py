"""A folder that `convert.py` made becomes the model: blocks stay blocks, in the order that multiplies fastest.

Weights are read one layer after the other and packed at once, so that nothing is held twice. Called on the device's
thread; imports of transformers are inside the functions.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from inference.formats.checkpoint import SINGLE, Stored, read_header, read_tensor
from inference.formats.heap import memory_returned
from inference.frame import Frame, frame_of
from inference.job import ModelMissing
from inference.progress import Progress, silent
from kernels.layout import Blocks4, Blocks8
from kernels.linear4 import Linear4, Linear8

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head"


def load_blocks(
    folder: Path, device: torch.device | str, progress: Progress = silent, *, bare: bool = False
) -> "PreTrainedModel | Frame":
    """The model of a converted folder, in evaluation mode on `device`; ModelMissing when the folder is damaged.

    bare: without transformers' modules, where that is possible (inference/frame.py).
    """
    try:
        model = (_frame(folder, device) if bare else None) or _unfilled_from(folder, device)
        with memory_returned():
            _fill(model, folder, device, progress)
    except (OSError, ValueError, LookupError, ModelMissing) as error:  # a file of it was deleted, cut or changed
        raise _damaged(folder) from error
    return model.eval()


def load_words(folder: Path) -> "PreTrainedTokenizerFast":
    """The tokenizer of a converted folder; ModelMissing when the folder is damaged.

    Its class is known: asking transformers for it would import every kind of model's config first.
    """
    from transformers import PreTrainedTokenizerFast

    try:
        tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise _damaged(folder) from error
    return tokenizer


def _damaged(folder: Path) -> ModelMissing:
    return ModelMissing(f"The converted model in {folder} is damaged: delete that folder and start again.")


def _frame(folder: Path, device: torch.device | str) -> Frame | None:
    config = json.loads((folder / "config.json").read_text())
    return frame_of(config, [each.name for each in read_header(folder / SINGLE)], device)


def _unfilled_from(folder: Path, device: torch.device | str) -> "PreTrainedModel":
    from transformers import AutoConfig

    return unfilled(AutoConfig.from_pretrained(folder), torch.bfloat16, device)


def unfilled(config: "PreTrainedConfig", dtype: torch.dtype, device: torch.device | str = "cpu") -> "PreTrainedModel":
    """A model without numbers (on torch's meta device): every weight is still to be put in."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)
    for place, module in list(model.named_modules()):
        if place.endswith("rotary_emb"):  # its frequencies are no weights: they are computed from the config, here
            model.set_submodule(place, type(module)(config).to(device))
    return model


def _fill(model: "PreTrainedModel | Frame", folder: Path, device: torch.device | str, progress: Progress) -> None:
    """Put the stored weights in: blocks become `Linear4` and `Linear8`, a head without any is the embedding."""
    stored = {each.name: each for each in read_header(folder / SINGLE)}
    embedding = read_tensor(stored.pop(EMBEDDING)).to(device)
    _put(model, EMBEDDING, embedding)
    tied = embedding if model.config.tie_word_embeddings else None
    if tied is not None and f"{HEAD}.codes" not in stored:
        _put(model, f"{HEAD}.weight", tied)
    total = len(stored)
    for name in [name for name in stored if name.endswith(".codes")]:
        place = name.removesuffix(".codes")
        model.set_submodule(place, _packed(place, stored, device, tied if place == HEAD else None))
        progress(f"loading {folder.name}", total - len(stored), total)
    for name, rest in stored.items():
        _put(model, name, read_tensor(rest).to(device))
    progress(f"loading {folder.name}", total, total)


def _packed(place: str, stored: dict[str, Stored], device: torch.device | str, dense: Tensor | None) -> nn.Module:
    """The layer at `place`, its parts taken out of `stored`."""

    def part(name: str) -> Tensor | None:
        found = stored.pop(f"{place}.{name}", None)
        return None if found is None else read_tensor(found).to(device)

    codes, scale, floor, bias = (part(name) for name in ("codes", "scale", "floor", "bias"))
    if codes is None or scale is None:
        raise ModelMissing(f"{place} lacks its scales")
    layer: Linear4 | Linear8
    if floor is None:
        layer = Linear8(Blocks8(codes, scale), dense, bias)
    else:
        layer = Linear4(Blocks4(codes, scale, floor), bias)
    layer.pack()
    return layer


def _put(model: "PreTrainedModel | Frame", name: str, value: Tensor) -> None:
    place, _, kind = name.rpartition(".")
    setattr(model.get_submodule(place), kind, nn.Parameter(value, requires_grad=False))
