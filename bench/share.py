"""How much a portrait disturbs a reply: one device and its scheduler, against two threads and none.

Four arms take turns in every round, all with the same starter models, prompt and faces:

- the reply alone, and the portrait alone, each as a job on the device;
- ours: both as jobs on one device, the portrait submitted in the middle of the reply;
- naive: the same steps in two threads of their own, the portrait's begun at the same token.

A token's latency is the time since the token before it. A portrait is several faces, one after the other. At the end
ours is turned round: how long the first token of a reply takes that arrives in the middle of a portrait.

    python -m bench.share [--json] [--record] [--rounds 5] [--tokens 160] [--faces 6] [--threads 2]
"""

import asyncio
import os

# As `mien` does; read when torch is loaded. Without it the naive arm would be slower still.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import statistics
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from avatar.checkpoint import starter_folder
from avatar.conditioning import Conditioning
from avatar.inpaint import Canvas, inpaint
from avatar.parts import Parts, open_parts
from bench.decode import PROMPT
from bench.report import ROOT, finish, parser
from inference.batch import Batch
from inference.cache import PrefixCache
from inference.decode import reply
from inference.family import network_of
from inference.gpu import Gpu
from inference.job import Priority, Steps
from inference.loader import Loaded, load
from inference.sampling import SamplingParams
from inference.tokens import Tokens
from inference.writer import Wish

STEPS = 4  # denoising steps of a face, as the painter takes


@dataclass(frozen=True)
class Work:
    """The two jobs: fresh steps of each whenever they are called."""

    reply: Callable[[], Steps[Any, Any]]
    portrait: Callable[[], Steps[Any, Any]]
    tokens: int


@dataclass
class Timing:
    """When a reply began, had each of its tokens, and when all work was done; seconds."""

    begun: float = field(default_factory=perf_counter)
    stamps: list[float] = field(default_factory=list)
    done: float = 0.0

    @property
    def latencies(self) -> list[float]:
        return [after - before for before, after in pairwise(self.stamps)]

    @property
    def first(self) -> float:
        return self.stamps[0] - self.begun

    @property
    def seconds(self) -> float:
        return self.done - self.begun


def main() -> None:
    options = parser("Token latency while a portrait is painted: one scheduled device against two threads.")
    options.add_argument("--tokens", type=int, default=160, help="tokens of the reply (default 160)")
    options.add_argument("--faces", type=int, default=6, help="faces of the portrait (default 6)")
    options.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of a step (default: cores)")
    options.add_argument("--cache", type=Path, default=ROOT / "state" / "cache", help="folder of converted models")
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    loaded, parts = load("starter", arguments.cache), open_parts(starter_folder(), torch.device("cpu"))
    work = work_of(loaded, parts, arguments.tokens, arguments.faces)
    rounds = asyncio.run(measure(work, arguments.rounds, arguments.threads))
    figures = figures_of(rounds) | {"tokens": arguments.tokens, "faces": arguments.faces, "threads": arguments.threads}
    finish(
        "share",
        float(figures["naive_p99_beside_over_alone"]) / float(figures["p99_beside_over_alone"]),
        figures,
        arguments,
    )


def work_of(loaded: Loaded, parts: Parts, tokens: int, faces: int) -> Work:
    """A greedy reply of so many tokens, nothing remembered from others, and a portrait of so many faces."""
    network, text = network_of(loaded.model), Tokens(loaded.tokenizer)
    params = SamplingParams(temperature=0, min_p=0, repetition_penalty=1, max_tokens=tokens)
    wish = Wish(text.prompt(PROMPT), params, text.decode, frozenset())
    canvases = [_canvas(parts, seed) for seed in range(faces)]

    def portrait() -> Steps[Any, None]:
        for canvas in canvases:
            yield from inpaint(parts, [canvas], STEPS)
            yield None

    return Work(lambda: reply(Batch(network, PrefixCache(0)), wish), portrait, tokens)


def _canvas(parts: Parts, seed: int) -> Canvas:
    size = parts.codec.size
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(1, size, size)
    mask[:, size // 4 : -size // 4, size // 4 : -size // 4] = 1
    pixels = torch.rand(3, size, size, generator=generator) * 2 - 1
    return Canvas(pixels, mask, Conditioning(torch.randn(1, 384, generator=generator)), seed)


async def measure(work: Work, rounds: int, threads: int) -> dict[str, list[Timing]]:
    """Every arm's timings, a warm-up left out."""
    arms: dict[str, list[Timing]] = {"reply": [], "portrait": [], "ours": [], "naive": [], "arriving": []}
    async with Gpu("cpu", threads=threads) as gpu:
        for number in range(rounds + 1):
            timings = {
                "reply": await on_device(gpu, work, portrait_at=None),
                "portrait": await portrait_alone(gpu, work),
                "ours": await on_device(gpu, work, portrait_at=work.tokens // 4),
                "naive": await asyncio.to_thread(in_two_threads, work, threads, work.tokens // 4),
                "arriving": await reply_arriving(gpu, work),
            }
            for arm, timing in timings.items() if number else ():
                arms[arm].append(timing)
    return arms


async def on_device(gpu: Gpu, work: Work, portrait_at: int | None) -> Timing:
    """A reply on the device; with `portrait_at`, a portrait is submitted when it has so many tokens."""
    timing, middle = Timing(), asyncio.Event()
    loop = asyncio.get_running_loop()
    watched = stamped(work.reply(), timing, portrait_at, lambda: loop.call_soon_threadsafe(middle.set))
    writing = gpu.submit(watched, Priority.REPLY)
    if portrait_at is not None:
        await middle.wait()
        await gpu.submit(work.portrait(), Priority.PORTRAIT).result()
    await writing.result()
    timing.done = perf_counter()
    return timing


async def portrait_alone(gpu: Gpu, work: Work) -> Timing:
    timing = Timing()
    await gpu.submit(work.portrait(), Priority.PORTRAIT).result()
    timing.done = perf_counter()
    return timing


async def reply_arriving(gpu: Gpu, work: Work) -> Timing:
    """A reply that is asked for while a portrait is being painted; the portrait's end is not waited for."""
    painting = gpu.submit(marked(work.portrait()), Priority.PORTRAIT)
    await anext(painting)
    timing = Timing()
    await gpu.submit(stamped(work.reply(), timing), Priority.REPLY).result()
    timing.done = perf_counter()
    painting.cancel()
    return timing


def in_two_threads(work: Work, threads: int, portrait_at: int) -> Timing:
    """What one writes without a scheduler: a thread for the replies, and another for the pictures."""
    timing, middle = Timing(), threading.Event()

    def write() -> None:
        run(stamped(work.reply(), timing, portrait_at, middle.set), threads)

    def paint() -> None:
        middle.wait()
        run(work.portrait(), threads)

    both = [threading.Thread(target=target) for target in (write, paint)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    timing.done = perf_counter()
    return timing


def run(steps: Steps[Any, Any], threads: int) -> None:
    """Run steps to their end in this thread."""
    torch.set_num_threads(threads)  # OpenMP keeps the number per thread
    with torch.inference_mode():
        for _ in steps:
            pass


def stamped(
    steps: Steps[Any, Any], timing: Timing, at: int | None = None, then: Callable[[], object] | None = None
) -> Steps[None, None]:
    """The steps of a reply, one a token, with the time of each; at token number `at`, `then` is called."""
    for _ in steps:
        timing.stamps.append(perf_counter())
        if then is not None and len(timing.stamps) == at:
            then()
        yield None


def marked(steps: Steps[Any, Any]) -> Generator[bool | None, None, None]:
    """The steps, the first of which hands something out."""
    for number, _ in enumerate(steps):
        yield True if number == 0 else None


def figures_of(arms: dict[str, list[Timing]]) -> dict[str, float]:
    """Latencies of all rounds together; sums round by round, and their median."""
    latencies = {arm: [one for timing in arms[arm] for one in timing.latencies] for arm in ("reply", "ours", "naive")}
    p50 = {arm: statistics.median(some) for arm, some in latencies.items()}
    p99 = {arm: statistics.quantiles(some, n=100, method="inclusive")[98] for arm, some in latencies.items()}
    return {
        "p99_beside_over_alone": round(p99["ours"] / p99["reply"], 3),
        "naive_p99_beside_over_alone": round(p99["naive"] / p99["reply"], 3),
        "makespan_over_sum": makespan(arms, "ours"),
        "naive_makespan_over_sum": makespan(arms, "naive"),
        **{f"{arm}_p50_ms": milliseconds(seconds) for arm, seconds in p50.items()},
        **{f"{arm}_p99_ms": milliseconds(seconds) for arm, seconds in p99.items()},
        **{f"{arm}_longest_ms": milliseconds(max(some)) for arm, some in latencies.items()},
        "first_token_ms": milliseconds(statistics.median(timing.first for timing in arms["reply"])),
        "first_token_during_portrait_ms": milliseconds(statistics.median(timing.first for timing in arms["arriving"])),
        "reply_s": round(statistics.median(timing.seconds for timing in arms["reply"]), 3),
        "portrait_s": round(statistics.median(timing.seconds for timing in arms["portrait"]), 3),
    }


def makespan(arms: dict[str, list[Timing]], arm: str) -> float:
    """Time for both over the sum of both alone, of the same round."""
    rounds = zip(arms[arm], arms["reply"], arms["portrait"], strict=True)
    return round(statistics.median(both.seconds / (one.seconds + other.seconds) for both, one, other in rounds), 3)


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


if __name__ == "__main__":
    main()
