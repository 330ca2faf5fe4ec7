"""The families of painters, one file each: how its network is opened, asked, and told what to paint."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from avatar.kind import Kind
from avatar.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from avatar.encoders import Encoders
    from avatar.parts import Parts

Opener: TypeAlias = "Callable[[Path, Kind, Recipe, torch.device, torch.dtype], Parts]"
Listener: TypeAlias = "Callable[[Path, Kind, Recipe, torch.dtype], Encoders]"


def opener(kind: Kind) -> Opener:
    """What opens the parts of a painter of that kind; raises ModelMissing when it is called."""
    match kind.family:
        case "starter":
            from avatar.families.starter import open_starter as opener
        case "sd":
            from avatar.families.stable_diffusion import open_stable_diffusion as opener
        case "xl":
            from avatar.families.xl import open_xl as opener
        case "flux":
            from avatar.families.flux import open_flux as opener
    return opener


def encoders(kind: Kind) -> Listener:
    """What names the text encoders of a painter of that kind; raises ModelMissing when it is called."""
    match kind.family:
        case "starter":
            from avatar.families.starter import starter_encoders as encoders
        case "sd":
            from avatar.families.stable_diffusion import stable_diffusion_encoders as encoders
        case "xl":
            from avatar.families.xl import xl_encoders as encoders
        case "flux":
            from avatar.families.flux import flux_encoders as encoders
    return encoders


def needs_diffusers(kind: Kind, folder: Path) -> bool:
    """Whether a painter of that kind is computed by diffusers, whose import takes seconds. Raises ModelMissing."""
    if kind.family != "starter":
        return True
    from avatar.families.starter import needs_diffusers

    return needs_diffusers(folder)
