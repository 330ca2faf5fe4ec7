"""Trains the starter painter, on two CPU cores, in about an hour and a quarter. Needs `pip install mien[train]`.

    python -m avatar.starter.train --minutes 75 --seed 1 --out build/painter [--peeps DIR] [--minilm DIR] [--resume]

writes `<out>/painter/` (diffusers folder, averaged weights, fp16) every few minutes, `<out>/sheet-*.png` (the three
sample characters, which are never trained on) and `<out>/log.jsonl`. A killed run goes on with --resume.

Flow matching (Lipman et al., arXiv 2210.02747) with x-prediction: x_t = (1 - t) x + t noise. The network is shown the
noisy crop, the mask and the *base* crop itself, and says by how much x differs from the base: where nothing changes
the answer is zero, so no tone drifts and no square shows. All three are folded 6 x 6 pixels to a code
(pixel_unshuffle), which loses nothing. One token conditions it: MiniLM's sentence embedding of a prompt, times
sqrt(384).
"""

import argparse
import json
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from torch.nn.functional import pixel_unshuffle
from tqdm import tqdm

from avatar.starter.checkpoint import BLOCKS, PATCH, export
from avatar.starter.pairs import Batch, batch, prompts
from avatar.starter.peeps import Peeps
from avatar.starter.phrases import embed, minilm
from avatar.starter.sheets import paint_sheet

PEAK_RATE = 8e-4
CHARACTERS, FACES = 4, 2  # a batch: 8 rows
EMA_DECAY = 0.998


@dataclass(slots=True)
class Run:
    """A training in progress: what a checkpoint keeps."""

    unet: UNet2DConditionModel
    average: dict[str, Tensor]
    optimiser: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        state = {"unet": self.unet.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict()}
        torch.save(state | {"step": self.step, "seconds": self.seconds}, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.unet.load_state_dict(state["unet"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])

    def averaged(self) -> UNet2DConditionModel:
        """A copy of the network with the averaged weights."""
        copy = new_unet()
        copy.load_state_dict(self.average)
        return copy.eval()


def new_unet() -> UNet2DConditionModel:
    """A fresh network whose first answer is "nothing changes"."""
    unet = UNet2DConditionModel(**BLOCKS)
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    return unet.to(memory_format=torch.channels_last)


def times(count: int) -> Tensor:
    """(count,) times in (0, 1]: mostly a logistic normal, a third exactly where four Euler steps will ask."""
    drawn = torch.sigmoid(torch.randn(count) * 1.2 + 0.6)
    asked = torch.tensor([1.0, 1.0, 0.75, 0.5, 0.25])[torch.randint(5, (count,))]
    return torch.where(torch.rand(count) < 0.35, asked, drawn)


def loss_of(unet: UNet2DConditionModel, rows: Batch, tokens: Tensor) -> Tensor:
    """Squared error of x over max(t, 0.15), plus an L1 term; weight 1 in the mask, 3 where the face changes there."""
    base, target, mask = (pixel_unshuffle(part, PATCH) for part in (rows.base, rows.target, rows.mask))
    t = times(len(base))
    at = t[:, None, None, None]
    noisy = (1 - at) * target + at * torch.randn_like(target)
    seen = torch.cat((noisy, mask, base), 1).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        change: Tensor = unet(seen, 1000 * t, encoder_hidden_states=tokens).sample
    error = base + change.float() - target
    changed = (target - base).abs().amax(1, keepdim=True) > 0.08  # a code in which any pixel differs
    weight = 0.05 + mask.repeat(1, 3, 1, 1) * (1.0 + 2.0 * changed)
    loss: Tensor = (weight * (error.square() / at.clamp(min=0.15) + 0.5 * error.abs())).mean()
    return loss


def rate(step: int, progress: float) -> float:
    """Fraction of the peak learning rate: a hundred steps of warm-up, then down in a line to a fiftieth."""
    return float(min(1.0, (step + 1) / 100) * max(0.02, 1.0 - progress))


def train_step(run: Run, rows: Batch, table: dict[str, Tensor], chooser: random.Random, progress: float) -> float:
    tokens = torch.stack([chooser.choice(list(table[label])) for label in rows.labels])[:, None]
    for group in run.optimiser.param_groups:
        group["lr"] = PEAK_RATE * rate(run.step, progress)
    loss = loss_of(run.unet, rows, tokens)
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.unet.parameters(), 1.0)
    run.optimiser.step()
    run.step += 1
    decay = min(EMA_DECAY, (1 + run.step) / (10 + run.step))
    with torch.no_grad():
        for name, weight in run.unet.state_dict().items():
            run.average[name].lerp_(weight, 1 - decay)
    return loss.item()


def train(run: Run, out: Path, seconds: float, seed: int, table: dict[str, Tensor], peeps: Peeps | None) -> None:
    """Until `seconds` of training are done in all. Characters are drawn in a thread while the network learns."""
    chooser, losses, last_sheet = random.Random(seed * 7919 + run.step), [], run.seconds
    with ThreadPoolExecutor(1) as pool, tqdm(total=round(seconds), initial=round(run.seconds), unit="s") as bar:

        def draw(step: int) -> Future[Batch]:
            return pool.submit(batch, random.Random(f"{seed}/{step}"), CHARACTERS, FACES, peeps)

        waiting = draw(run.step)
        while run.seconds < seconds:
            began = time.monotonic()
            rows, waiting = waiting.result(), draw(run.step + 1)
            losses.append(train_step(run, rows, table, chooser, run.seconds / seconds))
            run.seconds += time.monotonic() - began
            bar.update(round(run.seconds) - bar.n)
            if run.step % 25 == 0:
                note(out, run, float(np.mean(losses[-25:])))
                bar.set_postfix(step=run.step, loss=f"{np.mean(losses[-25:]):.4f}")
            if run.step % 100 == 0:
                run.save(out / "run.pt")
            if run.seconds - last_sheet > 540:
                last_sheet = run.seconds
                keep(run, out, table)
        waiting.cancel()
    run.save(out / "run.pt")
    keep(run, out, table)


def note(out: Path, run: Run, loss: float) -> None:
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"step": run.step, "seconds": round(run.seconds), "loss": round(loss, 5)}) + "\n")


def keep(run: Run, out: Path, table: dict[str, Tensor]) -> None:
    """Exports the averaged network and paints the sheet of the characters it never saw."""
    unet = run.averaged()
    export(unet, out / "painter")
    paint_sheet(unet, {label: rows[0] for label, rows in table.items()}, out / f"sheet-{run.step:05d}.png")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=75.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=Path("build/painter"))
    parser.add_argument(
        "--peeps", type=Path, help="folder with dicebear_open-peeps.json; left out: drawn characters only"
    )
    parser.add_argument("--minilm", type=Path, help="folder of all-MiniLM-L6-v2; left out: the installed carrier's")
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(chosen.seed)
    chosen.out.mkdir(parents=True, exist_ok=True)
    table = embed(prompts(), minilm(chosen.minilm))
    unet = new_unet()
    run = Run(
        unet,
        {name: weight.clone() for name, weight in unet.state_dict().items()},
        torch.optim.AdamW(unet.parameters(), lr=PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98)),
    )
    if chosen.resume:
        run.load(chosen.out / "run.pt")
        torch.manual_seed(chosen.seed + run.step)
    train(run, chosen.out, chosen.minutes * 60, chosen.seed, table, Peeps(chosen.peeps) if chosen.peeps else None)


if __name__ == "__main__":
    main()
