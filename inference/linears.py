"""Linear layers that read the same input, as one product where that is possible; and what adapters add to them.

Knows layers, not models: which layers belong together is `inference/llama.py`'s business.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from inference.adapters import Adapters
from kernels.dense import Dense, is_fast
from kernels.linear4 import MANY_ROWS, Linear4, Packed4

Rows: TypeAlias = Sequence[tuple[slice, str]]
"""Which rows of a ragged batch go through which adapter."""


class Joined:
    """The outputs of several linear layers beside one another: `run`, x (T, K) -> (T, N1 + N2 + …).

    places: the layers' paths in their model, by which adapters know them.
    """

    def __init__(self, model: nn.Module, places: Sequence[str]) -> None:
        layers = [model.get_submodule(place) for place in places]
        self.run: Callable[[Tensor], Tensor] = _together(layers)
        self._columns: dict[str, slice] = {}
        start = 0
        for place, layer in zip(places, layers, strict=True):
            self._columns[place] = slice(start, start + int(layer.out_features))  # type: ignore[arg-type]
            start = self._columns[place].stop

    def adapt(self, y: Tensor, x: Tensor, adapters: Adapters | None, rows: Rows) -> None:
        """Add to y = run(x), in place, what the adapters of its rows add."""
        assert adapters is not None, "a segment names an adapter, and this network has none"
        for some, adapter in rows:
            for place, columns in self._columns.items():
                delta = adapters.delta(place, x[some], adapter)
                if delta is not None:
                    y[some, columns] += delta


def arranged(model: nn.Module) -> None:
    """Put the weights of plain bfloat16 layers into the order of the CPU's own product, one layer at a time.

    The model gives the same bits as before, and its layers no longer have a `weight` to look at.
    """
    for place, layer in list(model.named_modules()):
        if type(layer) is nn.Linear and is_fast(layer.weight):
            model.set_submodule(place, Dense(layer.weight, layer.bias))


def _together(layers: Sequence[nn.Module]) -> Callable[[Tensor], Tensor]:
    packs = [layer.packed for layer in layers if isinstance(layer, Linear4) and layer.packed]
    if len(packs) == len(layers) and (len(packs) == 1 or all(pack.is_whole for pack in packs)):
        return _packed(layers, packs)
    if len(layers) == 1:
        return layers[0].forward if isinstance(layers[0], Dense) else layers[0]
    if all(type(layer) is nn.Linear for layer in layers):
        return _dense(layers)
    return lambda x: torch.cat([layer(x) for layer in layers], -1)


def _packed(layers: Sequence[nn.Module], packs: Sequence[Packed4]) -> Callable[[Tensor], Tensor]:
    """4-bit layers as one product, of whose weights the layers keep views."""
    product = packs[0] if len(packs) == 1 else Packed4.joined(packs)
    biases = [layer.bias for layer in layers]
    bias = torch.cat(biases) if all(bias is not None for bias in biases) else None  # type: ignore[arg-type]

    def run(x: Tensor) -> Tensor:
        if x.shape[0] > MANY_ROWS:
            return torch.cat([layer(x) for layer in layers], -1)
        y = product(x)
        return y if bias is None else y.add_(bias)

    return run


def _dense(layers: Sequence[nn.Module]) -> Callable[[Tensor], Tensor]:
    """Plain layers as one; their weights move into one tensor, of which the layers keep views."""
    weight, biases = torch.cat([layer.get_parameter("weight") for layer in layers]), [layer.bias for layer in layers]
    bias = None if biases[0] is None else torch.cat(biases)  # type: ignore[arg-type]
    parts = torch.split(weight, [len(layer.get_parameter("weight")) for layer in layers])
    for layer, part in zip(layers, parts, strict=True):
        layer.weight = nn.Parameter(part, requires_grad=False)
    return lambda x: nn.functional.linear(x, weight, bias)
