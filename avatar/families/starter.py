"""The starter's family: a small UNet over patches of pixels, told one sentence embedding (avatar/starter)."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avatar.codec import load_codec
from avatar.course import Straight
from avatar.encoders import Encoders, Read, only
from avatar.families.network import Told
from avatar.kind import Kind, class_in, read_object
from avatar.opening import open_module, open_scheduler
from avatar.parts import Parts
from avatar.recipe import Recipe
from emotion.minilm import WIDTH, SentenceEncoder, read_minilm
from inference.carriers import MINILM
from inference.job import ModelMissing


@dataclass(frozen=True, slots=True, eq=False)
class StarterNetwork:
    """UNet2DConditionModel, shown the mask and the base picture. Nothing steers it but its one prompt."""

    module: torch.nn.Module
    dtype: torch.dtype
    guided = False

    def ask(self, sample: Tensor, shown: Tensor | None, timestep: Tensor, told: Told) -> Tensor:
        """See Network."""
        assert shown is not None, "the starter is always shown the picture"
        seen = torch.cat((sample, shown), dim=1).to(self.dtype, memory_format=torch.channels_last)
        # class_labels: read by UNets that add the prompt to the timestep's embedding, ignored by all others
        prompts = told.tokens
        said: Tensor = self.module(seen, timestep, encoder_hidden_states=prompts, class_labels=prompts[:, 0]).sample
        return said.float()


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
    from diffusers import UNet2DConditionModel

    unet = open_module(folder / "unet", UNet2DConditionModel, dtype)
    scheduler = open_scheduler(folder, "folder")
    course = partial(_course, scheduler, difference)
    return Parts(StarterNetwork(unet, dtype), codec, course, device, dtype)


def _course(scheduler: Any, difference: bool, num_steps: int) -> Straight:
    return Straight(type(scheduler).from_config(scheduler.config), num_steps, difference=difference)


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
