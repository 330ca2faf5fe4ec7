"""LoRAs of painters: read from a safetensors file, and added to the weights of a network or a text encoder.

W' = W + weight * alpha / rank * up @ down (Hu et al., arXiv 2106.09685; for convolutions kohya's LoCon). Fused, a LoRA
costs nothing while faces are painted; unfused, it stands beside the weights, whose half precision rounds away nothing
of it. Whoever trained it and by whatever names (avatar/lora_names.py): every layer of it must fit, or it is refused.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad

from avatar.lora_names import belongs, layers, plain
from avatar.recipe import LoraFile, Recipe
from inference.job import ModelMissing

_ENDS = {
    "down": r"\.lora_down\.weight|\.lora_A(\.default)?\.weight|(?:\.lora|_lora|\.lora_linear_layer)\.down\.weight",
    "up": r"\.lora_up\.weight|\.lora_B(\.default)?\.weight|(?:\.lora|_lora|\.lora_linear_layer)\.up\.weight",
    "alpha": r"\.alpha",
}
_WIDER = ("conv_in", "x_embedder")  # an inpainting network's first layer sees more than the one a LoRA was made for


@dataclass(slots=True)
class _Pair:
    """One layer of a file: down (rank, in, …), up (out, rank, …) and alpha, as they come."""

    down: Tensor | None = None
    up: Tensor | None = None
    alpha: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """What a LoRA adds to one layer: down (rank, in, …), up (out, rank, …) in float32, and by how much."""

    layer: nn.Linear | nn.Conv2d
    down: Tensor
    up: Tensor
    scale: float

    @property
    def weight(self) -> Tensor:
        """What is added to the layer's weight, of its shape, in float32."""
        whole = self.up.flatten(1) @ self.down.flatten(1)  # (out, in · …)
        return self.scale * whole.reshape(self.layer.weight.shape)

    def beside(self, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        """What the layer says with the LoRA beside it: a forward hook."""
        down, up = self.down.to(output.dtype), self.up.to(output.dtype)
        if isinstance(self.layer, nn.Linear):
            return output + self.scale * linear(linear(inputs[0], down.flatten(1)), up.flatten(1))
        kernel = down.reshape(len(down), *self.layer.weight.shape[1:])
        low = conv2d(inputs[0], kernel, None, self.layer.stride, self.layer.padding, self.layer.dilation)
        return output + self.scale * conv2d(low, up.reshape(*up.shape[:2], 1, 1))


def add_loras(module: nn.Module, part: str, recipe: Recipe) -> None:
    """Add the recipe's LoRAs to a part (unet, transformer, text_encoder, text_encoder_2), into its weights or beside
    them. Raises ModelMissing."""
    for place, file in enumerate(recipe.loras):
        for delta in fitted(module, part, file):
            if recipe.fuse:
                weight = delta.layer.weight.data
                delta.layer.weight.data = (weight.float() + delta.weight).to(weight)
            else:  # as buffers they come and go with the weights
                delta.layer.register_buffer(f"lora_{place}_down", delta.down, persistent=False)
                delta.layer.register_buffer(f"lora_{place}_up", delta.up, persistent=False)
                delta.layer.register_forward_hook(delta.beside)


class Beside(nn.Module):
    """LoRAs beside a part's weights, for as long as `worn` is entered: what a persona brings of its own.

    Their halves are its own buffers, so that they come to the device and go without the part. Raises ModelMissing.
    """

    def __init__(self, module: nn.Module, part: str, loras: Iterable[LoraFile]) -> None:
        super().__init__()
        self._deltas = [_as_computed(delta) for lora in loras for delta in fitted(module, part, lora)]
        for place, delta in enumerate(self._deltas):
            self.register_buffer(f"down_{place}", delta.down, persistent=False)
            self.register_buffer(f"up_{place}", delta.up, persistent=False)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """The part computes with them inside."""
        handles = [delta.layer.register_forward_hook(delta.beside) for delta in self._deltas]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _as_computed(delta: Delta) -> Delta:
    """In the type that its layer computes in, so that nothing is converted while faces are painted."""
    dtype = delta.layer.weight.dtype
    return replace(delta, down=delta.down.to(dtype, copy=True), up=delta.up.to(dtype, copy=True))


def fitted(module: nn.Module, part: str, lora: LoraFile) -> list[Delta]:
    """What a LoRA's file adds to the layers of a part; nothing, if it was trained on other parts only."""
    known = layers(module, part)
    pairs = {name: pair for name, pair in read_lora(lora.file).items() if belongs(name, part)}
    strange = [name for name in pairs if name not in known]
    if strange:
        raise ModelMissing(
            f"The LoRA {lora.file} does not fit this painter: {len(strange)} of its {len(pairs)} layers are not there, "
            f"such as {strange[0]}. Take one that was made for this family."
        )
    return [delta for name, pair in pairs.items() for delta in _deltas(module, known[name], pair, lora, name)]


def read_lora(file: Path) -> dict[str, _Pair]:
    """The layers of a LoRA's file by their plain names; ModelMissing says what is wrong with it."""
    if file.suffix != ".safetensors":
        raise ModelMissing(f"The LoRA {file} may be pickled, which could run any program: get it as .safetensors.")
    pairs: dict[str, _Pair] = {}
    try:
        with safe_open(file, framework="pt") as opened:
            alphas = _told_alphas(opened.metadata() or {})
            for key in opened.keys():  # noqa: SIM118  # not a dict
                _sort(file, key, opened.get_tensor(key), pairs)
    except (OSError, SafetensorError) as error:
        raise ModelMissing(f"The LoRA {file} cannot be read: get it again, or check its path.") from error
    if not pairs or any(pair.down is None or pair.up is None for pair in pairs.values()):
        raise ModelMissing(f"The file {file} is no LoRA, or not all of it is there: get it again.")
    for name, pair in pairs.items():
        pair.alpha = alphas.get(_part_of(name), pair.alpha) if pair.alpha is None else pair.alpha
    return pairs


def _sort(file: Path, key: str, value: Tensor, pairs: dict[str, _Pair]) -> None:
    """Put a file's tensor where it belongs."""
    for role, end in _ENDS.items():
        if found := re.fullmatch(rf"(.+?)(?:{end})", key):
            pair = pairs.setdefault(plain(found[1]), _Pair())
            setattr(pair, role, float(value) if role == "alpha" else value.float())
            return
    kind = next((kind for kind in ("dora_scale", "magnitude", "hada", "lokr", "lora_mid", ".diff") if kind in key), "")
    what = f"of another kind than LoRA ({kind})" if kind else f"no LoRA that can be read ({key})"
    raise ModelMissing(f"The file {file} is {what}: take a plain LoRA.")


def _told_alphas(metadata: dict[str, str]) -> dict[str, float]:
    """{part: alpha} as diffusers writes it beside the tensors."""
    try:
        told = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        return {key.removesuffix(".lora_alpha"): float(told[key]) for key in told if key.endswith("lora_alpha")}
    except (ValueError, TypeError, AttributeError):
        return {}


def _part_of(name: str) -> str:
    return next(
        (part for part in ("unet", "transformer", "text_encoder_2", "text_encoder") if name.startswith(part)), ""
    )


def _deltas(module: nn.Module, paths: tuple[str, ...], pair: _Pair, lora: LoraFile, name: str) -> Iterator[Delta]:
    """One for each layer that the pair is for: several, where the trainer had them in one."""
    assert pair.down is not None and pair.up is not None, "the file was checked"
    found: list[Any] = [module.get_submodule(path) for path in paths]
    rows = [len(layer.weight) for layer in found]
    down = _widened(pair.down, found[0].weight, paths[0])
    size, rank = down[0].numel(), len(down)
    if sum(rows) != len(pair.up) or pair.up.shape[1] != rank or any(layer.weight[0].numel() != size for layer in found):
        raise ModelMissing(
            f"The LoRA {lora.file} does not fit this painter: its layer {name} goes from {size} to {len(pair.up)}, the "
            f"painter's from {found[0].weight[0].numel()} to {sum(rows)}. Take one that was made for this family."
        )
    scale = lora.weight * (rank if pair.alpha is None else pair.alpha) / rank
    for layer, up in zip(found, torch.split(pair.up, rows), strict=True):
        yield Delta(layer, down, up, scale)


def _widened(down: Tensor, weight: Tensor, path: str) -> Tensor:
    """A first layer's LoRA for a network that is shown the masked picture as well: it adds nothing to what is new."""
    missing = weight.shape[1] - down.shape[1]
    if path not in _WIDER or missing <= 0 or weight.dim() != down.dim():
        return down
    return pad(down, [0, 0] * (down.dim() - 2) + [0, missing])
