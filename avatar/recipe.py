"""How faces are painted: what the admin wishes ([face] of the settings), and what suits a model where nothing is said.

Words and numbers only, so that a face's key on the shelf is found without torch.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from avatar.kind import Kind

SchedulerName = Literal["auto", "folder", "lcm", "euler", "ddim", "tcd"]
"""folder: the one that the model's folder names. lcm, tcd: consistency models. euler, ddim: spaced from pure noise on
("trailing"), as Lightning and Hyper were distilled. auto: by the LoRAs' file names, else the folder's."""

STARTER_STEPS = 4
FEW_STEPS = 4  # of a distilled model whose file does not say how many
FAST: dict[str, SchedulerName] = {"lcm": "lcm", "lightning": "euler", "turbo": "euler", "hyper": "ddim", "tcd": "tcd"}
USUAL = {  # family, whether it inpaints -> steps, guidance, strength: the makers' own, except the plain ones' strength
    ("sd", True): (30, 7.5, 1.0),
    ("sd", False): (30, 7.5, 0.8),
    ("xl", True): (30, 7.5, 1.0),
    ("xl", False): (30, 5.0, 0.8),
    ("flux", True): (28, 30.0, 1.0),
    ("flux", False): (28, 3.5, 0.9),
}


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A LoRA's safetensors file, and how strongly it counts."""

    file: Path
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is wished; None = what suits the model.

    guidance: how hard the prompt is followed, 1 = as it is said (half of the work). strength: share of the noise that
    the face is painted from, 1 = all of it. size: of the crop, in pixels. negative: what must not be seen, where there
    is guidance. fuse: add the LoRAs to the weights, else they stand beside them. tiny_vae: folder of a TAESD that takes
    the place of the model's own autoencoder.
    """

    steps: int | None = None
    guidance: float | None = None
    strength: float | None = None
    size: int | None = None
    scheduler: SchedulerName = "auto"
    negative: str = ""
    loras: tuple[LoraFile, ...] = ()
    fuse: bool = True
    tiny_vae: Path | None = None

    def manner(self, kind: Kind) -> "Manner":
        """All of it decided, for a painter of that kind."""
        few = None if kind.family == "starter" else fast_lora(self.loras)
        scheduler = self.scheduler if self.scheduler != "auto" else FAST[few[0]] if few else "folder"
        steps, guidance, strength = USUAL.get((kind.family, kind.inpaints), (STARTER_STEPS, 1.0, 1.0))
        if few:
            steps, guidance = few[1], (guidance if kind.family == "flux" else 1.0)
        return Manner(
            steps=self.steps or steps,
            guidance=guidance if self.guidance is None else self.guidance,
            strength=strength if self.strength is None else self.strength,
            size=self.size or kind.size,
            scheduler=scheduler,
        )


@dataclass(frozen=True, slots=True)
class Manner:
    """A recipe with nothing left open; see Recipe."""

    steps: int
    guidance: float
    strength: float
    size: int
    scheduler: SchedulerName

    def words(self) -> Iterator[str]:
        """Everything in it that changes the picture, for the painter's revision; steps are a key of their own."""
        yield from (str(self.guidance), str(self.strength), str(self.size), self.scheduler)


def fast_lora(loras: tuple[LoraFile, ...]) -> tuple[str, int] | None:
    """The kind of the first LoRA that teaches painting in few steps, by its file's name, and in how many."""
    for lora in loras:
        name = lora.file.stem.lower()
        if found := re.search("|".join(FAST), name):
            steps = re.search(r"(\d+)[-_ ]?steps?", name)
            return found[0], int(steps[1]) if steps else FEW_STEPS
    return None
