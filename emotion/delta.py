"""The shipped weights: how the fitted network differs from the plain MiniLM, at four bits a number.

`head.safetensors` holds, for every matrix of the six layers, the *difference* to the plain encoder: rows cut into
groups of GROUP numbers, each group with one float16 scale and its numbers as integers of -7 … 7, two to a byte (low
nibble first). Vectors (biases, LayerNorm) are float16 differences, the head is stored as it is. A difference is
some twenty times smaller than the weight it moves, so that four bits of it are worth about eight of the weight. The
word embeddings did not change. The metadata say what the network is for ("kind"), its labels and their thresholds;
calibration needs no place, for it is part of the head's weights.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from emotion.labels import EMOTIONS
from inference.job import ModelMissing

GROUP = 64
LEVELS = 7


def write(
    file: Path,
    net: nn.Module,
    plain: nn.Module,
    thresholds: Tensor,
    kind: str = "classifier",
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write `net` as its difference to `plain`, with its kind, the thresholds (28,) and any notes in the metadata."""
    before = plain.state_dict()
    tensors: dict[str, Tensor] = {}
    for name, weight in net.state_dict().items():
        difference = weight - before[name]
        if name.startswith("head."):
            tensors[name] = weight.half()
        elif difference.any() and weight.dim() == 2:
            tensors[f"{name}:nibbles"], tensors[f"{name}:scales"] = packed(difference)
        elif difference.any():
            tensors[f"{name}:difference"] = difference.half()
    cuts = json.dumps([round(t, 3) for t in thresholds.tolist()])
    facts = {"kind": kind, "labels": json.dumps(EMOTIONS), "thresholds": cuts}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata={**(notes or {}), **facts})


def merge(file: Path, net: nn.Module, kind: str = "classifier") -> tuple[float, ...]:
    """Turn a plain `net` into the fitted one, in place; returns the 28 thresholds. Raises as `merged` does."""
    weights, thresholds = merged(file, net.state_dict(), kind)
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise _unusable(file, error) from error
    return thresholds


def merged(file: Path, plain: Mapping[str, Tensor], kind: str) -> tuple[dict[str, Tensor], tuple[float, ...]]:
    """The weights of the fitted network, by EmotionNet's names, and its 28 thresholds.

    `plain` are the encoder's (`encoder.…`), which need no head; what did not change is shared with it, not copied.
    Raises ModelMissing if the file is missing, damaged, of another kind, or made for another encoder.
    """
    if not file.is_file():
        raise ModelMissing(f"The emotion weights {file} are missing: they are part of Mien, so install Mien again.")
    try:
        with safe_open(file, "pt") as stored:
            facts = stored.metadata()
            if (found := facts.get("kind", "classifier")) != kind:
                raise ValueError(f"it holds a {found}, not a {kind}")
            weights = _added(plain, {name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
        if json.loads(facts["labels"]) != list(EMOTIONS):
            raise ValueError("other labels")
        return weights, tuple(float(t) for t in json.loads(facts["thresholds"]))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise _unusable(file, error) from error


def _unusable(file: Path, error: Exception) -> ModelMissing:
    return ModelMissing(f"The emotion weights {file} cannot be used ({error}): install Mien again.")


def _added(plain: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weights = dict(plain)
    for key, stored in tensors.items():
        name, _, kind = key.partition(":")
        if kind == "":
            weights[name] = stored.float()
        elif kind != "scales":
            change = unpacked(stored, tensors[f"{name}:scales"]) if kind == "nibbles" else stored.float()
            if change.shape != plain[name].shape:
                raise ValueError(f"{name} has another shape")
            weights[name] = plain[name] + change
    return weights


def packed(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, columns) float32 -> (rows, columns / 2) uint8 and (rows, columns / GROUP) float16.

    Each group's scale is the one, of a few below its largest number, that leaves the smallest squared error.
    """
    groups = matrix.reshape(len(matrix), -1, GROUP)  # (rows, groups, GROUP)
    largest = groups.abs().amax(-1, keepdim=True).clamp(min=1e-7)
    best, error = largest, torch.full_like(largest, torch.inf)
    for share in torch.linspace(0.6, 1.0, 21):
        scale = (share * largest / LEVELS).half().float().clamp(min=6e-8)
        wrong = ((groups / scale).round().clamp(-LEVELS, LEVELS) * scale - groups).square().sum(-1, keepdim=True)
        best, error = torch.where(wrong < error, scale, best), torch.minimum(wrong, error)
    levels = ((groups / best).round().clamp(-LEVELS, LEVELS) + 8).to(torch.uint8).flatten(1)
    return levels[:, 0::2] | (levels[:, 1::2] << 4), best.squeeze(-1).half()


def unpacked(nibbles: Tensor, scales: Tensor) -> Tensor:
    """The float32 matrix (rows, columns) that `packed` stored."""
    levels = torch.stack([nibbles & 15, nibbles >> 4], -1).flatten(1).float() - 8
    return (levels.reshape(*scales.shape, GROUP) * scales.float().unsqueeze(-1)).flatten(1)
