"""How long an expression takes from the request to its PNG: ours against the stock way, with the same components.

No inpainting pipeline class of diffusers takes the starter's parts (they want an AutoencoderKL and CLIP), so the stock
way is the loop that StableDiffusionInpaintPipeline runs, over diffusers' own scheduler, diffusers' own UNet with the
same weights in the same precision, and the same codec and text encoder: the whole picture at 512 pixels, 30 steps,
classifier-free guidance (two rows in every step), both prompts encoded with every call, PNG at the end. The codec is
the starter's at 512 pixels. Ours is `Painter.paint` with the bot's own settings: crop, four steps, the gate, laid over
the portrait, PNG on the shelf. Baseline and ours take turns; every turn paints an expression with a seed that was never
painted.

Also told: a face from the shelf (and how many calls of any torch module it made, which must be 0); the first face of a
persona from the start of a process with empty folders, and how much of that is Python and imports; and a persona's 28
faces together.

    python -m bench.paint [--json] [--record] [--rounds 2] [--firsts 3] [--threads 2]
"""

import asyncio
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from avatar.checkpoint import STARTER
from avatar.codec import PatchCodec, load_codec
from avatar.expression import spec_for
from avatar.families.starter import MinilmReading
from avatar.mask import open_portrait
from avatar.opening import fitting_dtype, open_module
from avatar.painter import Painter
from avatar.shelf import Shelf
from bench.report import ROOT, finish, parser
from bot.settings import Settings
from bot.show import every_face
from inference.gpu import Gpu
from inference.job import Priority
from persona.card import Persona, load_persona

PERSONA = "marigold"
EXPRESSIONS = ("joy", "sadness", "anger", "surprise")
SIDE, STEPS, GUIDANCE = 512, 30, 7.5  # the stock pipeline's defaults, but for its 50 steps
HITS = 200


class Stock:
    """The inpainting loop as diffusers' pipelines run it, over the starter's parts."""

    def __init__(self) -> None:
        from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DConditionModel

        self._dtype = fitting_dtype(torch.device("cpu"))
        self._unet = open_module(STARTER / "unet", UNet2DConditionModel, self._dtype)
        self._codec = PatchCodec(load_codec(STARTER / "codec.json").patch, SIDE)
        self._reading = MinilmReading()
        self._scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(STARTER / "scheduler")

    def paint(self, persona: Persona, name: str, seed: int, steps: int = STEPS) -> bytes:
        """One expression as PNG."""
        with torch.inference_mode():
            return self._paint(persona, persona.card.expressions[name].prompt, seed, steps)

    def _paint(self, persona: Persona, prompt: str, seed: int, steps: int) -> bytes:
        # 1. Both prompts, the unwanted one first
        prompts = torch.stack([read.states for read in self._reading.read(["", prompt])]).to(self._dtype)
        # 2. The picture and its mask at the pipeline's size
        pixels, mask = _whole(persona)
        look = self._codec.look(pixels, mask)
        assert look.shown is not None
        # 3. Noise and timesteps
        generator = torch.Generator("cpu").manual_seed(seed)
        latents = torch.randn(look.known.shape, generator=generator)
        self._scheduler.set_timesteps(steps)
        # 4. Denoise
        for timestep in self._scheduler.timesteps:
            latents = self._step(latents, look.shown, timestep, prompts)
        # 5. Back to a picture
        return _png(self._codec.decode(latents))

    def _step(self, latents: Tensor, shown: Tensor, timestep: Tensor, prompts: Tensor) -> Tensor:
        seen = torch.cat((latents, shown), dim=1).repeat(2, 1, 1, 1)  # (2, C + Cm + C, h, w)
        seen = seen.to(self._dtype, memory_format=torch.channels_last)
        said = self._unet(seen, timestep, encoder_hidden_states=prompts, class_labels=prompts[:, 0])
        unwanted, wanted = said.sample.float().chunk(2)
        predicted = unwanted + GUIDANCE * (wanted - unwanted)
        velocity = (latents - predicted) / (timestep / self._scheduler.config.num_train_timesteps)
        return self._scheduler.step(velocity, timestep, latents).prev_sample  # type: ignore[no-any-return]


def _whole(persona: Persona) -> tuple[Tensor, Tensor]:
    """The whole portrait and its mask: (1, 3, 512, 512) in -1..1 and (1, 1, 512, 512) of 0 and 1."""
    import numpy as np
    from PIL import Image

    portrait = open_portrait(persona.base, persona.mask)
    picture = np.asarray(portrait.image.convert("RGB").resize((SIDE, SIDE)), np.float32) / 127.5 - 1
    mask = np.asarray(Image.fromarray(portrait.mask).resize((SIDE, SIDE))) > 127
    return torch.from_numpy(picture).permute(2, 0, 1)[None], torch.from_numpy(mask.astype(np.float32))[None, None]


def _png(pixels: Tensor) -> bytes:
    """(1, 3, S, S) about -1..1 as PNG."""
    import numpy as np
    from PIL import Image

    numbers = ((pixels[0].permute(1, 2, 0) / 2 + 0.5).clamp(0, 1) * 255).round().numpy().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(numbers).save(buffer, "PNG")
    return buffer.getvalue()


async def main() -> None:
    options = parser("Seconds from request to PNG for one unseen expression: ours against the stock loop.")
    options.set_defaults(rounds=2)
    options.add_argument("--firsts", type=int, default=3, help="how many cold processes paint a first face (default 3)")
    options.add_argument("--threads", type=int, default=2, help="CPU threads of a step (default 2)")
    arguments = options.parse_args()
    settings = Settings()
    persona = load_persona(PERSONA, settings.bot.persona_roots())
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        async with Gpu(settings.gpu.device, threads=arguments.threads) as gpu:
            shelf, critic = Shelf(state / "shelf"), settings.face.recogniser
            async with Painter(gpu, "starter", state / "cache", shelf, critic=critic) as painter:
                stock_s, ours_s = await turns(gpu, painter, persona, arguments.rounds)
                hit_s, calls = await hits(painter, persona)
                sheet_s, faces = await together(painter, persona)
        firsts = [first_face(state / str(number), arguments.threads) for number in range(arguments.firsts + 1)][1:]
    ours = statistics.median(ours_s)
    figures: dict[str, float | int | str] = {
        "stock_s": round(statistics.median(stock_s), 3),
        "ours_s": round(ours, 4),
        "ours_slowest_s": round(max(ours_s), 4),
        "shelf_hit_ms": round(1e3 * hit_s, 3),
        "shelf_hit_model_calls": calls,
        "sheet_s": round(sheet_s, 2),
        "sheet_faces": faces,
        "sheet_s_per_face": round(sheet_s / faces, 3),
        "batch_size_at_the_end": painter._pace.size,
    }
    for stage in ("python", "import", "open", "face", "total"):
        figures[f"first_{stage}_s"] = round(statistics.median(first[stage] for first in firsts), 3)
    finish("paint", statistics.median(stock_s) / ours, figures, arguments)


async def turns(gpu: Gpu, painter: Painter, persona: Persona, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of the stock loop and of ours, in turns, after a warm-up of both. Ours has four turns for each one."""
    stock = await asyncio.to_thread(Stock)
    await gpu.call(partial(stock.paint, persona, EXPRESSIONS[0], 0, 1), Priority.REPLY)
    await painter.paint(persona, spec_for(persona.card, EXPRESSIONS[0], seed=10_000))
    stock_s: list[float] = []
    ours_s: list[float] = []
    for round_number in range(rounds):
        start = perf_counter()
        name = EXPRESSIONS[round_number % len(EXPRESSIONS)]
        await gpu.call(partial(stock.paint, persona, name, round_number), Priority.REPLY)
        stock_s.append(perf_counter() - start)
        for place, name in enumerate(EXPRESSIONS):
            start = perf_counter()
            face = await painter.paint(persona, spec_for(persona.card, name, seed=100 * (4 * round_number + place + 1)))
            ours_s.append(perf_counter() - start)
            assert face.painted, "an unseen expression is painted"
    return stock_s, ours_s


async def hits(painter: Painter, persona: Persona) -> tuple[float, int]:
    """Median seconds of a face that is on the shelf, and how often any module of torch was called for all of them."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    spec = spec_for(persona.card, EXPRESSIONS[0], seed=100)
    counting = torch.nn.modules.module.register_module_forward_pre_hook(count)
    seconds = []
    for _ in range(HITS):
        start = perf_counter()
        face = await painter.paint(persona, spec)
        seconds.append(perf_counter() - start)
        assert not face.painted, "it is on the shelf"
    counting.remove()
    return statistics.median(seconds), calls


async def together(painter: Painter, persona: Persona) -> tuple[float, int]:
    """Seconds of a persona's whole sheet, none of it on the shelf, and how many faces it has."""
    specs = every_face(persona.card)
    start = perf_counter()
    faces = await painter.paint_several(persona, specs)
    assert sum(face.painted for face in faces) > len(faces) / 2, "most of them are new"
    return perf_counter() - start, len(specs)


def first_face(state: Path, threads: int) -> dict[str, float]:
    """Seconds of a new process with an empty state folder, from its start to the first face: stages, and the total."""
    command = [sys.executable, "-m", "bench.paint_child", str(state), str(threads), PERSONA]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"}
    start = perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    marks: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    ends = [start, *marks.values()]
    stages = {stage: end - begin for stage, begin, end in zip(marks, ends, ends[1:], strict=False)}
    return stages | {"total": ends[-1] - start}


if __name__ == "__main__":
    asyncio.run(main())
