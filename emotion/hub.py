"""Any transformers checkpoint that classifies texts, in the starter classifier's place: BERT, RoBERTa, DeBERTa, …

Its head may be a softmax over one label a text or a sigmoid for each, as its config says; its labels are GoEmotions',
or others that a mapping explains. It runs in transformers' modules, in bfloat16 where the device multiplies that,
else in float32. Code that comes with a model is never run, pickled weights are never read, nothing is downloaded.
Imported when such a model is configured, because it imports transformers.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from emotion.ear import Ear
from emotion.labels import INDEX, NEUTRAL
from emotion.mapping import Shares, UnknownLabels, knows_neutral, shares, weights
from emotion.tokens import MAX_TOKENS, cut
from inference.arithmetic import likes_bfloat16
from inference.formats.checkpoint import stored_in
from inference.formats.folder import quiet
from inference.job import ModelMissing
from inference.linears import arranged
from inference.loader import locate

CLASSIFIES = "ForSequenceClassification"  # how architectures that classify texts are named


def load_hub(model: str, labels: Mapping[str, Shares], device: torch.device) -> Ear[str]:
    """The classifier in the folder, or under the hub name in the local cache, `model`.

    Raises ModelMissing, in one sentence, for one that is not there, does not classify texts, is damaged, or has
    labels that nobody explains.
    """
    folder = folder_of(model)
    config = _config(folder)
    try:
        own = shares([config.id2label[i] for i in range(config.num_labels)], labels)
    except (UnknownLabels, KeyError) as error:
        raise ModelMissing(f"The classifier {model} has {error}.") from error
    tokenizer = _read(folder, lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True))
    if tokenizer.pad_token_id is None:
        raise ModelMissing(f"The classifier {model} has no padding token, so it cannot read texts together.")
    network = _network(folder, device)
    matrix = torch.tensor(weights(own), device=device)  # (labels, 28)
    squash = _squash(config)

    def probabilities(rows: Sequence[list[int]]) -> Tensor:
        batch = tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt").to(device)
        mixed = (squash(network(**batch).logits.float()) @ matrix).clamp(max=1)  # (n, 28)
        if not knows_neutral(own):
            mixed[:, INDEX[NEUTRAL]] = 1 - mixed.amax(1)
        return mixed

    longest = min(MAX_TOKENS, getattr(config, "max_position_embeddings", MAX_TOKENS) - 2)  # RoBERTa counts from 2
    return Ear(lambda texts: [cut(ids, longest) for ids in tokenizer(list(texts))["input_ids"]], probabilities)


def folder_of(model: str) -> Path:
    """Where the files of `model` are; ModelMissing when they are not on this machine or no folder."""
    folder = locate(model, Path())
    if folder.suffix == ".gguf":
        raise ModelMissing(f"The classifier {model} is a GGUF file: name a folder in transformers format.")
    return folder


def hub_bytes(model: str, device: str) -> int:
    """What the classifier takes on a kind of device, from its files' headers."""
    each = 2 if likes_bfloat16(device) else 4
    return sum(each * torch.Size(stored.shape).numel() for stored in stored_in(folder_of(model)))


def _config(folder: Path) -> Any:
    config = _read(folder, lambda: AutoConfig.from_pretrained(folder, local_files_only=True))
    names = config.architectures or []
    if not any(name.endswith(CLASSIFIES) for name in names):
        what = names[0] if names else config.model_type
        raise ModelMissing(f"The model in {folder} is a {what}, which does not classify texts: choose another.")
    if config.problem_type == "regression":
        raise ModelMissing(f"The model in {folder} gives numbers instead of labels: choose a classifier.")
    return config


def _network(folder: Path, device: torch.device) -> Any:
    dtype = torch.bfloat16 if likes_bfloat16(device.type) else torch.float32

    def load() -> tuple[Any, Mapping[str, Any]]:
        with quiet():
            return AutoModelForSequenceClassification.from_pretrained(  # type: ignore[no-any-return]
                folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
            )

    network, found = _read(folder, load)
    if found["missing_keys"]:
        first, count = min(found["missing_keys"]), len(found["missing_keys"])
        raise ModelMissing(f"The classifier in {folder} lacks {count} of its weights, such as {first}: get it again.")
    network = network.eval().to(device)
    if dtype is torch.bfloat16:
        arranged(network)
    return network


def _squash(config: Any) -> Callable[[Tensor], Tensor]:
    """Logits to probabilities; without a problem_type as transformers' own pipeline does it."""
    several = config.problem_type == "multi_label_classification" or config.num_labels == 1
    return torch.sigmoid if several else lambda logits: logits.softmax(-1)


def _read(folder: Path, reading: Callable[[], Any]) -> Any:
    """What `reading` gives; ModelMissing with the first line of what went wrong."""
    try:
        return reading()
    except torch.OutOfMemoryError:
        raise
    except (SafetensorError, OSError, ValueError, RuntimeError, ImportError, KeyError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        foreign = "trust_remote_code" in str(error)
        says = "it brings program code of its own, which is never run" if foreign else lines[0].strip()
        raise ModelMissing(f"The classifier in {folder} cannot be loaded ({says}).") from error
