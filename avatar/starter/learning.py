"""Trains the recogniser on one CPU core in about 20 minutes, from the examples that examples.py gathered.

    python -m avatar.starter.learning build/recogniser/examples.npz --minutes 20 --seed 1 --out build/recogniser

A batch holds pairs of look-alikes, each with a few faces, shifted, scaled, recoloured and softened anew every time;
some of the faces are broken (spoiling.py). One network learns to say what a face shows (cross-entropy over 28
expressions and "broken"), the other to put every face nearer to its own base picture than to any other in the batch
(InfoNCE, van den Oord et al., arXiv 1807.03748). The weights that are kept are averaged over the steps.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample, interpolate
from tqdm import tqdm

from avatar.recogniser import CLASSES, SIDE, Network, Recogniser
from avatar.starter.spoiling import spoil

PAIRS, FACES = 10, 4  # of a batch: 80 faces of 20 characters
BROKEN_SHARE = 0.18
PEAK_RATE = 2e-3
AVERAGE = 0.998
SMOOTHING = 0.02
TEMPERATURE = 0.08


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces as the recogniser sees them: painted, base (B, 3, 64, 64) in 0..1, mask (B, 1, 64, 64), shows (B, 29),
    owners (B,) which of the batch's characters."""

    painted: Tensor
    base: Tensor
    mask: Tensor
    shows: Tensor
    owners: Tensor


class Examples:
    """What examples.py stored, and batches of it."""

    def __init__(self, paths: list[Path]) -> None:
        stored = [np.load(path) for path in paths]
        self._bases = np.concatenate([one["bases"] for one in stored])
        self._masks = np.concatenate([one["masks"] for one in stored])
        self._faces = np.concatenate([one["faces"] for one in stored])
        shows = np.concatenate([one["shows"] for one in stored])
        self._shows = torch.from_numpy(np.pad(shows, ((0, 0), (0, 1))))  # (M, 29): none is broken
        counts = [len(one["bases"]) for one in stored]
        before = np.cumsum([0, *counts])
        owners = np.concatenate([one["owners"] + start for one, start in zip(stored, before, strict=False)])
        self._of = [np.flatnonzero(owners == owner).tolist() for owner in range(sum(counts))]

    def __len__(self) -> int:
        return len(self._bases)

    def batch(self, chance: Random, pairs: int = PAIRS, faces: int = FACES) -> Faces:
        """Faces of `pairs` pairs of look-alikes, some of them broken."""
        chosen = [2 * pair + one for pair in chance.sample(range(len(self) // 2), pairs) for one in (0, 1)]
        groups = [self._character(owner, chance, faces) for owner in chosen]
        painted, base, mask, shows = (torch.cat(parts) for parts in zip(*groups, strict=True))
        owners = torch.arange(len(chosen)).repeat_interleave(faces)
        return Faces(painted, base, mask, shows, owners)

    def _character(self, owner: int, chance: Random, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = chance.sample(self._of[owner], count + 1)  # one more, to blend with
        pixels = torch.from_numpy(np.stack([self._bases[owner], *self._faces[rows]]))
        pictures = pixels.permute(0, 3, 1, 2).float() / 255
        mask = torch.from_numpy(self._masks[owner])[None, None].float()
        pictures, mask = _recoloured(*_moved(pictures, mask, chance), chance)
        base, *worn, spare = pictures
        shows = self._shows[rows[:-1]].clone()
        for place in range(count):
            other = [*worn[:place], *worn[place + 1 :], spare][chance.randrange(count)]
            if chance.random() < BROKEN_SHARE:
                worn[place] = spoil(worn[place], base, other, mask[0], chance)
                shows[place] = torch.eye(len(CLASSES))[-1]
            else:
                worn[place] = _worn(worn[place], base, chance)
        return torch.stack(worn), base.expand(count, -1, -1, -1), mask.expand(count, -1, -1, -1), shows


def _moved(pictures: Tensor, mask: Tensor, chance: Random) -> tuple[Tensor, Tensor]:
    """All pictures of a character and its mask shifted, turned, scaled and mirrored alike, cut to 64 x 64."""
    scale, angle = 1 / chance.uniform(0.86, 1.12), chance.gauss(0, 0.05)
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    if chance.random() < 0.5:
        turn[:, 0] *= -1
    shift = torch.tensor([[chance.gauss(0, 0.04)], [chance.gauss(0, 0.04)]])
    both = torch.cat((pictures, mask.expand(1, 3, -1, -1)))
    grid = affine_grid(torch.cat((turn, shift), 1)[None].float(), [1, 3, SIDE, SIDE], align_corners=False)
    both = grid_sample(both, grid.expand(len(both), -1, -1, -1), padding_mode="border", align_corners=False)
    return both[:-1].clamp(0, 1), (both[-1:, :1] > 0.25).float()


def _recoloured(pictures: Tensor, mask: Tensor, chance: Random) -> tuple[Tensor, Tensor]:
    """Now and then all pictures of a character in another light, or with their colours exchanged."""
    if chance.random() < 0.4:
        gain = torch.tensor([chance.uniform(0.7, 1.0) for _ in range(3)])[:, None, None]
        offset = torch.tensor([chance.random() for _ in range(3)])[:, None, None] * (1 - gain)
        pictures = pictures * gain + offset
    if chance.random() < 0.15:
        pictures = pictures[:, chance.sample(range(3), 3)]
    return pictures, mask


def _worn(face: Tensor, base: Tensor, chance: Random) -> Tensor:
    """A good face as painters paint it: softer, a little noise, a little off in tone, a breath of the old one left."""
    generator = torch.Generator().manual_seed(chance.getrandbits(48))
    if chance.random() < 0.5:
        cells = chance.randint(34, 60)
        small = interpolate(face[None], (cells, cells), mode="bilinear", antialias=True, align_corners=False)
        face = interpolate(small, (SIDE, SIDE), mode="bicubic", align_corners=False)[0]
    if chance.random() < 0.4:
        face = torch.lerp(face, base, chance.uniform(0, 0.12))
    if chance.random() < 0.5:
        face = face + chance.uniform(0, 0.05) * torch.randn(face.shape, generator=generator)
    if chance.random() < 0.3:
        face = face + 0.02 * torch.randn(3, 1, 1, generator=generator)
    return face.clamp(0, 1)


def loss_of(network: Network, faces: Faces) -> tuple[Tensor, Tensor]:
    """What the two networks are wrong by: of what is shown, of whose it is."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = network.read(faces.painted, faces.base, faces.mask).float()
        whole = faces.shows[:, -1] == 0  # who a broken face is does not matter
        first = torch.searchsorted(faces.owners, torch.arange(int(faces.owners[-1]) + 1))
        places = network.place(
            torch.cat((faces.painted, faces.base[first])), torch.cat((faces.mask, faces.mask[first]))
        )
    worn, bases = places[: len(faces.painted)], places[len(faces.painted) :]
    near = worn @ bases.T / TEMPERATURE
    return (
        cross_entropy(logits, faces.shows, label_smoothing=SMOOTHING),
        cross_entropy(near[whole], faces.owners[whole]),
    )


def train(examples: Examples, minutes: float, seed: int, start: Path | None = None, rate: float = PEAK_RATE) -> Network:
    """The averaged networks after `minutes` of learning; what other programs take of the core does not count."""
    torch.manual_seed(seed)
    network = Network() if start is None else Recogniser(start).network.train().requires_grad_(True)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {name: weight.clone() for name, weight in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    began, step, shown = time.process_time(), 0, [0.0, 0.0]
    with tqdm(total=round(minutes * 60), unit="s") as bar:
        while (spent := time.process_time() - began) < minutes * 60:
            progress = spent / (minutes * 60)
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, (step + 1) / 100) * max(0.01, 1 - progress)
            losses = loss_of(network, examples.batch(Random(f"{seed}/{step}")))
            optimiser.zero_grad(set_to_none=True)
            sum(losses, torch.zeros(())).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            step += 1
            _follow(average, network, min(AVERAGE, step / (step + 10)))
            shown = [0.98 * old + 0.02 * new.item() for old, new in zip(shown, losses, strict=True)]
            bar.update(round(spent) - bar.n)
            bar.set_postfix(step=step, shows=f"{shown[0]:.3f}", whose=f"{shown[1]:.3f}")
    network.load_state_dict(average)
    return network.eval()


def _follow(average: dict[str, Tensor], network: Network, decay: float) -> None:
    with torch.no_grad():
        for name, weight in network.state_dict().items():
            if weight.is_floating_point():
                average[name].lerp_(weight, 1 - decay)
            else:
                average[name].copy_(weight)


def save(network: Network, path: Path, metadata: dict[str, str] | None = None) -> None:
    """In half precision."""
    weights = {name: weight.half().contiguous() for name, weight in network.state_dict().items()}
    save_file(weights, path, metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("examples", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, help="weights to go on from; left out: fresh ones")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="highest learning rate")
    parser.add_argument("--out", type=Path, default=Path("build/recogniser"))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    network = train(Examples(chosen.examples), chosen.minutes, chosen.seed, chosen.start, chosen.rate)
    save(network, chosen.out / "learned.safetensors")


if __name__ == "__main__":
    main()
