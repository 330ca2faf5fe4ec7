"""A GGUF file as it lies on disk: what it says about its model, and its tensors, some rows at a time.

Knows how GGUF names and stores things and what that means in transformers' words; knows nothing of how it will run.

Sources: the GGUF specification (ggml, docs/gguf.md); the q/k row order of llama files and the rotary factors of
Llama 3.1: `permute` and `generate_extra_tensors` in llama.cpp's convert_hf_to_gguf.py.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from inference.formats.checkpoint import read_bytes
from inference.job import ModelMissing

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

# ggml's numbers for tensor types: plain numbers, and the layouts that kernels/layout.py takes apart
F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K = 0, 1, 30, 2, 3, 8, 12
PLAIN = {F32: torch.float32, F16: torch.float16, BF16: torch.bfloat16}
EMBEDDING, HEAD, ROTARY = "token_embd.weight", "output.weight", "rope_freqs.weight"
ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}

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


class GgufTensor(NamedTuple):
    """One tensor of a file, still on disk."""

    name: str
    shape: tuple[int, ...]  # (N, K), or (N,) for a vector
    kind: int  # ggml's number
    file: Path
    offset: int  # bytes from the file's beginning
    bytes: int

    @property
    def plain(self) -> bool:
        """Whether it is stored as numbers rather than in blocks."""
        return self.kind in PLAIN

    def rows(self, start: int, end: int) -> Tensor:
        """Rows of a matrix (or entries of a vector) as they are stored: numbers, or blocks as uint8 (n, bytes)."""
        end, width = min(end, self.shape[0]), self.bytes // self.shape[0]
        raw = read_bytes(self.file, self.offset + start * width, (end - start) * width)
        return raw.view(PLAIN[self.kind]).view(-1, *self.shape[1:]) if self.plain else raw.view(-1, width)

    def all_rows(self) -> Tensor:
        """All of it, as `rows` gives it."""
        return self.rows(0, self.shape[0])


@dataclass(frozen=True, slots=True)
class Gguf:
    """An opened file: what it says about itself, and its tensors by their GGUF names."""

    path: Path
    metadata: dict[str, Any]
    tensors: dict[str, GgufTensor]

    @property
    def architecture(self) -> str:
        return str(self.metadata["general.architecture"])

    @property
    def tied(self) -> bool:
        return HEAD not in self.tensors

    def number(self, key: str, default: float | None = None) -> float:
        """A number under the architecture's name, such as `llama.block_count`; ModelMissing when there is none."""
        value = self.metadata.get(f"{self.architecture}.{key}", default)
        if not isinstance(value, int | float):
            raise ModelMissing(f"{self.path} lacks {self.architecture}.{key}: the file is damaged, get it again.")
        return value


def open_gguf(path: Path) -> Gguf:
    """Read a file's header; ModelMissing when it is no GGUF file, or of an architecture not known here."""
    from transformers.integrations.gguf import GgufHeader, read_gguf_metadata

    try:
        metadata, _ = read_gguf_metadata(str(path))
        header = GgufHeader.from_file(str(path))
    except (OSError, ValueError, LookupError, OverflowError, struct.error) as error:  # a damaged header does any of it
        raise ModelMissing(f"{path} cannot be read as a GGUF file ({error}): get it again.") from error
    tensors = [
        GgufTensor(each.name, tuple(each.shape), each.ggml_type, path, header.data_start + each.offset, each.nbytes)
        for each in header.tensors
    ]
    if path.stat().st_size < max((tensor.offset + tensor.bytes for tensor in tensors), default=0):
        raise ModelMissing(f"{path} is cut short, as by a download that broke off: get it again.")
    gguf = Gguf(path, metadata, {tensor.name: tensor for tensor in tensors})
    if gguf.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelMissing(
            f"{path} is a {gguf.architecture} model; GGUF files are read of {known}: use its folder form."
        )
    if EMBEDDING not in gguf.tensors:
        raise ModelMissing(f"{path} holds no {EMBEDDING}: it is not a whole language model.")
    return gguf


def config_of(gguf: Gguf) -> "PreTrainedConfig":
    """What the file says in transformers' words. The vocabulary is as large as the embedding, which may be padded."""
    from transformers import AutoConfig

    hidden, heads = int(gguf.number("embedding_length")), int(gguf.number("attention.head_count"))
    token_ids = {name: gguf.metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "padding")}
    config: PreTrainedConfig = AutoConfig.for_model(
        gguf.architecture,
        architectures=[ARCHITECTURES[gguf.architecture]],
        vocab_size=gguf.tensors[EMBEDDING].shape[0],
        hidden_size=hidden,
        intermediate_size=int(gguf.number("feed_forward_length")),
        num_hidden_layers=int(gguf.number("block_count")),
        num_attention_heads=heads,
        num_key_value_heads=int(gguf.number("attention.head_count_kv", heads)),
        head_dim=int(gguf.number("attention.key_length", hidden // heads)),
        max_position_embeddings=int(gguf.number("context_length")),
        rms_norm_eps=gguf.number("attention.layer_norm_rms_epsilon"),
        rope_parameters=_rotary(gguf),
        attention_bias="blk.0.attn_q.bias" in gguf.tensors,
        tie_word_embeddings=gguf.tied,
        bos_token_id=token_ids["bos"],
        eos_token_id=token_ids["eos"],
        pad_token_id=token_ids["padding"],
        dtype="bfloat16",
    )
    _check_rotary(gguf, config)
    return config


def renamed(gguf: Gguf, name: str) -> tuple[str, str]:
    """`blk.7.attn_q.weight` -> (`model.layers.7.self_attn.q_proj`, `weight`); ModelMissing for what nobody knows."""
    stem, _, kind = name.rpartition(".")
    layer = ""
    if stem.startswith("blk."):
        _, number, stem = stem.split(".", 2)
        layer = f"model.layers.{number}."
    if stem not in _NAMES or kind not in ("weight", "bias"):
        raise ModelMissing(f"{gguf.path} holds {name}, which is not read from GGUF files: use the model's folder form.")
    return layer + _NAMES[stem], kind


def reordered(gguf: Gguf, target: str, rows: Tensor) -> Tensor:
    """Rows of q and k back in transformers' order: llama files interleave the two halves of each head's rotation."""
    if gguf.architecture != "llama" or not target.endswith(("q_proj", "k_proj")):
        return rows
    heads = gguf.number("attention.head_count")
    if target.endswith("k_proj"):
        heads = gguf.number("attention.head_count_kv", heads)
    return rows.reshape(int(heads), -1, 2, *rows.shape[1:]).transpose(1, 2).reshape(rows.shape)


def _rotary(gguf: Gguf) -> dict[str, Any]:
    """How positions turn: plainly, stretched evenly, or as Llama 3.1 stretches its slow frequencies."""
    rotary: dict[str, Any] = {"rope_type": "default", "rope_theta": gguf.number("rope.freq_base", 10000.0)}
    if ROTARY in gguf.tensors:  # what each frequency is divided by; the slowest by the whole factor
        factor = float(gguf.tensors[ROTARY].all_rows().max())
        slow = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
        return rotary | {"rope_type": "llama3", "factor": factor} | slow
    scaling = gguf.metadata.get(f"{gguf.architecture}.rope.scaling.type", "none")
    if scaling == "linear":
        return rotary | {"rope_type": "linear", "factor": gguf.number("rope.scaling.factor")}
    if scaling != "none":
        raise ModelMissing(
            f"{gguf.path} scales its rotary positions by {scaling}, which is not read from GGUF files: use its folder "
            "form."
        )
    return rotary


def _check_rotary(gguf: Gguf, config: "PreTrainedConfig") -> None:
    """ModelMissing when the file's rotary factors are not those that Llama 3.1's rule gives."""
    if ROTARY not in gguf.tensors:
        return
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    turned, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    halves = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    plainly = 1.0 / config.rope_parameters["rope_theta"] ** halves
    factors = gguf.tensors[ROTARY].all_rows().float()
    if factors.shape != turned.shape or not torch.allclose(plainly / turned, factors, rtol=1e-3):
        raise ModelMissing(
            f"{gguf.path} scales its rotary positions by factors of its own, which is not read from GGUF files: use "
            "its folder form."
        )
