"""LoRAs of a persona's own: `[face] loras` of its persona.toml, files beside it or anywhere else on the disk.

They teach a painter one character, so they are worn for that persona alone, beside the weights (avatar/lora.py), and
are part of its faces' keys. The starter painter takes none. Words and files only, no torch.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from avatar.checkpoint import fingerprints
from avatar.kind import Kind
from avatar.recipe import LoraFile
from inference.job import ModelMissing
from persona.card import Persona


@dataclass(frozen=True, slots=True)
class OwnLoras:
    """A persona's LoRAs. revision: changes with their files and weights, "" where there are none."""

    loras: tuple[LoraFile, ...] = ()
    revision: str = ""


NONE = OwnLoras()


def own_loras(persona: Persona) -> OwnLoras:
    """What the card names, whether it is there or not."""
    loras = tuple(LoraFile(persona.folder / Path(one.file).expanduser(), one.weight) for one in persona.card.face.loras)
    return OwnLoras(loras, "\n".join(f"{_revision(lora.file)} {lora.weight}" for lora in loras))


def require_wearable(persona: Persona, own: OwnLoras, kind: Kind) -> None:
    """Raises ModelMissing, one sentence, where a persona's LoRAs are not there, or cannot be worn by this painter."""
    if not own.loras:
        return
    if kind.family == "starter":
        raise ModelMissing(
            f"{persona.card.name} brings LoRAs of its own ([face] loras in its persona.toml), but the starter painter "
            "takes none: name a painter in [face] model of mien.toml, or take them out."
        )
    require_there(persona, own)


def require_there(persona: Persona, own: OwnLoras) -> None:
    """Raises ModelMissing, one sentence, for a file that the card names and that is not there."""
    for lora in own.loras:
        if not lora.file.is_file():
            raise ModelMissing(
                f"{persona.card.name} brings the LoRA {lora.file}, which is not there: put it beside its persona.toml, "
                "or correct its name there."
            )


def _revision(file: Path) -> str:
    try:
        found = file.stat()
    except OSError:
        return "missing"
    return _fingerprint(file, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _fingerprint(file: Path, size: int, modified: int) -> str:
    return fingerprints([file])
