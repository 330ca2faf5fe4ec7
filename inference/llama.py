"""The Llama family (Llama, Mistral, Qwen 2 and 3) as a `Network`: the model's own weights, our forward pass.

Per layer there are as few operations as there can be: one product for query, key and value, one for gate and up,
rotary angles from a table, keys and values written where they stay, and no modules in between. What is computed is
what transformers' modules compute, rounded at the same places: a prompt's logits are the same to the last bit. A single
token's attention is summed in another order than torch's (`inference/single.py`), so that one in some 8,000 of its
outputs differs by the last bit of a bfloat16; where two tokens are as likely as that, either may be the likeliest.

A row's numbers do not depend on the rows beside it: the 4-bit product gives a row the same bits whatever rows are
multiplied with it (1 to 16, measured), oneDNN's bfloat16 product nearly always.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, silu

from inference.adapters import Adapters
from inference.attention import Ragged
from inference.cache import Form, LayerShape, Past
from inference.frame import Frame
from inference.linears import Joined, Rows, arranged
from inference.network import Segment, side_by_side, taken_apart
from kernels.linear4 import MANY_ROWS_DENSE, Linear8

FAMILY = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
STEADY_ROPE = ("default", "linear", "llama3", "yarn")  # angles that depend on a token's position alone
NARROW = {torch.bfloat16: Tensor.bfloat16, torch.float16: Tensor.half, torch.float32: Tensor.float}
WRITING_ROWS = 64  # up to so many wanted rows are of replies that are written: each the same in any company


def is_llama(model: Any) -> bool:
    """Whether `Llama` computes what this model does."""
    if isinstance(model, Frame):
        return True
    config = model.config
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        type(model).__name__ in FAMILY
        and type(model).__module__.startswith("transformers.models.")
        and config.hidden_act == "silu"
        and rope.get("rope_type", "default") in STEADY_ROPE
        and rope.get("partial_rotary_factor", 1.0) == 1.0
    )


class Llama:
    """A model of the Llama family in eval mode on its device; see `Network`.

    The model stays fit for use, though its linear layers may have become others that give the same bits.
    """

    def __init__(self, model: Any) -> None:
        arranged(model)
        attention = model.model.layers[0].self_attn
        self.device: torch.device = model.device
        shape = LayerShape(model.config.num_key_value_heads, attention.head_dim, attention.head_dim)
        self.form = Form((shape,) * len(model.model.layers), model.dtype, self.device)
        self.adapters: Adapters | None = None
        self._words = model.model.embed_tokens.weight  # (V, hidden)
        self._layers = [Layer(model, number) for number in range(len(model.model.layers))]
        self._norm = Norm(model.model.norm)
        self._head = Joined(model, ["lm_head"])
        self._head_rows = MANY_ROWS_DENSE if isinstance(model.lm_head, Linear8) else WRITING_ROWS
        self._angles = Angles(model)

    def past(self, room: int, trunk: Past | None = None) -> Past:
        return Past(self.form, room, trunk)

    def read(self, segments: Sequence[Segment]) -> list[Tensor]:
        row = side_by_side(segments)
        step = Step(*self._angles.at(row.positions), Ragged(row.spans), self.adapters, row.adapted)
        x = embedding(torch.tensor(row.tokens, device=self.device), self._words)  # (T, hidden)
        for layer in self._layers:
            x = layer(x, step)
        if len(row.wanted) < len(row.tokens):
            x = x[torch.tensor(row.wanted, device=self.device)]
        x = self._norm(x)
        logits = self._logits(x)  # (W, V)
        if row.heads:
            self._head.adapt(logits, x, step.adapters, row.heads)
        return taken_apart(segments, logits)

    def _logits(self, x: Tensor) -> Tensor:
        """The head over x (W, hidden); an 8-bit one multiplies many rows otherwise than few, so it gets few."""
        if self._head_rows < len(x) <= WRITING_ROWS:
            return torch.cat([self._head.run(some) for some in torch.split(x, self._head_rows)])
        return self._head.run(x)


@dataclass(frozen=True, slots=True)
class Step:
    """What all layers need to know of one forward pass.

    cos, sin: (T, 1, D), of each token's position. attention: of its segments. adapted: tokens that go through adapters.
    """

    cos: Tensor
    sin: Tensor
    attention: Ragged
    adapters: Adapters | None
    adapted: Rows


class Norm:
    """Root-mean-square norm as transformers' modules round it: float32 inside, narrowed before the weight."""

    def __init__(self, module: Any) -> None:
        self.weight, self._narrow = module.weight, NARROW[module.weight.dtype]
        self._epsilon = torch.tensor(module.variance_epsilon, dtype=torch.float32, device=module.weight.device)

    def __call__(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = wide.square().mean(-1, True).add_(self._epsilon).rsqrt_()
        return self._narrow(wide * scale).mul_(self.weight)


class Angles:
    """Cosines and sines of the positions' rotations, computed by the model's own module and kept.

    The sines of the first half carry the sign that transformers gives the half which changes places.
    """

    def __init__(self, model: Any) -> None:
        self._module, self._dtype, self._device = model.model.rotary_emb, model.dtype, model.device
        self._cos = self._sin = torch.empty(0)
        self._known = 0

    def at(self, positions: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Cosines and sines, (T, 1, D) each."""
        last = max(positions)
        if last >= self._known:
            self._learn(max(512, 2 * last))
        if len(positions) == 1:
            return self._cos[last : last + 1], self._sin[last : last + 1]
        index = torch.tensor(positions, device=self._device)
        return self._cos[index], self._sin[index]

    def _learn(self, count: int) -> None:
        positions = torch.arange(count, device=self._device)[None]
        cos, sin = self._module(torch.empty(0, dtype=self._dtype, device=self._device), positions)  # (1, P, D)
        half = sin.shape[2] // 2
        self._known, self._cos = count, cos[0, :, None]
        self._sin = torch.cat([-sin[0, :, :half], sin[0, :, half:]], -1)[:, None]


class Layer:
    """One decoder layer: x (T, hidden) -> (T, hidden)."""

    def __init__(self, model: Any, number: int) -> None:
        place, layer = f"model.layers.{number}", model.model.layers[number]
        attention, self._number = layer.self_attn, number
        self._width: int = attention.head_dim
        self._heads: int = model.config.num_attention_heads
        self._turning: int = self._heads + model.config.num_key_value_heads  # heads of queries and keys
        self._scaling: float = attention.scaling
        self._window: int | None = getattr(attention, "sliding_window", None)
        if type(model).__name__.startswith("Mistral"):
            self._window = model.config.sliding_window
        self._before, self._between = Norm(layer.input_layernorm), Norm(layer.post_attention_layernorm)
        self._head_norm = _head_norm(attention, self._heads, self._turning)
        self._qkv = Joined(model, [f"{place}.self_attn.{name}_proj" for name in "qkv"])
        self._o = Joined(model, [f"{place}.self_attn.o_proj"])
        self._gate_up = Joined(model, [f"{place}.mlp.{name}_proj" for name in ("gate", "up")])
        self._down = Joined(model, [f"{place}.mlp.down_proj"])

    def __call__(self, x: Tensor, step: Step) -> Tensor:
        x = x + self._attended(self._before(x), step)
        gate, up = _through(self._gate_up, self._between(x), step).chunk(2, -1)
        return x + _through(self._down, silu(gate).mul_(up), step)

    def _attended(self, x: Tensor, step: Step) -> Tensor:
        heads = _through(self._qkv, x, step).view(x.shape[0], -1, self._width)  # (T, H + 2H', D)
        turned, value = heads[:, : self._turning], heads[:, self._turning :]
        if self._head_norm is not None:
            turned = self._head_norm(turned)
        turned = (turned * step.cos).add_(turned.roll(self._width // 2, -1).mul_(step.sin))
        query, key = turned[:, : self._heads], turned[:, self._heads :]
        out = step.attention.attend(self._number, query, key, value, self._scaling, self._window)
        return _through(self._o, out.reshape(x.shape[0], -1), step)


def _through(linear: Joined, x: Tensor, step: Step) -> Tensor:
    y = linear.run(x)
    if step.adapted:
        linear.adapt(y, x, step.adapters, step.adapted)
    return y


def _head_norm(attention: Any, heads: int, turning: int) -> Norm | None:
    """The norm of every query's and key's head, one weight for each: (H + H', D); None for models without it."""
    if not hasattr(attention, "q_norm"):
        return None
    norm = Norm(attention.q_norm)
    weights = [attention.q_norm.weight.expand(heads, -1), attention.k_norm.weight.expand(turning - heads, -1)]
    norm.weight = torch.cat(weights)
    return norm
