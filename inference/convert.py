"""A GGUF file becomes, once, a folder that loads in a second: config, tokenizer and weights in safetensors.

4- and 8-bit matrices keep their blocks as they are (`kernels/layout.py`); what they were, rounded by whoever made the
file, they stay. Anything else becomes bfloat16. Knows how GGUF names things; knows nothing of running a model.

    <cache>/<file>-<fingerprint>/config.json, tokenizer.json, …, model.safetensors

Sources: the GGUF specification (ggml, docs/gguf.md); the q/k row order of llama files: `permute` in llama.cpp's
convert_hf_to_gguf.py.
"""

import hashlib
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from inference.job import ModelMissing
from inference.progress import Progress, silent
from kernels.layout import Blocks4, Blocks8, unpack_q4_0, unpack_q4_1, unpack_q8_0

if TYPE_CHECKING:
    from transformers import PreTrainedConfig
    from transformers.integrations.gguf import GgufHeader

CONVERTER = 1  # raise it whenever the converted form changes: older folders are then not found any more
STALE_S = 3600  # a half-made folder this old was left by a process that was killed

ARCHITECTURES = ("llama", "qwen2", "qwen3")  # what `_NAMES` is true for
F32, F16, BF16, Q4_0, Q4_1, Q8_0 = 0, 1, 30, 2, 3, 8  # ggml's numbers for tensor types
BLOCKS4, BLOCKS8 = (Q4_0, Q4_1), (Q8_0,)  # those that keep their blocks
EMBEDDING = "token_embd.weight"

_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

Blocks = Blocks4 | Blocks8
Metadata = dict[str, "str | int | float | bool | list[int] | list[float]"]


class RawTensor(Protocol):
    """One tensor of a file: its blocks as bytes, (rows, bytes of a row) uint8, or its plain numbers."""

    ggml_type: int

    def __getitem__(self, index: slice) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Gguf:
    """An opened file: what it says about itself, and its tensors by their GGUF names, read when asked for."""

    path: Path
    metadata: Metadata
    header: "GgufHeader"
    tensors: dict[str, RawTensor]

    @property
    def architecture(self) -> str:
        return str(self.metadata["general.architecture"])

    @property
    def tied(self) -> bool:
        return "output.weight" not in self.tensors

    def number(self, key: str) -> float:
        """A number under the architecture's name, such as `llama.block_count`; ModelMissing when there is none."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        if not isinstance(value, int | float):
            raise ModelMissing(f"{self.path} lacks {self.architecture}.{key}: the file is damaged, get it again.")
        return value


def converted(path: Path, cache: Path, progress: Progress = silent) -> Path:
    """The converted folder of a GGUF file, made now if it was not; ModelMissing when the file cannot be used.

    The folder appears whole or not at all, whoever is killed and however many processes convert at once.
    """
    folder = cache / f"{path.stem}-{fingerprint(path)}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    _sweep(cache)
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=cache, ignore_cleanup_errors=True) as half:
        unfinished = Path(half) / "model"
        write_folder(open_gguf(path), unfinished, progress)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, and its folder is as good
                raise
    return folder


def fingerprint(path: Path) -> str:
    """Twelve hex digits for a file's size, both its ends and the converter; eight MiB of either end are read."""
    size, end = path.stat().st_size, 8 << 20
    digest = hashlib.sha256(f"{CONVERTER}:{size}:".encode())
    with path.open("rb") as file:
        digest.update(file.read(end))
        file.seek(max(size - end, 0))
        digest.update(file.read(end))
    return digest.hexdigest()[:12]


def open_gguf(path: Path) -> Gguf:
    """Read a file's header; ModelMissing when it is no GGUF file, or of an architecture or a kind not known here."""
    from transformers.integrations.gguf import GgufHeader, load_gguf_state_dict, read_gguf_metadata

    try:
        metadata, _ = read_gguf_metadata(str(path))
        header = GgufHeader.from_file(str(path))
    except (OSError, ValueError, LookupError, OverflowError, struct.error) as error:  # a damaged header does any of it
        raise ModelMissing(f"{path} cannot be read as a GGUF file ({error}): get it again.") from error
    if path.stat().st_size < header.data_start + max((t.offset + t.nbytes for t in header.tensors), default=0):
        raise ModelMissing(f"{path} is cut short, as by a download that broke off: get it again.")
    gguf = Gguf(path, metadata, header, load_gguf_state_dict(header))
    if gguf.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelMissing(
            f"{path} is a {gguf.architecture} model; GGUF files are read of {known}: use its folder form."
        )
    if metadata.get(f"{gguf.architecture}.rope.scaling.type", "none") != "none":
        raise ModelMissing(
            f"{path} scales its rotary positions, which is not read from GGUF files: use its folder form."
        )
    return gguf


def write_folder(gguf: Gguf, folder: Path, progress: Progress = silent) -> None:
    """Write config, tokenizer and weights of an opened file into a new folder."""
    from safetensors.torch import save_file

    folder.mkdir()
    config_of(gguf).save_pretrained(folder)
    write_tokenizer(gguf.path, folder)
    weights: dict[str, Tensor] = {}
    for done, (name, tensor) in enumerate(gguf.tensors.items(), start=1):
        weights.update(_stored(gguf, name, tensor))
        progress(f"converting {gguf.path.name}", done, len(gguf.tensors))
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "model.safetensors")


def config_of(gguf: Gguf) -> "PreTrainedConfig":
    """What the file says in transformers' words. The vocabulary is as large as the embedding, which may be padded."""
    from transformers import AutoConfig

    hidden, heads = int(gguf.number("embedding_length")), int(gguf.number("attention.head_count"))
    token_ids = {name: gguf.metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "padding")}
    config: PreTrainedConfig = AutoConfig.for_model(
        gguf.architecture,
        architectures=[{"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}[gguf.architecture] + "ForCausalLM"],
        vocab_size=gguf.tensors[EMBEDDING][:].shape[0],
        hidden_size=hidden,
        intermediate_size=int(gguf.number("feed_forward_length")),
        num_hidden_layers=int(gguf.number("block_count")),
        num_attention_heads=heads,
        num_key_value_heads=int(gguf.metadata.get(f"{gguf.architecture}.attention.head_count_kv", heads)),  # type: ignore[arg-type]
        head_dim=int(gguf.metadata.get(f"{gguf.architecture}.attention.key_length", hidden // heads)),  # type: ignore[arg-type]
        max_position_embeddings=int(gguf.number("context_length")),
        rms_norm_eps=gguf.number("attention.layer_norm_rms_epsilon"),
        rope_parameters={
            "rope_type": "default",
            "rope_theta": gguf.metadata.get(f"{gguf.architecture}.rope.freq_base", 10000.0),
        },
        attention_bias="blk.0.attn_q.bias" in gguf.tensors,
        tie_word_embeddings=gguf.tied,
        bos_token_id=token_ids["bos"],
        eos_token_id=token_ids["eos"],
        pad_token_id=token_ids["padding"],
        dtype="bfloat16",
    )
    return config


def write_tokenizer(path: Path, folder: Path) -> None:
    """tokenizer.json and its settings, the chat template among them, from the file's vocabulary and merges."""
    from tokenizers import pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from transformers.integrations.gguf import convert_gguf_tokenizer, get_gguf_tokenizer

    architecture, vocabulary, settings = get_gguf_tokenizer(str(path))
    backend, _ = convert_gguf_tokenizer(architecture, vocabulary)
    if vocabulary.get("pre_tokenizer_type") == "smollm":  # transformers takes it for GPT-2's, which keeps numbers whole
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    PreTrainedTokenizerFast(tokenizer_object=backend, **settings).save_pretrained(folder)


def _stored(gguf: Gguf, name: str, tensor: RawTensor) -> Iterator[tuple[str, Tensor]]:
    """What is stored for one tensor of the file, under transformers' names; ModelMissing for a tensor nobody knows.

    An embedding is looked up row by row, so it is kept dense; if it is the head as well, its blocks are kept beside.
    """
    target, kind = _renamed(gguf, name)
    blocks = _blocks_of(tensor)
    if blocks is None or target == "model.embed_tokens":
        yield f"{target}.{kind}", _reordered(gguf, target, _dense(tensor))
    if target == "model.embed_tokens":
        target = "lm_head" if gguf.tied else ""
    if blocks is not None and target:
        for part, value in blocks._asdict().items():
            yield f"{target}.{part}", _reordered(gguf, target, value)


def _renamed(gguf: Gguf, name: str) -> tuple[str, str]:
    """`blk.7.attn_q.weight` -> (`model.layers.7.self_attn.q_proj`, `weight`)."""
    stem, _, kind = name.rpartition(".")
    layer = ""
    if stem.startswith("blk."):
        _, number, stem = stem.split(".", 2)
        layer = f"model.layers.{number}."
    if stem not in _NAMES or kind not in ("weight", "bias"):
        raise ModelMissing(f"{gguf.path} holds {name}, which is not read from GGUF files: use the model's folder form.")
    return layer + _NAMES[stem], kind


def _blocks_of(tensor: RawTensor) -> Blocks | None:
    """The tensor's blocks, or None when it is not stored in a layout of `kernels/layout.py`."""
    if tensor.ggml_type == Q4_1:
        return unpack_q4_1(tensor[:])
    if tensor.ggml_type == Q4_0:
        return unpack_q4_0(tensor[:])
    if tensor.ggml_type == Q8_0:
        return unpack_q8_0(tensor[:])
    return None


def _dense(tensor: RawTensor) -> Tensor:
    """The tensor's numbers in bfloat16, whatever layout they are stored in."""
    if tensor.ggml_type in (F32, F16, BF16):
        return tensor[:].to(torch.bfloat16)
    from gguf import GGMLQuantizationType, quants

    raw = tensor[:].numpy()
    return torch.from_numpy(quants.dequantize(raw, GGMLQuantizationType(tensor.ggml_type))).to(torch.bfloat16)


def _reordered(gguf: Gguf, target: str, rows: Tensor) -> Tensor:
    """Rows of q and k back in transformers' order: llama files interleave the two halves of each head's rotation."""
    if gguf.architecture != "llama" or not target.endswith(("q_proj", "k_proj")):
        return rows
    heads = int(gguf.number("attention.head_count"))
    if target.endswith("k_proj"):
        heads = int(gguf.metadata.get("llama.attention.head_count_kv", heads))  # type: ignore[arg-type]
    return rows.reshape(heads, -1, 2, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)


def _sweep(cache: Path) -> None:
    """Remove what killed conversions left behind."""
    for folder in cache.glob(".converting-*"):
        if time.time() - folder.stat().st_mtime > STALE_S:
            shutil.rmtree(folder, ignore_errors=True)
