"""What a language model will weigh, from the headers of its files alone: nothing is loaded, no model is built.

    sizes = measure("someone/Story-12B", "nf4", device="cuda")
    sizes.weight_bytes, sizes.layer_bytes, sizes.token_bytes

Knows what each way of loading (inference/loader.py) makes of a stored tensor; knows nothing of how much room there is.

Source: NF4 with double quantization, blocks of 64 weights and of 256 scales: Dettmers et al., *QLoRA* (2023), as
`bitsandbytes.functional.quantize_4bit` stores it.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference.formats.checkpoint import TYPES, Stored, read_header, stored_in

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from inference.formats.folder import Quantization
    from inference.formats.gguf_file import Gguf

COMPUTE_BYTES = 2  # models compute in bfloat16, whatever their files hold

_LAYER = re.compile(r"^(.*?\.\d+)\.")  # `model.layers.7`
# bitsandbytes stores beside a packed weight what unpacks it; these keep their type.
_STATISTICS = re.compile(r"\.(SCB|absmax|quant_map|nested_absmax|nested_quant_map|weight_format)$|\.quant_state\.")


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a model takes, in bytes, once it is loaded."""

    weight_bytes: int  # all of it, on its device: embedding, layers, head
    layer_bytes: int  # the biggest single part of that: a decoder layer, the embedding or the head
    token_bytes: int  # keys and values of one token
    context_tokens: int  # tokens the model can hold
    parameters: int  # weights before anything was packed; a head tied to the embedding counts once


def measure(model: str | Path, quantization: "Quantization" = "none", *, device: str = "cpu") -> Sizes:
    """The sizes of `model` ("starter", a .gguf file, a folder, a hub name in the local cache) once it is loaded.

    `device` is "cpu" or any of torch's "cuda…": a CPU holds blocks in the order of its product. Raises ModelMissing as
    loading would, for what headers can tell.
    """
    from inference.carriers import smollm2_gguf
    from inference.loader import STARTER, locate

    path = smollm2_gguf() if model == STARTER else locate(str(model), Path())
    kind = device.split(":")[0]
    return _measure_gguf(path, kind) if path.suffix == ".gguf" else _measure_folder(path, quantization)


def adapter_bytes(folder: Path) -> int:
    """Bytes of a LoRA adapter once it is resident; ModelMissing when its weights are not there."""
    from inference.adapters import WEIGHTS

    tensors = read_header(folder / WEIGHTS)
    return sum(math.prod(tensor.shape) * COMPUTE_BYTES for tensor in tensors if "lora_" in tensor.name)


def token_bytes(config: "PreTrainedConfig") -> int:
    """Bytes of the keys and values of one token, all layers, in the type that the model computes in."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * int(config.num_hidden_layers) * int(heads) * int(head) * COMPUTE_BYTES


def _measure_folder(folder: Path, quantization: "Quantization") -> Sizes:
    from inference.formats.folder import config_of

    config = config_of(folder)
    stored = list(stored_in(folder))
    if config.tie_word_embeddings:  # some files hold the head all the same; it is not kept twice
        stored = [tensor for tensor in stored if not tensor.name.endswith("lm_head.weight")]
    text = config.get_text_config()
    return Sizes(
        *_sums((tensor.name, _bytes_once_loaded(tensor, quantization)) for tensor in stored),
        token_bytes=token_bytes(text),
        context_tokens=text.max_position_embeddings,
        parameters=sum(_parameters(tensor) for tensor in stored),
    )


def _bytes_once_loaded(tensor: Stored, quantization: "Quantization") -> int:
    """What a tensor takes after loading: bitsandbytes packs the matrices of the layers, the rest becomes bfloat16."""
    count = math.prod(tensor.shape)
    if not _is_float(tensor) or _STATISTICS.search(tensor.name):  # a checkpoint that was saved quantized
        return tensor.bytes
    if quantization == "none" or not _is_packed(tensor):
        return count * COMPUTE_BYTES
    return nf4_bytes(count) if quantization == "nf4" else count + 4 * tensor.shape[0]


def _is_float(tensor: Stored) -> bool:
    return "float" in TYPES[tensor.kind][0]


def _is_packed(tensor: Stored) -> bool:
    """Whether bitsandbytes packs it: the linear layers of the blocks, but neither embedding nor head. transformers
    keeps the experts of a mixture in one tensor that is no linear layer, so they stay as they are."""
    inside, experts = _LAYER.match(tensor.name), re.search(r"\.experts\.\d+\.", tensor.name)
    return len(tensor.shape) == 2 and tensor.name.endswith(".weight") and bool(inside) and not experts


def nf4_bytes(count: int) -> int:
    """A matrix of `count` weights: codes, a byte for each block of 64, a float for each 256 of those, three tables."""
    blocks = math.ceil(count / 64)
    return math.ceil(count / 2) + blocks + 4 * math.ceil(blocks / 256) + 4 * (16 + 256 + 1)


def _parameters(tensor: Stored) -> int:
    """How many weights a stored tensor stands for; two are in a byte of a 4-bit checkpoint."""
    if _STATISTICS.search(tensor.name):
        return 0
    return math.prod(tensor.shape) * (2 if tensor.kind == "U8" else 1)


def _measure_gguf(path: Path, device: str) -> Sizes:
    from inference.formats.gguf_file import ROTARY, config_of, open_gguf

    gguf = open_gguf(path)
    config = config_of(gguf)
    return Sizes(
        *_sums(_gguf_parts(gguf, device)),
        token_bytes=token_bytes(config),
        context_tokens=config.max_position_embeddings,
        parameters=sum(math.prod(tensor.shape) for tensor in gguf.tensors.values() if tensor.name != ROTARY),
    )


def _gguf_parts(gguf: "Gguf", device: str) -> Iterator[tuple[str, int]]:
    """(name, bytes once loaded) of every part that inference/formats/convert.py stores."""
    from inference.formats.convert import forms
    from kernels.linear4 import held_bytes4, held_bytes8

    for tensor in gguf.tensors.values():
        for place, form in forms(gguf, tensor):
            if form == "dense":
                yield f"{place}.weight", math.prod(tensor.shape) * COMPUTE_BYTES
            else:
                rows, columns = tensor.shape
                yield f"{place}.weight", (held_bytes4 if form == "blocks4" else held_bytes8)(rows, columns, device)


def _sums(parts: Iterable[tuple[str, int]]) -> tuple[int, int]:
    """All bytes, and those of the biggest layer or single tensor outside of layers."""
    groups: Mapping[str, int] = defaultdict(int)
    for name, size in parts:
        layer = _LAYER.match(name)
        groups[layer[1] if layer else name] += size  # type: ignore[index]  # a defaultdict
    return sum(groups.values()), max(groups.values(), default=0)
