"""Trains the starter painter on two CPU cores in about 45 minutes. Needs `pip install mien[train]`.

    python -m avatar.starter.train --minutes 45 --seed 1 --workers 2 --threads 1 --out build/painter [--published DIR]

writes `<out>/painter/` (diffusers folder, averaged weights, fp16) every few minutes, `<out>/sheet-*.png` (the three
sample characters, which are never trained on) and `<out>/log.jsonl`. A killed run goes on with --resume.

Flow matching (Lipman et al., arXiv 2210.02747) with x-prediction: x_t = (1 - t) x + t noise, the network says x. Half
of the pictures under the noise are worn as its own guesses are (worn.py). It is shown the noisy crop, the mask and the
*base* crop itself, not blanked under the mask, so that it can keep this character's eyes and line. All three are folded
4 x 4 pixels to a code (pixel_unshuffle), which loses nothing. One token conditions it: MiniLM's sentence embedding of a
prompt, times sqrt(384).
"""

import argparse
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as workers
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from torch.nn.functional import pixel_unshuffle
from tqdm import tqdm

from avatar.starter.checkpoint import BLOCKS, PATCH, export, shifted
from avatar.starter.pairs import Batch, batch, prompts
from avatar.starter.phrases import embed, minilm
from avatar.starter.published import Published
from avatar.starter.recipes import published
from avatar.starter.sheets import paint_sheet
from avatar.starter.worn import worn

PEAK_RATE = 1.2e-3  # unless --rate says otherwise
CHARACTERS, FACES = 4, 2  # a batch: 8 rows
EMA_DECAY = 0.997
TOGETHER = 5  # steps between two meetings of the workers
SHEET_SECONDS = 540


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

    def begin_from(self, start: Path) -> None:
        """The weights of another run (its run.pt, or the folder it exported); clock, schedule and optimiser are new."""
        if start.is_dir():
            weights = load_file(start / "unet" / "diffusion_pytorch_model.safetensors")
        else:
            weights = torch.load(start, weights_only=True)["average"]
        self.unet.load_state_dict(weights)
        self.average = {name: weight.clone() for name, weight in self.unet.state_dict().items()}

    def averaged(self) -> UNet2DConditionModel:
        """A copy of the network with the averaged weights."""
        copy = new_unet()
        copy.load_state_dict(self.average)
        return copy.eval()


@dataclass(frozen=True, slots=True)
class Source:
    """What one worker learns from: its characters (seed and rank), the prompts' embeddings, the published styles."""

    seed: int
    rank: int
    table: dict[str, Tensor]
    styles: list[Published]
    rate: float  # the highest learning rate

    def draw(self, step: int) -> Batch:
        chooser = random.Random(f"{self.seed}/{self.rank}/{step}")
        return batch(chooser, CHARACTERS, FACES, self.styles)


def new_unet() -> UNet2DConditionModel:
    """A fresh network whose first answer is grey."""
    unet = UNet2DConditionModel(**BLOCKS)
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    return unet.to(memory_format=torch.channels_last)


def times(count: int) -> Tensor:
    """(count,) times in (0, 1], shifted towards noise; most of them exactly where four Euler steps will ask.

    At 128 x 128 pixels a picture shines through much noise, so that only times near 1 teach what a prompt looks like
    (Esser et al., arXiv 2403.03206, section 5.3.2).
    """
    drawn = shifted(torch.rand(count) * 0.98 + 0.02)
    asked = shifted(torch.tensor([1.0, 1.0, 1.0, 0.75, 0.5, 0.25])[torch.randint(6, (count,))])
    return torch.where(torch.rand(count) < 0.85, asked, drawn)


def loss_of(unet: UNet2DConditionModel, rows: Batch, tokens: Tensor) -> Tensor:
    """Squared error of x over max(t, 0.15), plus an L1 term; weight 1 in the mask, 3 where the face changes there."""
    parts = (rows.base, rows.target, rows.mask, worn(rows.target, rows.base))
    base, target, mask, through = (pixel_unshuffle(part, PATCH) for part in parts)
    t = times(len(base))
    at = t[:, None, None, None]
    noisy = (1 - at) * through + at * torch.randn_like(target)
    seen = torch.cat((noisy, mask, base), 1).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        answer: Tensor = unet(seen, 1000 * t, encoder_hidden_states=tokens).sample
    error = answer.float() - target
    changed = (target - base).abs().amax(1, keepdim=True) > 0.08  # a code in which any pixel differs
    weight = 0.05 + mask.repeat(1, 3, 1, 1) * (1.0 + 2.0 * changed)
    loss: Tensor = (weight * (error.square() / at.clamp(min=0.15) + 0.5 * error.abs())).mean()
    return loss


def rate(step: int, progress: float) -> float:
    """Fraction of the peak learning rate: a hundred steps of warm-up, then down in a line to a fiftieth."""
    return float(min(1.0, (step + 1) / 100) * max(0.02, 1.0 - progress))


def train_step(run: Run, rows: Batch, source: "Source", chooser: random.Random, progress: float) -> float:
    tokens = torch.stack([_phrase(source.table[label], chooser) for label in rows.labels])[:, None]
    for group in run.optimiser.param_groups:
        group["lr"] = source.rate * rate(run.step, progress)
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


def _phrase(phrasings: Tensor, chooser: random.Random) -> Tensor:
    """One embedding (384,) of a label's (n, 384): the canonical one half of the time."""
    return phrasings[0] if chooser.random() < 0.5 else phrasings[chooser.randrange(len(phrasings))]


def train(run: Run, out: Path, seconds: float, source: "Source") -> None:
    """Until `seconds` of training are done in all. Characters are drawn in a thread while the network learns."""
    chooser, losses, kept = random.Random(f"{source.seed}/{source.rank}/{run.step}"), [], run.seconds
    with ThreadPoolExecutor(1) as pool, tqdm(total=round(seconds), unit="s", disable=source.rank > 0) as bar:
        waiting = pool.submit(source.draw, run.step)
        while run.seconds < seconds:
            for _ in range(TOGETHER):
                began = time.monotonic()
                rows, waiting = waiting.result(), pool.submit(source.draw, run.step + 1)
                losses.append(train_step(run, rows, source, chooser, run.seconds / seconds))
                run.seconds += time.monotonic() - began
            agree(run)
            bar.update(round(run.seconds) - bar.n)
            if source.rank == 0 and run.step % 20 == 0:
                note(out, run, float(np.mean(losses[-20:])))
            if source.rank == 0 and run.step % 100 == 0:
                run.save(out / "run.pt")
            if source.rank == 0 and run.seconds - kept > SHEET_SECONDS:
                kept = run.seconds
                keep(run, out, source.table)
        waiting.cancel()
    if source.rank == 0:
        run.save(out / "run.pt")
        keep(run, out, source.table)


def agree(run: Run) -> None:
    """Workers that learn from different batches take the mean of their weights (and clocks), every few steps.

    Local SGD (Stich, arXiv 1805.09767): on a busy machine two processes that meet seldom are faster than two threads
    that wait for each other in every operator.
    """
    if not workers.is_initialized():
        return
    weights = [weight.data for weight in run.unet.parameters()]
    everything = torch.cat([weight.flatten() for weight in weights] + [torch.tensor([run.seconds])])
    workers.all_reduce(everything)
    everything /= workers.get_world_size()
    run.seconds = everything[-1].item()
    begin = 0
    for weight in weights:
        weight.copy_(everything[begin : begin + weight.numel()].view_as(weight))
        begin += weight.numel()


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
    parser.add_argument("--workers", type=int, default=1, help="processes that learn side by side")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=Path("build/painter"))
    parser.add_argument("--published", type=Path, help="folder of dicebear_*.json; left out: drawn characters only")
    parser.add_argument("--minilm", type=Path, help="folder of all-MiniLM-L6-v2; left out: the installed carrier's")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument(
        "--start", type=Path, help="run.pt or exported folder: its weights, with a new clock and schedule"
    )
    parser.add_argument("--compile", action="store_true", help="a fifth faster where a C++ compiler is installed")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="highest learning rate")
    return parser.parse_args()


def work(rank: int, chosen: argparse.Namespace) -> None:
    """One worker's training, from the arguments on."""
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(chosen.seed)
    unet = new_unet()
    run = Run(
        unet,
        {name: weight.clone() for name, weight in unet.state_dict().items()},
        torch.optim.AdamW(unet.parameters(), lr=PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98)),
    )
    if chosen.resume:
        run.load(chosen.out / "run.pt")
    elif chosen.start:
        run.begin_from(chosen.start)
    torch.manual_seed(chosen.seed + 1000 * rank + run.step)
    if chosen.workers > 1:
        meeting = f"file://{(chosen.out / 'meeting').resolve()}"
        workers.init_process_group("gloo", init_method=meeting, rank=rank, world_size=chosen.workers)
    if chosen.compile:
        unet.compile()
    styles = published(chosen.published) if chosen.published else []
    table = embed(prompts(), minilm(chosen.minilm))
    train(run, chosen.out, chosen.minutes * 60, Source(chosen.seed, rank, table, styles, chosen.rate))


def main() -> None:
    chosen = options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "meeting").unlink(missing_ok=True)
    if chosen.workers > 1:
        spawn(work, (chosen,), chosen.workers)  # type: ignore[no-untyped-call]
    else:
        work(0, chosen)


if __name__ == "__main__":
    main()
