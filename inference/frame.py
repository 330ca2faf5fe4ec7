"""The modules of a plain Llama by their names, without transformers: where weights are put, and nothing that computes.

Importing transformers' models takes longer than everything else between the start of Mien and the first word, and
`inference/llama.py` computes with the weights alone. So a converted Llama is loaded into this frame; models that are
anything more than that still come from transformers.
"""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")


def frame_of(config: dict[str, Any], stored: Collection[str], device: torch.device | str) -> "Frame | None":
    """An empty frame for a model's config.json; None where it is more than a plain Llama in blocks.

    stored: the names of its tensors.
    """
    plain = (
        config["model_type"] == "llama"
        and config["hidden_act"] == "silu"
        and config["rope_parameters"]["rope_type"] == "default"
        and config["rope_parameters"].get("partial_rotary_factor", 1.0) == 1.0
    )
    if not plain:
        return None
    frame = Frame(config, device)
    linear = (place for place, _ in frame.named_modules() if place.endswith("_proj") or place == "lm_head")
    return frame if all(f"{place}.codes" in stored for place in linear) else None


class Frame(nn.Module):
    """What `inference/llama.py` knows of a Llama: config, device, dtype, and modules at transformers' own paths."""

    def __init__(self, config: dict[str, Any], device: torch.device | str) -> None:
        super().__init__()
        self.config = SimpleNamespace(**config)
        self.device, self.dtype = torch.device(device), torch.bfloat16
        layers = nn.ModuleList(_layer(self.config) for _ in range(self.config.num_hidden_layers))
        rotary = Rotary(self.config.head_dim, self.config.rope_parameters["rope_theta"], self.device)
        norm = _module(variance_epsilon=self.config.rms_norm_eps)
        self.model = _module(embed_tokens=nn.Module(), layers=layers, norm=norm, rotary_emb=rotary)
        self.lm_head = nn.Module()


class Rotary(nn.Module):
    """Rotary angles as transformers computes them: pairs of dimensions turn by theta^(-2i/D) for each position."""

    def __init__(self, width: int, theta: float, device: torch.device) -> None:
        super().__init__()
        steps = torch.arange(0, width, 2, dtype=torch.int64).float()
        self.register_buffer("frequencies", (1.0 / theta ** (steps / width)).to(device), persistent=False)  # (D/2,)

    def forward(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (1, T, D) in the type of `x` for positions (1, T)."""
        angles = positions[:, :, None].float() * self.get_buffer("frequencies")
        both = torch.cat([angles, angles], -1)
        return both.cos().to(x.dtype), both.sin().to(x.dtype)


def _layer(config: SimpleNamespace) -> nn.Module:
    places = {name: nn.Module() for name in ATTENTION}
    return _module(
        self_attn=_module(head_dim=config.head_dim, scaling=config.head_dim**-0.5, **places),
        mlp=_module(**{name: nn.Module() for name in FEED_FORWARD}),
        input_layernorm=_module(variance_epsilon=config.rms_norm_eps),
        post_attention_layernorm=_module(variance_epsilon=config.rms_norm_eps),
    )


def _module(**parts: Any) -> nn.Module:
    """A module with these submodules and attributes."""
    module = nn.Module()
    for name, part in parts.items():
        setattr(module, name, part)
    return module
