"""A painter's parts, opened from a folder in diffusers' format: network, codec and course, whatever its family.

The weights are read into host memory; whoever computes with them moves them to the device (inference/residency.py).
Text encoders are no parts: prompts come as conditionings (avatar/prompts.py).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from avatar.codec import Codec
from avatar.course import Course
from avatar.families.network import Network
from avatar.kind import kind_of, read_object
from avatar.opening import computed_in
from avatar.prompts import Prompts
from avatar.recipe import Recipe
from inference.job import Steps
from inference.residency import Residency

PartName = Literal["painter", "autoencoder"]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What the denoising loop needs. Modules are diffusers' own, in host memory.

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

    def bring(self) -> Steps[None, None]:
        """Steps that move the network in, a portion a step. Raises NoRoom."""
        yield from self._residency.bring(self._guests["painter"])

    def hosting(self, name: PartName) -> AbstractContextManager[None]:
        """Have a part on the device while it computes. Raises NoRoom."""
        return self._residency.hosting(self._guests[name]) if name in self._guests else nullcontext()

    def dismiss(self) -> None:
        """Let go of everything."""
        for guest in self._guests.values():
            self._residency.dismiss(guest)


def open_parts(folder: Path, device: torch.device, recipe: Recipe | None = None) -> Parts:
    """Load a painter that will compute on `device`; ModelMissing says in one sentence what is wrong with its folder."""
    from avatar import families

    recipe, kind = recipe or Recipe(), kind_of(folder)
    return families.opener(kind)(folder, kind, recipe, device, computed_in(kind, device))


def prompts_of(folder: Path, recipe: Recipe, cache: Path, device: torch.device) -> Prompts:
    """Whoever knows what a painter makes of a prompt; opens no encoder yet. Raises ModelMissing."""
    from avatar import families

    kind = kind_of(folder)
    encoders = families.encoders(kind)(folder, kind, recipe, computed_in(kind, device))
    guided = kind.family in ("sd", "xl") and recipe.manner(kind).guidance > 1
    return Prompts(cache, encoders, recipe.negative if guided else None)


def import_diffusers(folder: Path) -> None:
    """Import what opening a painter needs. It takes seconds, so not on the device's thread, where replies would wait;
    and late, because a face from the shelf needs none of it."""
    import diffusers

    libraries = [diffusers]
    if kind_of(folder).encoders:
        import transformers

        libraries.append(transformers)
    names = {named[1] for named in read_object(folder / "model_index.json").values() if isinstance(named, list)}
    for library in libraries:
        for name in names:
            getattr(library, str(name), None)  # they import a class when it is asked for
