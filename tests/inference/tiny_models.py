"""Causal language models of several families with random weights, large enough that they have an opinion."""

from collections.abc import Callable
from typing import Any

import torch
import transformers

SIZES: dict[str, Any] = {
    "vocab_size": 211,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "initializer_range": 0.3,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
WITHOUT_GROUPS = {name: size for name, size in SIZES.items() if name not in ("num_key_value_heads", "head_dim")}
ONE_LAYER_SLIDES = {"sliding_window": 24, "layer_types": ["sliding_attention", "full_attention"]}

KINDS: dict[str, Callable[[], Any]] = {
    "llama": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)
    ),
    "llama31": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            **SIZES,
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        )
    ),
    "mistral": lambda: transformers.MistralForCausalLM(transformers.MistralConfig(**SIZES, sliding_window=24)),
    "qwen2": lambda: transformers.Qwen2ForCausalLM(
        transformers.Qwen2Config(**SIZES, use_sliding_window=True, **ONE_LAYER_SLIDES)
    ),
    "qwen3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SIZES)),
    "gemma2": lambda: transformers.Gemma2ForCausalLM(
        transformers.Gemma2Config(**SIZES, attn_logit_softcapping=3.0, query_pre_attn_scalar=16, **ONE_LAYER_SLIDES)
    ),
    "gemma3": lambda: transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**SIZES, **ONE_LAYER_SLIDES)),
    "neox": lambda: transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**WITHOUT_GROUPS)),
    "phi": lambda: transformers.PhiForCausalLM(transformers.PhiConfig(**WITHOUT_GROUPS, partial_rotary_factor=0.5)),
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=211, n_embd=48, n_layer=2, n_head=4, initializer_range=0.3, bos_token_id=1, eos_token_id=2
        )
    ),
}


def made(kind: str) -> Any:
    """A model of that kind: always the same weights, norms and biases drawn too, attending eagerly (Gemma 2 must)."""
    torch.manual_seed(0)
    model = KINDS[kind]().eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(torch.randn_like(weight), alpha=0.2)
    if kind == "gemma2":
        model.set_attn_implementation("eager")
    return model
