"""A painter's parts, opened from a folder in diffusers' format: network, codec and course, whatever its family.

The weights are read into host memory; whoever computes with them moves them to the device (inference/residency.py).
Text encoders are no parts: prompts come as conditionings (avatar/prompts.py).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from avatar.checkpoint import fingerprints
from avatar.codec import Codec
from avatar.course import Course
from avatar.families.network import Network
from avatar.kind import kind_of, read_object
from avatar.latents import Latents
from avatar.lora import Beside
from avatar.opening import computed_in
from avatar.own_loras import OwnLoras
from avatar.prompts import Prompts
from avatar.recipe import LoraFile, Recipe
from avatar.vae import VaeCodec
from avatar.weightfiles import part_files
from inference.job import Steps
from inference.residency import Guest, Residency

PartName = Literal["painter", "autoencoder"]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What the denoising loop needs. Modules are in host memory.

    course: makes the way of one painting in so many steps. device, dtype: where and in what the network computes.
    """

    network: Network
    codec: Codec
    course: Callable[[int], Course]
    device: torch.device
    dtype: torch.dtype

    @property
    def modules(self) -> dict[PartName, torch.nn.Module]:
        """All that has weights, by name."""
        named: dict[PartName, torch.nn.Module | None] = {
            "painter": self.network.module,
            "autoencoder": self.codec.module,
        }
        return {name: module for name, module in named.items() if module is not None}

    def host(self, residency: Residency) -> "Hosted":
        """Invite the weights onto the device."""
        return Hosted(self, residency)


class Hosted:
    """Parts whose weights are guests of the device: they come when they are needed and go when others need the room."""

    def __init__(self, parts: Parts, residency: Residency) -> None:
        self.parts = parts
        self._residency = residency
        self._guests = {name: residency.invite(name, module) for name, module in parts.modules.items()}
        self._besides: dict[OwnLoras, tuple[Beside, Guest]] = {}

    def bring(self) -> Steps[None, None]:
        """Steps that move the network in, a portion a step. Raises NoRoom."""
        yield from self._residency.bring(self._guests["painter"])

    def hosting(self, name: PartName) -> AbstractContextManager[None]:
        """Have a part on the device while it computes. Raises NoRoom."""
        return self._residency.hosting(self._guests[name]) if name in self._guests else nullcontext()

    def wear(self, own: OwnLoras, part: str) -> Steps[None, Callable[[PartName], AbstractContextManager[None]]]:
        """Steps that bring a persona's LoRAs for the network; they stand beside it under the hosting returned, and
        nowhere else, so that jobs of several personas may take turns. part: unet or transformer. Raises ModelMissing,
        NoRoom."""
        if not own.loras:
            return self.hosting
        if own not in self._besides:
            beside = Beside(self.parts.network.module, part, own.loras)
            self._besides[own] = beside, self._residency.invite("a persona's LoRA", beside)
            yield None
        beside, guest = self._besides[own]
        yield from self._residency.bring(self._guests["painter"], guest)
        return partial(self._hosting_with, beside, guest)

    @contextmanager
    def _hosting_with(self, beside: Beside, guest: Guest, name: PartName) -> Iterator[None]:
        if name != "painter":
            with self.hosting(name):
                yield
            return
        with self._residency.hosting(self._guests[name], guest), beside.worn():
            yield

    def dismiss(self) -> None:
        """Let go of everything."""
        for guest in (*self._guests.values(), *(guest for _, guest in self._besides.values())):
            self._residency.dismiss(guest)


def open_parts(folder: Path, device: torch.device, recipe: Recipe | None = None, cache: Path | None = None) -> Parts:
    """Load a painter that will compute on `device`; ModelMissing says in one sentence what is wrong with its folder.

    cache: where it is remembered what the autoencoder encoded, None = nowhere.
    """
    from avatar import families

    recipe, kind = recipe or Recipe(), kind_of(folder)
    parts = families.opener(kind)(folder, kind, recipe, device, computed_in(kind, device))
    if cache is None or not isinstance(parts.codec, VaeCodec):
        return parts
    vae = recipe.tiny_vae or folder / "vae"
    revision = f"{fingerprints([vae / 'config.json', *part_files(vae)])} {parts.codec.dtype}"
    return replace(parts, codec=replace(parts.codec, kept=Latents(cache / "latents", revision)))


def prompts_of(
    folder: Path, recipe: Recipe, cache: Path, device: torch.device, own: tuple[LoraFile, ...] = ()
) -> Prompts:
    """Whoever knows what a painter makes of a prompt; opens no encoder yet. own: LoRAs of a persona, for the encoders.
    Raises ModelMissing."""
    from avatar import families

    kind = kind_of(folder)
    worn = replace(recipe, loras=(*recipe.loras, *own))
    encoders = families.encoders(kind)(folder, kind, worn, computed_in(kind, device))
    guided = kind.family in ("sd", "xl") and recipe.manner(kind).guidance > 1
    return Prompts(cache, encoders, recipe.negative if guided else None)


def import_libraries(folder: Path) -> None:
    """Import what opening a painter needs. It takes seconds, so not on the device's thread, where replies would wait;
    and late, because a face from the shelf needs none of it. The starter needs nothing."""
    from avatar import families

    kind = kind_of(folder)
    if not families.needs_diffusers(kind, folder):
        return
    import diffusers

    libraries = [diffusers]
    if kind.encoders:
        import transformers

        libraries.append(transformers)
    names = {named[1] for named in read_object(folder / "model_index.json").values() if isinstance(named, list)}
    for library in libraries:
        for name in names:
            getattr(library, str(name), None)  # they import a class when it is asked for
