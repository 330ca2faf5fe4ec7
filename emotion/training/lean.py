"""Training steps that waste no processor: a network computes in bfloat16, its weights are kept in float32.

On one core, autocast spends a third of a step on casting weights, drawing dropout masks and torch's fused attention,
which is slow for short rows in bfloat16. Here the layers' own weights are bfloat16 copies of the float32 ones that
AdamW moves, dropout masks are slices of one long row of random numbers, and attention is written out. A step of 32
GoEmotions texts takes 0.27 s of a core instead of 0.36 (docs/LOG.md).
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

POOL = 1 << 22  # random numbers that dropout masks are cut from; the largest activation here has about 200,000
MEMORY = 0.999  # of the running mean of weights: it looks back a thousand steps


class CutDropout(nn.Module):
    """Dropout whose mask is a slice, at a random place, of a long row of zeros and 1 / (1 - p)."""

    def __init__(self, pool: Tensor, dice: random.Random) -> None:
        super().__init__()
        self._pool, self._dice = pool, dice

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape -> the same shape, with each number dropped or enlarged while training."""
        if not self.training:
            return x
        start = self._dice.randrange(len(self._pool) - x.numel())
        return x * self._pool[start : start + x.numel()].view(x.shape).to(x.dtype)


@contextmanager
def lean(encoder: Any, dice: random.Random, dropout: float = 0.1) -> Iterator[None]:
    """Inside: `encoder` (a transformers model) computes in bfloat16 with cut dropout between layers, none on
    attention. Outside: as before, in float32. Weights are rounded on the way in; `Masters` remembers them."""
    config = encoder.config
    attention = config._attn_implementation
    config._attn_implementation = "eager"
    pool = (torch.rand(POOL, generator=torch.Generator().manual_seed(dice.randrange(1 << 31))) >= dropout) / (
        1 - dropout
    )
    replaced = _replace_dropout(encoder, pool.to(torch.bfloat16), dice)
    encoder.to(torch.bfloat16)
    try:
        yield
    finally:
        encoder.to(torch.float32)
        config._attn_implementation = attention
        for parent, name, child in replaced:
            setattr(parent, name, child)


def _replace_dropout(encoder: nn.Module, pool: Tensor, dice: random.Random) -> list[tuple[nn.Module, str, nn.Module]]:
    found: list[tuple[nn.Module, str, nn.Module]] = [
        (parent, name, child)
        for parent in list(encoder.modules())
        for name, child in parent.named_children()
        if isinstance(child, nn.Dropout)
    ]
    for parent, name, _ in found:
        on_attention = hasattr(parent, "query")
        setattr(parent, name, nn.Dropout(0.0) if on_attention else CutDropout(pool, dice))
    return found


class Masters:
    """The float32 truth of parameters that compute in any type, moved by AdamW; and the running mean of that truth."""

    def __init__(self, parameters: Sequence[Tensor], truth: Sequence[Tensor], decay: float = 0.01) -> None:
        """truth: the float32 values of `parameters`, from before they were rounded."""
        self._parameters: list[Tensor] = list(parameters)
        self.weights = [value.detach().float().clone() for value in truth]
        self._gradients = [torch.zeros_like(weight) for weight in self.weights]
        for weight, gradient in zip(self.weights, self._gradients, strict=True):
            weight.grad = gradient
        self._optimizer = torch.optim.AdamW(self.weights, weight_decay=decay, fused=True)
        self.mean = [weight.clone() for weight in self.weights]
        self.steps = 0

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the weights by the parameters' gradients, clipped at norm 1, and forget the gradients."""
        torch._foreach_copy_(self._gradients, [p.grad for p in self._parameters if p.grad is not None])
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        torch._foreach_copy_(self._parameters, self.weights)
        for parameter in self._parameters:
            parameter.grad = None
        self.steps += 1
        if self.steps % 4 == 0:  # a quarter of the work, the same mean
            torch._foreach_lerp_(self.mean, self.weights, 1 - min(MEMORY, self.steps / (self.steps + 50)) ** 4)

    def state(self) -> dict[str, Any]:
        """Everything that `resume` needs to go on as if nothing had happened."""
        return {
            "weights": [w.detach() for w in self.weights],
            "mean": self.mean,
            "steps": self.steps,
            "optimizer": self._optimizer.state_dict(),
        }

    @torch.no_grad()
    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        torch._foreach_copy_(self.weights, state["weights"])
        torch._foreach_copy_(self.mean, state["mean"])
        torch._foreach_copy_(self._parameters, self.weights)
        self._optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]
