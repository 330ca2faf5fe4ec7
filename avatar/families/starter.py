"""The starter's family: a small UNet over patches of pixels, told one sentence embedding (avatar/starter).

The UNet that comes with Mien, and any of its kind, is computed by avatar/unet.py. A painter of another kind of UNet, or
with another kind of schedule, gets diffusers' own, which takes seconds to import (`needs_diffusers`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from avatar import times
from avatar.codec import load_codec
from avatar.course import Straight
from avatar.encoders import Encoders, Read, only
from avatar.families.network import Told
from avatar.kind import Kind, class_in, read_object
from avatar.opening import open_module, open_scheduler, read_part, readable
from avatar.parts import Parts
from avatar.recipe import Recipe
from avatar.unet import UNet
from avatar.unet import is_plain as unet_is_plain
from emotion.minilm import WIDTH, SentenceEncoder, read_minilm
from inference.carriers import MINILM
from inference.job import ModelMissing

UNET_CONFIG, SCHEDULER_CONFIG = Path("unet/config.json"), Path("scheduler/scheduler_config.json")


@dataclass(frozen=True, slots=True, eq=False)
class StarterNetwork:
    """A UNet that is shown the mask and the base picture. Nothing steers it but its one prompt.

    module: from (B, C, h, w) in channels_last, a timestep and prompts (B, 1, width) to (B, N, h, w).
    """

    module: torch.nn.Module
    dtype: torch.dtype
    guided = False

    def ask(self, sample: Tensor, shown: Tensor | None, timestep: Tensor, told: Told) -> Tensor:
        """See Network."""
        assert shown is not None, "the starter is always shown the picture"
        seen = torch.cat((sample, shown), dim=1).to(self.dtype, memory_format=torch.channels_last)
        said: Tensor = self.module(seen, timestep, told.tokens)
        return said.float()


class DiffusersUNet(torch.nn.Module):
    """UNet2DConditionModel, asked as avatar/unet.py is."""

    def __init__(self, unet: torch.nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, seen: Tensor, timestep: Tensor, prompts: Tensor) -> Tensor:
        # class_labels: read by UNets that add the prompt to the timestep's embedding, ignored by all others
        said: Tensor = self.unet(seen, timestep, encoder_hidden_states=prompts, class_labels=prompts[:, 0]).sample
        return said


class MinilmReading:
    """The starter's: one token, the sentence embedding, a unit vector times the square root of its width, so that its
    numbers are about 1 wide, as the UNet expects."""

    def __init__(self) -> None:
        self._encoder = SentenceEncoder(read_minilm())
        self.module: torch.nn.Module = self._encoder.bert

    def read(self, texts: list[str]) -> list[Read]:
        """See Reading: states (1, 384)."""
        return [Read(embedding[None]) for embedding in self._encoder.embed(texts) * WIDTH**0.5]


STARTER_ENCODERS = Encoders(MINILM.sha256, (MinilmReading,), only)


def starter_encoders(folder: Path, kind: Kind, recipe: Recipe, dtype: torch.dtype) -> Encoders:
    """The installed MiniLM, whatever painter of this family it is."""
    return STARTER_ENCODERS


def open_starter(folder: Path, kind: Kind, recipe: Recipe, device: torch.device, dtype: torch.dtype) -> Parts:
    """The starter, or a painter of its shape. Raises ModelMissing."""
    if recipe.loras or recipe.tiny_vae:
        raise ModelMissing("The starter painter takes neither LoRAs nor an autoencoder: name another [face] model.")
    codec = load_codec(folder / "codec.json")
    difference = _predicts(folder / "codec.json") == "difference"
    _check_classes(folder)
    network = StarterNetwork(_open_unet(folder / "unet", device, dtype), dtype)
    return Parts(network, codec, partial(_course, _times(folder), difference), device, dtype)


def needs_diffusers(folder: Path) -> bool:
    """Whether a painter of this family must be computed by diffusers. Raises ModelMissing."""
    unet, scheduler = (read_object(folder / path) for path in (UNET_CONFIG, SCHEDULER_CONFIG))
    return not (unet_is_plain(unet) and times.is_plain(scheduler))


def _open_unet(folder: Path, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    if not unet_is_plain(read_object(folder / "config.json")):
        from diffusers import UNet2DConditionModel

        return DiffusersUNet(open_module(folder, UNet2DConditionModel, dtype))
    with readable(folder):
        unet: torch.nn.Module = UNet(*read_part(folder, dtype)).eval()
    # oneDNN takes weights in any order and puts them into its own; cuDNN wants them as the pictures are.
    return unet if device.type == "cpu" else unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _times(folder: Path) -> Callable[[int], times.Times]:
    config = read_object(folder / SCHEDULER_CONFIG)
    if times.is_plain(config):
        return partial(times.shifted, config)
    return partial(times.scheduled, open_scheduler(folder, "folder"))


def _course(times_of: Callable[[int], times.Times], difference: bool, num_steps: int) -> Straight:
    return Straight(times_of(num_steps), difference=difference)


def _predicts(path: Path) -> str:
    predicts = json.loads(path.read_text()).get("predicts", "x")
    if predicts not in ("x", "difference"):
        raise ModelMissing(f"{path}: this painter predicts '{predicts}', but only 'x' and 'difference' are known.")
    return str(predicts)


def _check_classes(folder: Path) -> None:
    """The model classes that the loop is written for, and no other."""
    path = folder / "model_index.json"
    index = read_object(path)
    for part, wanted in (("unet", "UNet2DConditionModel"), ("scheduler", "FlowMatchEulerDiscreteScheduler")):
        found = class_in(index, part)
        if not found:
            raise ModelMissing(f"{path} does not name a unet and a scheduler as diffusers does.")
        if found != wanted:
            raise ModelMissing(f"{path}: this painter's {part} is a {found}, but only {wanted} can be used.")
