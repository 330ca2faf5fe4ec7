"""LoRA adapters beside one base model: several resident, another one for every reply if need be.

    adapters = Adapters(model)
    adapters.add("marigold", Path("adapters/marigold"))
    y = layer(x) + adapters.delta("model.layers.0.self_attn.q_proj", x, "marigold")

The base is never changed or copied, so it may be packed in any way: an adapter is two thin matrices for each linear
layer that it adapts. Folders are read in the format of the library peft (adapter_config.json with
adapter_model.safetensors); whatever of it is not read is refused by name, for half an adapter would be another voice.
Knows layers by their paths in transformers' model; whoever runs the layers adds what `delta` gives.

Source: Hu et al., *LoRA* (2021): y = W·x + (alpha/r)·B·A·x; Kalajdzievski, *rsLoRA* (2023): alpha/sqrt(r) instead.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from inference.job import ModelMissing

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

# Entries of adapter_config.json that change what is computed and are not read here; empty or false is fine.
_UNREAD = {
    "use_dora": "DoRA",
    "lora_bias": "biases of its own",
    "modules_to_save": "whole layers beside its low ranks",
    "trainable_token_indices": "tokens of its own",
    "layer_replication": "repeated layers",
    "target_parameters": "parameters outside of linear layers",
    "use_qalora": "QALoRA",
    "use_bdlora": "BD-LoRA",
    "alora_invocation_tokens": "activation by tokens",
    "arrow_config": "Arrow",
    "kasa_config": "KaSA",
    "monteclora_config": "MonteCLoRA",
}
# These begin by changing the base model, which is shared here; peft can save them as ordinary LoRA.
_CHANGES_BASE = re.compile(r"pissa|olora|corda|loftq|lora_ga")
_FACTOR = re.compile(r"^base_model\.model\.(?P<place>.+)\.lora_(?P<side>[AB])\.weight$")
_COPY_OF_BASE = re.compile(r"(embed_tokens|lm_head)(\.base_layer)?\.weight$")  # peft saves it where the head is adapted


class Factors(NamedTuple):
    """What one adapter adds to one linear layer (N, K): up @ down @ x."""

    down: Tensor  # (r, K)
    up: Tensor  # (N, r), times alpha/r


@dataclass(frozen=True, slots=True)
class Shape:
    """A linear layer of the model."""

    rows: int
    columns: int


class Adapters:
    """The adapters of one model. All methods belong to the device's thread."""

    def __init__(self, model: Any) -> None:
        """model: of transformers, on its device; its linear layers may be packed. Only their shapes are kept."""
        self._linears = dict(_linears(model))
        self._device, self._dtype = model.device, model.dtype
        self._adapters: dict[str, dict[str, Factors]] = {}

    @property
    def names(self) -> frozenset[str]:
        """The adapters that are here."""
        return frozenset(self._adapters)

    @property
    def places(self) -> frozenset[str]:
        """The module paths of the linear layers that at least one adapter adapts."""
        return frozenset(place for adapter in self._adapters.values() for place in adapter)

    @property
    def bytes(self) -> int:
        """What all adapters together take."""
        every = [factors for adapter in self._adapters.values() for factors in adapter.values()]
        return sum(down.nbytes + up.nbytes for down, up in every)

    def add(self, name: str, folder: Path) -> None:
        """Read an adapter; one of the same name is replaced. ModelMissing says why it cannot be used."""
        try:
            config = _read_config(folder)
            self._adapters[name] = self._read_factors(folder, config)
        except Unfit as unfit:
            raise ModelMissing(f"The adapter {name!r} cannot be used: {unfit}.") from unfit

    def delta(self, place: str, x: Tensor, adapter: str) -> Tensor | None:
        """What `adapter` adds to the output of the linear layer at `place`: x (..., K) -> (..., N) in x's dtype.

        None if it leaves that layer as it is; KeyError for an adapter that is not here.
        """
        factors = self._adapters[adapter].get(place)
        if factors is None:
            return None
        low = nn.functional.linear(x.to(factors.down.dtype), factors.down)
        return nn.functional.linear(low, factors.up).to(x.dtype)

    def _read_factors(self, folder: Path, config: Mapping[str, Any]) -> dict[str, Factors]:
        halves = _read_halves(folder / WEIGHTS)
        if not halves:
            raise Unfit(f"{folder / WEIGHTS} adapts no layer")
        return {place: self._fitted(folder, config, place, half) for place, half in halves.items()}

    def _fitted(self, folder: Path, config: Mapping[str, Any], place: str, half: Mapping[str, Tensor]) -> Factors:
        layer = self._linears.get(place)
        if layer is None:
            raise Unfit(f"{folder} adapts {place}, which this model does not have: it was made for another one")
        if half.keys() != {"A", "B"}:
            raise Unfit(f"{folder / WEIGHTS} holds only one of the two matrices for {place}: get it again")
        down, up = half["A"], half["B"]  # (r, K), (N, r)
        if (down.shape[1], up.shape[0], up.shape[1]) != (layer.columns, layer.rows, down.shape[0]):
            raise Unfit(
                f"{folder} adapts {place} as a layer of {up.shape[0]} × {down.shape[1]}, "
                f"and in this model it is {layer.rows} × {layer.columns}: it was made for another one"
            )
        scaled = up.float() * _scale(config, place, down.shape[0])
        # Copied even where nothing changes: the file, which is mapped into memory, may be written anew meanwhile.
        return Factors(down.to(self._device, self._dtype, copy=True), scaled.to(self._device, self._dtype))


class Unfit(Exception):
    """Why an adapter cannot be used, as the second half of a sentence."""


def _linears(model: nn.Module) -> Iterator[tuple[str, Shape]]:
    """Every linear layer, packed or not: they all say how many features go in and out (GPT-2's say it otherwise)."""
    for place, module in model.named_modules():
        if isinstance(getattr(module, "in_features", None), int):
            yield place, Shape(int(module.out_features), int(module.in_features))
        elif type(module).__name__ == "Conv1D":
            yield place, Shape(int(module.nf), int(module.nx))


def _read_config(folder: Path) -> Mapping[str, Any]:
    """adapter_config.json, when everything in it is read here."""
    file = folder / CONFIG
    if not file.is_file():
        raise Unfit(f"{folder} has no {CONFIG}")
    try:
        config = json.loads(file.read_text())
    except ValueError as error:
        raise Unfit(f"{file} is damaged: get it again") from error
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise Unfit(f"{folder} is of the kind {kind}, and only LoRA is read")
    for key, what in _UNREAD.items():
        if config.get(key):
            raise Unfit(f"{folder} uses {what} ({key}), which is not read: only plain LoRA and rsLoRA are")
    if config.get("bias", "none") != "none":
        raise Unfit(f"{folder} changes biases of the base model, which is shared: train it with bias = none")
    if _CHANGES_BASE.match(str(config.get("init_lora_weights", "")).lower()):
        raise Unfit(
            f"{folder} was begun with {config['init_lora_weights']}, which changes the base model: save it as plain "
            "LoRA (peft: path_initial_model_for_weight_conversion)"
        )
    return config  # type: ignore[no-any-return]  # JSON


def _read_halves(file: Path) -> dict[str, dict[str, Tensor]]:
    """The matrices of an adapter's file: {place: {"A": (r, K), "B": (N, r)}}."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not file.is_file():
        raise Unfit(f"{file.parent} has no {WEIGHTS} (weights in adapter_model.bin are pickled and not read)")
    try:
        stored = load_file(file)
    except (OSError, SafetensorError) as error:
        raise Unfit(f"{file} is damaged: get it again") from error
    halves: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, value in stored.items():
        found = _FACTOR.match(name)
        if found:
            halves[found["place"]][found["side"]] = value
        elif not _COPY_OF_BASE.search(name):
            raise Unfit(f"{file} holds {name}, which is not read: only the low ranks of linear layers are")
    return halves


def _scale(config: Mapping[str, Any], place: str, rank: int) -> float:
    """alpha/r or, for rsLoRA, alpha/sqrt(r); alpha may be another for places that a pattern names."""
    patterns = config.get("alpha_pattern") or {}
    own = (alpha for pattern, alpha in patterns.items() if re.match(rf"(.*\.)?({pattern})$", place))
    alpha = float(next(own, config.get("lora_alpha", 8)))
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
