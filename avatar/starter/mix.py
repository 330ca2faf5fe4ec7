"""The mean of two painters, weight by weight: what one learned further, without losing what the other was.

    python -m avatar.starter.mix avatar/starter/painter build/further/painter --share 0.5 --out build/mixed

Both must have one training in common (Wortsman et al., arXiv 2109.01903): weights learned apart have no useful mean.
"""

import argparse
from pathlib import Path

from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor

from avatar.starter.checkpoint import BLOCKS, export

WEIGHTS = Path("unet") / "diffusion_pytorch_model.safetensors"


def mixed(first: dict[str, Tensor], second: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """`share` (0..1) of the second in the first, float32. ValueError where they are not of one shape."""
    if {name: weight.shape for name, weight in first.items()} != {name: w.shape for name, w in second.items()}:
        raise ValueError("the two painters are built differently: mix painters of one training")
    return {name: weight.float().lerp(second[name].float(), share) for name, weight in first.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    unet = UNet2DConditionModel(**BLOCKS)
    unet.load_state_dict(mixed(load_file(chosen.first / WEIGHTS), load_file(chosen.second / WEIGHTS), chosen.share))
    export(unet, chosen.out)


if __name__ == "__main__":
    main()
