"""The blocks of avatar/unet.py: a residual block that is told the time, and a transformer layer told the prompt.

Pictures are (B, C, h, w) in channels_last, which is also (B, h * w, C): a linear layer is a 1 x 1 convolution. What one
time for all pictures and one token of prompt make simpler is made simpler: the time is part of a convolution's bias,
and attention to a single token is that token, whatever asks for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kernels.convolution import Convolution
from kernels.layer import Floating

ATTENTION_EPSILON = 1e-6  # of the norm in front of a transformer layer; diffusers has no setting for it


@dataclass(frozen=True, slots=True)
class Shape:
    """What all blocks have in common. time, prompt: widths of what they are told; groups, epsilon: of norms."""

    time: int
    prompt: int
    heads: int
    groups: int
    epsilon: float


class Weights:
    """The tensors of a file by name: each is taken once, and none may be left."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._left = dict(tensors)

    def take(self, name: str, *shape: int) -> Tensor:
        """The tensor of that name. ValueError if there is none, or one of another shape."""
        if name not in self._left:
            raise ValueError(f"{name} is missing")
        tensor = self._left.pop(name)
        if tensor.shape != shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)} and not {shape}")
        return tensor

    def layer(self, name: str, *shape: int) -> tuple[Tensor, Tensor]:
        """A layer's weight, of that shape, and its bias."""
        return self.take(f"{name}.weight", *shape), self.take(f"{name}.bias", shape[0])

    def end(self) -> None:
        """ValueError if there is more than was taken."""
        if self._left:
            raise ValueError(f"{next(iter(self._left))} belongs to another kind of UNet")


def exactly(weight: Tensor, bias: Tensor) -> Floating:
    """A linear layer in float32: of one row, which half precision would only have to unpack."""
    return Floating(weight.float(), bias.float())


class Norm(nn.Module):
    """GroupNorm (Wu & He, arXiv 1803.08494)."""

    def __init__(self, weights: Weights, name: str, width: int, groups: int, epsilon: float) -> None:
        super().__init__()
        weight, bias = weights.layer(name, width)
        self.weight, self.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
        self._groups, self._epsilon = groups, epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self._groups, self.weight, self.bias, self._epsilon)

    def silu(self, x: Tensor) -> Tensor:
        """With SiLU after it."""
        return F.silu(self(x), inplace=True)


class LayerNorm(nn.Module):
    """LayerNorm over the channels of each place."""

    def __init__(self, weights: Weights, name: str, width: int) -> None:
        super().__init__()
        weight, bias = weights.layer(name, width)
        self.weight, self.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        normed = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias)
        return normed.permute(0, 3, 1, 2)


class Residual(nn.Module):
    """Two convolutions beside an identity, or beside a 1 x 1 convolution where the width changes."""

    def __init__(self, weights: Weights, name: str, before: int, after: int, shape: Shape) -> None:
        super().__init__()
        self.norm1 = Norm(weights, f"{name}.norm1", before, shape.groups, shape.epsilon)
        weight, bias = weights.layer(f"{name}.conv1", after, before, 3, 3)
        self.conv1 = Convolution(weight)
        time, time_bias = weights.layer(f"{name}.time_emb_proj", after, shape.time)
        self.time = exactly(time, time_bias + bias)
        self.norm2 = Norm(weights, f"{name}.norm2", after, shape.groups, shape.epsilon)
        self.conv2 = Convolution(*weights.layer(f"{name}.conv2", after, after, 3, 3))
        wider = None if before == after else weights.layer(f"{name}.conv_shortcut", after, before, 1, 1)
        self.beside = Convolution(*wider) if wider else None

    def forward(self, x: Tensor, at: Tensor) -> Tensor:
        """(B, before, h, w) -> (B, after, h, w)."""
        inner = self.conv1(self.norm1.silu(x), self.time(at)[0].to(x.dtype))
        beside = x if self.beside is None else self.beside(x)
        return self.conv2.joined(self.norm2.silu(inner), beside)


class Transformer(nn.Module):
    """One transformer layer: places attend to each other, then to the prompt, then think (GEGLU, arXiv 2002.05202)."""

    def __init__(self, weights: Weights, name: str, width: int, shape: Shape) -> None:
        super().__init__()
        layer = f"{name}.transformer_blocks.0"
        self._heads = shape.heads
        self.norm = Norm(weights, f"{name}.norm", width, shape.groups, ATTENTION_EPSILON)
        self.enter = Convolution(*weights.layer(f"{name}.proj_in", width, width, 1, 1))
        self.norm1 = LayerNorm(weights, f"{layer}.norm1", width)
        self.seen = Convolution(
            torch.cat([weights.take(f"{layer}.attn1.to_{part}.weight", width, width) for part in "qkv"])
        )
        self.said = Convolution(*weights.layer(f"{layer}.attn1.to_out.0", width, width))
        for unused in (
            "norm2.weight",
            "norm2.bias",
        ):  # they and what follows choose among tokens, of which there is one
            weights.take(f"{layer}.{unused}", width)
        weights.take(f"{layer}.attn2.to_q.weight", width, width)
        weights.take(f"{layer}.attn2.to_k.weight", width, shape.prompt)
        prompt = weights.take(f"{layer}.attn2.to_v.weight", width, shape.prompt)
        self.prompt = exactly(prompt, prompt.new_zeros(width))
        self.told = exactly(*weights.layer(f"{layer}.attn2.to_out.0", width, width))
        self.norm3 = LayerNorm(weights, f"{layer}.norm3", width)
        (value, gate), (value_bias, gate_bias) = (
            part.chunk(2) for part in weights.layer(f"{layer}.ff.net.0.proj", 8 * width, width)
        )
        self.value, self.gate = Convolution(value, value_bias), Convolution(gate, gate_bias)
        self.narrow = Convolution(*weights.layer(f"{layer}.ff.net.2", width, 4 * width))
        self.leave = Convolution(*weights.layer(f"{name}.proj_out", width, width, 1, 1))

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape; told: (B, prompt)."""
        y = self.enter(self.norm(x))
        y = self.said.joined(self._attend(self.seen(self.norm1(y))), y)
        y = y + self.told(self.prompt(told))[..., None, None].to(x.dtype)
        z = self.norm3(y)
        y = self.narrow.joined(self.value.joined(z, self.gate.gelu(z), "mul"), y)
        return self.leave.joined(y, x)

    def _attend(self, seen: Tensor) -> Tensor:
        """Queries, keys and values beside each other, (B, 3 * C, h, w) -> what each place attends to, (B, C, h, w)."""
        count, _, height, width = seen.shape
        parts = seen.permute(0, 2, 3, 1).reshape(count, height * width, 3, self._heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # each (B, heads, h * w, C / heads)
        said = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)  # (B, h * w, heads, C / heads)
        return said.reshape(count, height, width, -1).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A residual block, and a transformer layer behind it where places attend."""

    def __init__(
        self, weights: Weights, name: str, place: int, before: int, after: int, shape: Shape, *, attends: bool
    ) -> None:
        super().__init__()
        self.residual = Residual(weights, f"{name}.resnets.{place}", before, after, shape)
        self.transformer = Transformer(weights, f"{name}.attentions.{place}", after, shape) if attends else None

    def forward(self, x: Tensor, at: Tensor, told: Tensor) -> Tensor:
        """(B, before, h, w) -> (B, after, h, w); at: (1, time), told: (B, prompt)."""
        y: Tensor = self.residual(x, at)
        if self.transformer is not None:
            y = self.transformer(y, told)
        return y
