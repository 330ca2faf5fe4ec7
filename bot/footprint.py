"""What the configured models will take, before any of them is loaded, and whether the machine has it.

Sizes come from the headers of the models' files; the arithmetic is inference/plan.py's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from avatar.checkpoint import painter_folder
from avatar.clip import critic_bytes
from avatar.maskmodel import mask_model_bytes
from avatar.measure import painter_needs, step_bytes
from bot.settings import Settings
from emotion.classifier import classifier_bytes
from inference.card import HostCard
from inference.engine import PREFIX_BYTES
from inference.job import Priority
from inference.loader import STARTER
from inference.plan import LIBRARIES_CUDA, LIBRARIES_HOST, Need, Plan, size
from inference.weights import adapter_bytes, measure

if TYPE_CHECKING:
    from inference.engine import Engine
    from inference.gpu import Gpu


@dataclass(frozen=True, slots=True)
class Footprint:
    """The plan, and what it was made for.

    context_tokens: of one reply, prompt included. kv_bytes: keys and values of the replies that are being written.
    feeling_bytes: of both emotion networks.
    """

    plan: Plan
    weight_bytes: int
    context_tokens: int
    kv_bytes: int
    feeling_bytes: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the models will be: as torch names it, and as a sentence does; bytes that can be had there."""

    device: str
    name: str
    total: int


def footprint(settings: Settings, card: int | None = None) -> Footprint:
    """What these settings need. card: bytes of a GPU that need not be here; None = this machine's device.

    Raises ModelMissing when a model is not on this machine.
    """
    place = _place(settings, card)
    sizes = measure(settings.model.name, settings.model.quantization, device=place.device)
    context = min(sizes.context_tokens, settings.model.longest_context())
    kv_bytes = settings.gpu.replies * context * sizes.token_bytes
    feeling = classifier_bytes(settings.emotion.model, place.device)
    adapters = sum(adapter_bytes(folder) for folder in settings.model.adapters.values())
    recipe = settings.face.recipe()
    painter = painter_folder(settings.face.model, recipe)
    needs = (
        Need(_model_name(settings), sizes.weight_bytes),
        *([Need("its adapters", adapters)] if adapters else []),
        Need(f"{_replies(settings.gpu.replies)} of {context:,} tokens", kv_bytes),
        Need("prompts read before", PREFIX_BYTES),
        Need("the classifier and the reader", feeling),
        Need("torch and its libraries", LIBRARIES_CUDA if place.device == "cuda" else LIBRARIES_HOST),
        *(Need(name, size, "comes and goes") for name, size in painter_needs(painter, place.device, recipe)),
        *(Need("the recogniser", size, "comes and goes") for size in critic_bytes(settings.face.recogniser)),
        *(Need("the mask model", size, "comes and goes") for size in mask_model_bytes(settings.face.mask_model)),
        Need("one step", max(_step_bytes(sizes.weight_bytes), step_bytes(painter, recipe)), "working"),
    )
    plan = Plan(place.name, place.total, needs, apart=place.device == "cuda", advice=_advice(settings))
    return Footprint(plan, sizes.weight_bytes + adapters, context, kv_bytes, feeling)


async def settle(gpu: "Gpu", engine: "Engine", found: Footprint) -> None:
    """Enter what stays into the device's ledger, so that guests leave its room alone."""

    def enter() -> None:
        gpu.residency.settle("language model", found.weight_bytes)
        gpu.residency.settle("keys and values", found.kv_bytes + PREFIX_BYTES, lambda: engine.kept_bytes)
        gpu.residency.settle("classifier", found.feeling_bytes)

    await gpu.call(enter, Priority.FEELING)


def _place(settings: Settings, card: int | None) -> _Place:
    if card is not None:
        return _Place("cuda", "the card", card)
    import torch

    if settings.gpu.device == "cpu" or not torch.cuda.is_available():
        return _Place("cpu", "this machine", HostCard().free())
    free, total = torch.cuda.mem_get_info(None if settings.gpu.device == "auto" else settings.gpu.device)
    taken = f", of whose {size(total)} others use {size(total - free)}," if total - free > LIBRARIES_CUDA else ""
    return _Place("cuda", f"the card{taken}", free)


def _is_packed(settings: Settings) -> bool:
    """Whether the weights are quantized in their file already."""
    return settings.model.name == STARTER or settings.model.name.endswith(".gguf")


def _model_name(settings: Settings) -> str:
    """The language model as a sentence names it: "llama-70b in nf4"."""
    if _is_packed(settings) or settings.model.quantization == "none":
        return "the starter" if settings.model.name == STARTER else Path(settings.model.name).name
    return f"{Path(settings.model.name).name} in {settings.model.quantization}"


def _replies(count: int) -> str:
    return "1 reply" if count == 1 else f"{count} replies"


def _step_bytes(weight_bytes: int) -> int:
    """What a step needs beside weights and cache: an estimate. The largest matrix unpacked is about a fiftieth of a
    4-bit model; logits of a full batch, what a layer computes and a face at 1,024 pixels are some 256 MiB."""
    return weight_bytes // 50 + (256 << 20)


def _advice(settings: Settings) -> str:
    packable = not _is_packed(settings) and settings.model.quantization != "nf4"
    return f"choose a smaller model, {'nf4, ' if packable else ''}or fewer tokens ([model] context, [gpu] replies)"
