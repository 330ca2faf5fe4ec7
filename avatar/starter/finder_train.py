"""Teaches the finder (avatar/finder.py) where the faces of drawn portraits are, on one core, in some minutes.

python -m avatar.starter.finder_train --published FOLDER --out avatar/starter/finder.safetensors

Figures are drawn, framed many times each (scenes.py) and shrunk; while it learns, colours, light, sharpness and sides
change from step to step. It must not know one style by heart, so some pictures become grey, or mere outlines.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn import functional

from avatar.finder import ANSWER, SIDE, STRIDES, on_grey
from avatar.starter.published import Published
from avatar.starter.recipes import published
from avatar.starter.scenes import Bools, Scene, random_figure, scene

FRAMES = 128  # scenes are drawn this wide, then shrunk like any picture
WIDTHS = {"a1": (3, 16), "a2": (16, 24), "b1": (24, 40), "b2": (40, 40), "c1": (40, 64), "c2": (64, 64)}
WIDTHS |= {"d1": (64, 96), "d2": (96, 96), "c3": (160, 64), "b3": (104, 40), "a3": (64, 24)}
BATCH = 32
RATE = 3e-3
EPS = 1e-5  # of the norms


class Finder(nn.Module):
    """The network that avatar/finder.py looks through, with a second answer while it learns: brows, eyes and mouth."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleDict(
            {name: nn.Conv2d(*width, 3, STRIDES.get(name, 1), 1, bias=False) for name, width in WIDTHS.items()}
        )
        self.norms = nn.ModuleDict({name: nn.BatchNorm2d(width[1], EPS) for name, width in WIDTHS.items()})
        self.g = nn.Linear(96, 96)
        self.out = nn.Conv2d(24, 2, 3, 1, 1)

    def _layer(self, name: str, x: Tensor) -> Tensor:
        return functional.relu(self.norms[name](self.convs[name](x)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 64, 64) in -1..1 → logits (N, 2, 32, 32) of region and features."""
        kept = {}
        for name in STRIDES:
            x = kept[name[0]] = self._layer(name, x)
        x = x + functional.relu(self.g(x.mean((2, 3))))[:, :, None, None]
        for level in "cba":
            x = torch.cat((functional.interpolate(x, scale_factor=2.0), kept[level]), 1)
            x = self._layer(f"{level}3", x)
        answer: Tensor = self.out(x)
        return answer

    @torch.no_grad()
    def folded(self) -> dict[str, np.ndarray]:
        """The weights as avatar/finder.py wants them: norms folded into the layers before them, float16."""
        state: dict[str, Tensor] = self.state_dict()
        found = {"g.weight": state["g.weight"], "g.bias": state["g.bias"]}
        found |= {"out.weight": state["out.weight"][:1], "out.bias": state["out.bias"][:1]}
        for name in WIDTHS:
            norm = {kind: state[f"norms.{name}.{kind}"] for kind in ("weight", "bias", "running_mean", "running_var")}
            scale = norm["weight"] / torch.sqrt(norm["running_var"] + EPS)
            found[f"{name}.weight"] = state[f"convs.{name}.weight"] * scale[:, None, None, None]
            found[f"{name}.bias"] = norm["bias"] - norm["running_mean"] * scale
        return {name: np.ascontiguousarray(values.numpy().astype(np.float16)) for name, values in found.items()}


def examples(random: Random, styles: Sequence[Published], figures: int, framings: int) -> tuple[Tensor, Tensor]:
    """pictures (N, 3, 64, 64) uint8 and answers (N, 2, 32, 32) uint8 of region and features, N = figures * framings."""
    pictures, answers = [], []
    for _ in range(figures):
        figure = random_figure(random, styles)
        for _ in range(framings):
            framed = scene(figure, random, (FRAMES, FRAMES))
            pictures.append(np.asarray(on_grey(framed.picture).resize((SIDE, SIDE), Image.Resampling.BOX)))
            answers.append(_answer(framed))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(answers))


def _answer(framed: Scene) -> np.ndarray:
    """(2, 32, 32) uint8, 0..255: the region where it lies on the head, and brows, eyes and mouth."""
    return np.stack([_small(framed.region & framed.head), _small(framed.features)])


def _small(layer: Bools) -> np.ndarray:
    return np.asarray(
        Image.fromarray(np.uint8(255) * layer.astype(np.uint8)).resize((ANSWER, ANSWER), Image.Resampling.BOX)
    )


def varied(pictures: Tensor, noise: torch.Generator) -> Tensor:
    """Other colours, light and sharpness: (N, 3, 64, 64) in 0..1 → the same in -1..1."""
    count = len(pictures)

    def chance(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, generator=noise) < share).float()

    def drawn(low: float, high: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=noise) * (high - low) + low

    mixing = torch.randn(count, 3, 3, generator=noise) * 0.25 * chance(0.5)[..., 0] + torch.eye(3)
    mixing = mixing / mixing.sum(2, keepdim=True).clamp(min=0.4)
    x = torch.einsum("nij,njhw->nihw", mixing, pictures).clamp(0, 1)
    grey = x.mean(1, keepdim=True)
    x = torch.lerp(x, grey.expand_as(x), chance(0.15))
    x = torch.lerp(x, _outlines(grey).expand_as(x), chance(0.08))
    x = x.clamp(1e-3, 1) ** torch.exp(drawn(-0.6, 0.6) * chance(0.5))
    x = x * (1 - chance(0.4) * drawn(0.1, 0.6) * _shade(count, noise))
    blurred = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = torch.lerp(x, blurred, chance(0.4) * drawn(0, 1))
    x = x + torch.randn(x.shape, generator=noise) * 0.06 * drawn(0, 1) * chance(0.5)
    return x.clamp(0, 1) * 2 - 1


def _outlines(grey: Tensor) -> Tensor:
    """White paper with lines where the brightness changes: (N, 1, 64, 64)."""
    across = functional.pad((grey[..., 1:] - grey[..., :-1]).abs(), (0, 1))
    down = functional.pad((grey[..., 1:, :] - grey[..., :-1, :]).abs(), (0, 0, 0, 1))
    return (1 - 4 * torch.maximum(across, down)).clamp(0, 1)


def _shade(count: int, noise: torch.Generator) -> Tensor:
    """(N, 1, 64, 64) in 0..1, growing to one side."""
    line = torch.linspace(0, 1, SIDE)
    angle = torch.rand(count, 1, 1, 1, generator=noise) * 2 * torch.pi
    return (torch.cos(angle) * (line[None] - 0.5) + torch.sin(angle) * (line[:, None] - 0.5) + 0.5).clamp(0, 1)


def loss_of(logits: Tensor, answers: Tensor) -> Tensor:
    """Cross entropy, features counting thrice inside the region, and the overlap of the region (dice)."""
    weight = torch.ones_like(answers)
    weight[:, :1] += 2 * answers[:, 1:]
    entropy = functional.binary_cross_entropy_with_logits(logits, answers, weight)
    chance = torch.sigmoid(logits[:, 0])
    both, either = (chance * answers[:, 0]).sum((1, 2)), (chance + answers[:, 0]).sum((1, 2))
    return entropy + 0.5 * (1 - (2 * both + 1) / (either + 1)).mean()


def train(pictures: Tensor, answers: Tensor, seconds: float, seed: int) -> Finder:
    """As many steps as the core's time allows; the rate falls to nothing with it."""
    torch.manual_seed(seed)
    noise = torch.Generator().manual_seed(seed)
    finder = Finder()
    finder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(finder.parameters(), RATE, weight_decay=1e-3)
    began, steps = time.process_time(), 0
    while (spent := (time.process_time() - began) / seconds) < 1:
        rate = RATE * min(1.0, (steps + 1) / 60) * (1 - spent)
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows = torch.randint(len(pictures), (BATCH,), generator=noise)
        seen, wanted = pictures[rows].float() / 255, answers[rows].float() / 255
        if torch.rand(1, generator=noise) < 0.5:
            seen, wanted = seen.flip(3), wanted.flip(3)
        seen = varied(seen, noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = finder(seen)
        loss = loss_of(logits.float(), wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        steps += 1
        if steps % 100 == 0:
            print(f"step {steps}: loss {loss.item():.4f}, {spent:.0%} of the time", flush=True)
    finder.eval()
    return finder


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--published", type=Path, help="folder of published portraits; else only our own drawings")
    parser.add_argument("--out", type=Path, default=Path("avatar/starter/finder.safetensors"))
    parser.add_argument("--figures", type=int, default=500)
    parser.add_argument("--framings", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=300.0, help="of one core, for learning alone")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    styles = published(chosen.published) if chosen.published else []
    began = time.process_time()
    pictures, answers = examples(Random(chosen.seed), styles, chosen.figures, chosen.framings)
    print(f"{len(pictures)} scenes in {time.process_time() - began:.0f} s", flush=True)
    finder = train(pictures, answers, chosen.seconds, chosen.seed)
    save_file(finder.folded(), chosen.out)
    print(f"{chosen.out}: {chosen.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
