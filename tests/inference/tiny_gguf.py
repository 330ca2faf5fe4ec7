"""Real, tiny models as GGUF files, written by the package gguf as llama.cpp's converter would write them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter, TokenType, quants
from torch import Tensor
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

Q4_0, Q4_1, Q8_0, Q4_K, Q5_K, Q6_K, IQ4_NL, F16, F32 = (
    GGMLQuantizationType[name] for name in ("Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "F16", "F32")
)
HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, VOCABULARY = 64, 128, 2, 4, 2, 272

HEAD = HIDDEN // HEADS
# Layouts that the package gguf reads but does not write: where in a block its float16 steps stand.
_STEPS = {Q4_K: (0, 2), Q5_K: (0, 2), Q6_K: (208,), IQ4_NL: (0,)}

Kinds = Callable[[str], GGMLQuantizationType]
_CLASSES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}
_MODULES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def tiny_model(architecture: str = "llama", *, tied: bool = True, **settings: object) -> PreTrainedModel:
    """A random model in float32; its weights are spread widely enough that wrong ones show. settings: of its config."""
    torch.manual_seed(0)
    config_class, model_class = _CLASSES[architecture]
    common = {
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD,
        "max_position_embeddings": 128,
        "tie_word_embeddings": tied,
        "rms_norm_eps": 1e-5,
        "initializer_range": 0.2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }
    config = config_class(**common | settings)
    model: PreTrainedModel = model_class(config).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases and norms, which begin as zeros and ones: any number would do for them
            parameter.data += torch.randn_like(parameter) / 4
    return model


def write_gguf(
    path: Path,
    model: PreTrainedModel,
    kinds: Kinds = lambda name: Q4_1,
    also: Callable[[GGUFWriter], None] = lambda writer: None,
    rope_theta: float = 10000.0,
) -> None:
    """Write `model` to `path`, matrices quantized as `kinds` says, and set its weights to what was written.

    Norms and biases stay float32, as in every GGUF file. `also` may write whatever else the file shall hold.
    """
    architecture = model.config.model_type
    writer = GGUFWriter(path, architecture)
    _describe(writer, model.config, rope_theta)
    also(writer)
    tied = model.config.tie_word_embeddings
    for name, parameter in model.named_parameters():
        if name == "lm_head.weight" and tied:
            continue
        kind = kinds(name) if parameter.dim() == 2 else F32
        rows = _interleaved(architecture, name, parameter.detach())
        raw = _quantized(rows.numpy(), kind)
        writer.add_tensor(_gguf_name(name), raw, raw_dtype=kind)
        kept = torch.from_numpy(_dequantized(raw, kind).reshape(rows.shape).copy())
        parameter.data = _interleaved(architecture, name, kept, back=True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: GGUFWriter, config: Any, rope_theta: float) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(rope_theta)
    alphabet = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324)]]
    tokens = [*alphabet, "<|im_start|>", "<|im_end|>", "ab"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL if t.startswith("<|") else TokenType.NORMAL for t in tokens])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(257)
    writer.add_chat_template("{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}")


def _gguf_name(name: str) -> str:
    stem, kind = name.rsplit(".", 1)
    if not stem.startswith("model.layers."):
        return f"{_MODULES[stem]}.{kind}"
    _, _, number, module = stem.split(".", 3)
    return f"blk.{number}.{_MODULES[module]}.{kind}"


def _interleaved(architecture: str, name: str, rows: Tensor, *, back: bool = False) -> Tensor:
    """q and k of llama files: row i of a head's first half, then row i of its second half (and back)."""
    heads = {"q_proj": HEADS, "k_proj": KV_HEADS}.get(name.split(".")[-2])
    if architecture != "llama" or heads is None:
        return rows
    halves = (heads, -1, 2) if back else (heads, 2, rows.shape[0] // heads // 2)
    return rows.reshape(*halves, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape).contiguous()


def _quantized(rows: npt.NDArray[np.float32], kind: GGMLQuantizationType) -> npt.NDArray[np.generic]:
    """Rows in the layout `kind`; where the package cannot write it, any codes, of about the rows' spread."""
    if kind not in _STEPS:
        return np.asarray(quants.quantize(rows, kind))
    weights, size = GGML_QUANT_SIZES[kind]
    shape = (rows.shape[0], rows.shape[1] // weights, size)
    blocks = np.random.default_rng(rows.size).integers(0, 256, shape, dtype=np.uint8)
    step = rows.std() / {Q4_K: 400, Q5_K: 800, Q6_K: 1400, IQ4_NL: 64}[kind]
    for place in _STEPS[kind]:
        blocks[..., place : place + 2] = np.frombuffer(np.float16(step).tobytes(), np.uint8)
    return blocks.reshape(rows.shape[0], -1)


def _dequantized(raw: npt.NDArray[np.generic], kind: GGMLQuantizationType) -> npt.NDArray[np.float32]:
    return np.asarray(quants.dequantize(raw, kind), dtype=np.float32)
