"""Many channels at once, and what a channel's history costs: the engine's own jobs on the device's own thread.

First the tokens a second of 1, 2, 4, 8 and 16 channels that talk to Marigold at once; `ratio` is sixteen replies one
after another over the same sixteen at once, in turns. Then the time to the first token of a channel that goes on:
turn 20, and the turns around it, against turn 2 with the same new text, and with nothing remembered; once with as many
turns as the starter reads, once with a history that has long filled its context. The prompts are persona/prompt.py's
own, read turn by turn as the bot reads them.

    python -m bench.batch [--json] [--record] [--rounds 5] [--tokens 24] [--threads 2]
"""

import asyncio
import statistics
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter

import torch

from bench.report import ROOT, finish, parser
from bot.settings import Model
from inference.batch import Batch
from inference.cache import PrefixCache
from inference.decode import reply
from inference.family import network_of
from inference.gpu import Gpu
from inference.job import Priority
from inference.loader import Loaded, load
from inference.network import Network
from inference.sampling import SamplingParams
from inference.tokens import Tokens
from inference.writer import Wish
from persona.budget import window
from persona.card import Card, load_persona
from persona.prompt import build_prompt
from persona.turn import Role, Turn

CHANNELS = (1, 2, 4, 8, 16)
EARLY, LATE = 2, range(18, 23)  # turns compared; several late ones, for a window that shifts does so only now and then
FULL = 1100  # tokens of prompt that the long history is cut to
PREFIX_BYTES = 256 << 20
NEWS = "I found an old recipe in the attic today, from my grandmother. Shall we try it together?"
SAID = (
    "The rain has not stopped all day, and the river is almost over the bridge.",
    "Do you remember the fair last summer? I won a goldfish and named it after you.",
    "My brother says your bread is the best in the valley. Mine came out like a brick again.",
    "I could not sleep. Somebody was playing the fiddle until three in the morning.",
    "What would you do if the mill closed? Everybody talks about it and nobody does anything.",
)
ANSWERED = (
    "Oh sugar, come in and dry your coat by the oven. I have plum cake, and it is still warm.",
    "How could I forget! You carried it home in a teapot, and it lived longer than the teapot did.",
    "Then we bake one together. The secret is to let it rest, and not to look at it too often.",
)


def main() -> None:
    options = parser("Tokens per second of many channels at once; time to the first token of a long history.")
    options.add_argument("--tokens", type=int, default=24, help="tokens of a reply (default 24)")
    options.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    options.add_argument("--cache", type=Path, default=ROOT / "state" / "cache", help="folder of converted models")
    arguments = options.parse_args()
    loaded = load("starter", arguments.cache)
    ratio, figures = asyncio.run(measure(loaded, arguments.rounds, arguments.tokens, arguments.threads))
    finish("batch", ratio, figures, arguments)


async def measure(loaded: Loaded, rounds: int, count: int, threads: int) -> tuple[float, dict[str, float]]:
    """The ratio, and all figures."""
    network, tokens = network_of(loaded.model), Tokens(loaded.tokenizer)
    async with Gpu("cpu", threads=threads) as gpu:
        channels = Channels(gpu, network, tokens, count)
        ratio, figures = await throughput(channels, rounds)
        for name, turns, budget in (("", Model().read_turns(), 4000), ("full_", 60, FULL)):
            # each round is another channel: how much of a prompt's end is no whole chunk is chance
            seconds = [await Channel(gpu, network, tokens, turns, budget, number).times() for number in range(rounds)]
            figures |= {f"{name}{key}": round(value, 4) for key, value in compared(seconds).items()}
    return ratio, figures


# --- many channels ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Channels:
    """Sixteen channels with a history each, and the replies they ask for."""

    gpu: Gpu
    network: Network
    tokens: Tokens
    count: int

    def wish(self, channel: int) -> Wish:
        """A reply of exactly `count` tokens: nothing ends it."""
        prompt = self.tokens.prompt(build_prompt(marigold(), history(4, channel), **self.room()))
        params = SamplingParams(seed=channel, max_tokens=self.count)
        return Wish(prompt, params, self.tokens.decode, controls=frozenset())

    def room(self) -> dict[str, object]:
        return {"budget": 4000, "count": lambda messages: len(self.tokens.prompt(messages))}

    async def at_once(self, batch: Batch, wishes: Sequence[Wish]) -> None:
        await asyncio.gather(*(self._one(batch, wish) for wish in wishes))

    async def one_by_one(self, batch: Batch, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            await self._one(batch, wish)

    async def _one(self, batch: Batch, wish: Wish) -> None:
        assert len(await self.gpu.submit(reply(batch, wish), Priority.REPLY).result()) == self.count


async def throughput(channels: Channels, rounds: int) -> tuple[float, dict[str, float]]:
    """One after another over at once, for sixteen; tokens a second of all numbers of channels. Prompts were read once
    before, as a channel's were."""
    wishes = [channels.wish(channel) for channel in range(max(CHANNELS))]
    batch = Batch(channels.network, PrefixCache(PREFIX_BYTES), kv_bytes=4 << 30)
    await channels.at_once(batch, wishes)
    alone, together = [], {count: [] for count in CHANNELS}
    for _ in range(rounds):
        alone.append(await timed(channels.one_by_one(batch, wishes)))
        for count in CHANNELS:
            together[count].append(await timed(channels.at_once(batch, wishes[:count])))
    figures = {
        f"tokens_per_s_{count}_channels": round(count * channels.count / statistics.median(seconds), 2)
        for count, seconds in together.items()
    }
    figures["tokens_per_s_one_after_another"] = round(len(wishes) * channels.count / statistics.median(alone), 2)
    return statistics.median(alone) / statistics.median(together[max(CHANNELS)]), figures


async def timed(work: Awaitable[object]) -> float:
    start = perf_counter()
    await work
    return perf_counter() - start


# --- one channel that goes on -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Channel:
    """A channel whose every turn is answered; the answers' first tokens are timed."""

    gpu: Gpu
    network: Network
    tokens: Tokens
    turns: int
    budget: int
    number: int

    async def times(self) -> dict[str, list[float]]:
        """Seconds to the first token of turn EARLY, of turns LATE, and of turn 20 with nothing remembered."""
        warm, cold = Batch(self.network, PrefixCache(PREFIX_BYTES)), Batch(self.network, PrefixCache(0))
        for turn in range(1, EARLY):
            await self._first(warm, turn)
        early = await timed(self._first(warm, EARLY))
        for turn in range(LATE.start - 3, LATE.start):  # what lies between leaves nothing that the late ones could use
            await self._first(warm, turn)
        late = [await timed(self._first(warm, turn)) for turn in LATE]
        without = await timed(self._first(cold, 20))
        return {"turn_2": [early], "late": late, "turn_20": [late[20 - LATE.start]], "turn_20_without_reuse": [without]}

    async def _first(self, batch: Batch, turn: int) -> None:
        whole = history(turn, self.number)
        said = whole[-window(len(whole), self.turns) :]
        messages = build_prompt(marigold(), said, budget=self.budget, count=lambda sent: len(self.tokens.prompt(sent)))
        params = SamplingParams(seed=1, max_tokens=1)
        wish = Wish(self.tokens.prompt(messages), params, self.tokens.decode, controls=frozenset())
        await self.gpu.submit(reply(batch, wish), Priority.REPLY).result()


def compared(rounds: Sequence[dict[str, list[float]]]) -> dict[str, float]:
    """The mean seconds of each kind of turn (and the median of late ones), and how many times turn 2 they are."""
    seconds = {kind: statistics.mean(chain.from_iterable(each[kind] for each in rounds)) for kind in rounds[0]}
    seconds["late_median"] = statistics.median(chain.from_iterable(each["late"] for each in rounds))
    named = {f"first_token_s_{kind}": value for kind, value in seconds.items()}
    return named | {
        f"{kind}_over_turn_2": value / seconds["turn_2"] for kind, value in seconds.items() if kind != "turn_2"
    }


# --- what is said -----------------------------------------------------------------------------------------------------


def marigold() -> Card:
    return load_persona("marigold", [ROOT / "personas"]).card


def history(count: int, channel: int) -> list[Turn]:
    """`count` messages of a member and the answers between them; the last one is NEWS, whatever came before."""
    turns = []
    for number in range(count):
        at = 1000.0 * channel + 10 * number
        text = NEWS if number == count - 1 else f"{SAID[(number + channel) % len(SAID)]} ({number})"
        turns.append(Turn(Role.USER, f"Robin{channel}", text, at))
        if number < count - 1:
            turns.append(Turn(Role.CHARACTER, "Marigold", f"{ANSWERED[(number + channel) % 3]} ({number})", at + 5))
    return turns


if __name__ == "__main__":
    main()
