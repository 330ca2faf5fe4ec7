"""How long the roleplay chain takes to draw a token: ours against transformers' warpers and a sort-based mirostat 2.

Repetition penalty, temperature, min-p, top-p and mirostat 2, in this order on both sides, over logits like a language
model's (Zipf), nearly certain ones (peaked), undecided ones (flat) and many equally good ones (plateau), with short
and long contexts. Every turn draws from the same logits; before anything is timed, both sides' distributions are
compared. The ratio told is that of the Zipf-like logits over the larger vocabulary; the others are among the figures.
The time of a token is measured on the starter model, whose vocabulary is the smaller one here.

    python -m bench.sample [--json] [--record] [--rounds 5] [--draws 20] [--threads 1]
"""

import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from bench.report import ROOT, finish, interleaved, parser
from inference.family import network_of
from inference.loader import load
from inference.network import Segment
from inference.sampling import Sampler, SamplingParams

BIG, SMALL = 151_936, 49_152  # Qwen's vocabulary and SmolLM2's
CONTEXTS = (0, 64, 2000)  # tokens that the repetition penalty looks back
PARAMS = SamplingParams(
    temperature=1.2,
    top_p=0.95,
    min_p=0.02,
    repetition_penalty=1.15,
    penalty_last_n=-1,
    mirostat=2,
    mirostat_tau=5.0,
    samplers=("penalties", "temperature", "min_p", "top_p", "mirostat"),
    seed=1,
)


class SortedChain:
    """The usual way: transformers' warpers, then mirostat 2 over all tokens in order of probability."""

    def __init__(self, params: SamplingParams, context: Sequence[int]) -> None:
        self._warpers = LogitsProcessorList(
            [
                RepetitionPenaltyLogitsProcessor(params.repetition_penalty),
                TemperatureLogitsWarper(params.temperature),
                MinPLogitsWarper(params.min_p),
                TopPLogitsWarper(params.top_p),
            ]
        )
        self._params = params
        self._context = torch.tensor([context], dtype=torch.long)
        self._mu = 2 * params.mirostat_tau
        self._generator = torch.Generator().manual_seed(params.seed or 0)

    def distribution(self, logits: Tensor) -> Tensor:
        """The probabilities (V,) it would draw from now."""
        kept, order, _ = self._kept(logits)
        return torch.zeros_like(logits).scatter_(0, order[: len(kept)], kept)

    def draw(self, logits: Tensor) -> int:
        """The next token; mu learns from it."""
        kept, order, surprise = self._kept(logits)
        place = int(torch.multinomial(kept, 1, generator=self._generator))
        self._mu -= self._params.mirostat_eta * (float(surprise[place]) - self._params.mirostat_tau)
        token = int(order[place])
        self._context = torch.cat([self._context, torch.tensor([[token]])], dim=1)
        return token

    def _kept(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities of what is kept, the ids of all tokens, their surprise in bits; each likeliest first."""
        scores, order = torch.sort(self._warpers(self._context, logits[None])[0], descending=True)
        surprise = -torch.log_softmax(scores, 0) / math.log(2)
        count = max(int((surprise <= self._mu).sum()), 1)
        return torch.softmax(scores[:count], 0), order, surprise


class OurChain:
    """The engine's sampler."""

    def __init__(self, params: SamplingParams, context: Sequence[int]) -> None:
        self._sampler = Sampler(params, context)
        self.distribution = self._sampler.distribution

    def draw(self, logits: Tensor) -> int:
        """The next token; mu learns from it."""
        token = self._sampler.draw(logits)
        self._sampler.accept(token)
        return token


def main() -> None:
    options = parser("Microseconds per drawn token: the engine's sampler against transformers' warpers with sort.")
    options.add_argument("--draws", type=int, default=20, help="tokens drawn from each logits in a turn (default 20)")
    options.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    options.add_argument("--cache", type=Path, default=ROOT / "state" / "cache", help="folder of converted models")
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    figures: dict[str, float | int | str] = {}
    for vocabulary in (BIG, SMALL):
        sets = logit_sets(vocabulary)
        different, distance = agreement(list(sets.values()))
        figures |= {f"different_support_{vocabulary}": different, f"total_variation_{vocabulary}": distance}
        for shape, logits in sets.items():
            theirs_s, ours_s = timed(logits, arguments.rounds, arguments.draws)
            name = f"{shape}_{vocabulary}"
            figures |= {f"warpers_us_{name}": round(1e6 * theirs_s, 1), f"ours_us_{name}": round(1e6 * ours_s, 1)}
            figures[f"ratio_{name}"] = round(theirs_s / ours_s, 1)
    token_s = token_time(arguments.cache)
    figures["starter_token_us"] = round(1e6 * token_s, 1)
    figures["share_of_a_starter_token"] = round(float(figures[f"ours_us_zipf_{SMALL}"]) / (1e6 * token_s), 4)
    finish("sample", float(figures[f"ratio_zipf_{BIG}"]), figures, arguments)


def logit_sets(vocabulary: int) -> dict[str, Tensor]:
    """Logits (V,) of four shapes, always the same."""
    generator = torch.Generator().manual_seed(7)
    ranks = torch.arange(1, vocabulary + 1)[torch.randperm(vocabulary, generator=generator)]
    noise = torch.randn(vocabulary, generator=generator)
    zipf = 12 - 1.1 * ranks.log() + 0.5 * noise
    return {
        "zipf": zipf,
        "peaked": 3 * zipf,
        "flat": 0.5 * noise,
        "plateau": torch.where(ranks <= 300, 8 + 0.5 * noise, noise),
    }


def contexts(logits: Tensor) -> list[list[int]]:
    """Contexts of several lengths, in which likely tokens come up again and again as they do in a chat."""
    generator = torch.Generator().manual_seed(3)
    likely = logits.topk(200).indices
    mixed = torch.cat([likely, torch.randint(len(logits), (200,), generator=generator)])
    return [mixed[torch.randint(400, (length,), generator=generator)].tolist() for length in CONTEXTS]


def agreement(sets: Sequence[Tensor]) -> tuple[int, float]:
    """Tokens that one side keeps and the other does not, in all; the largest total-variation distance."""
    different, distance = 0, 0.0
    for logits in sets:
        for context in contexts(logits):
            ours, theirs = (side(PARAMS, context).distribution(logits) for side in (OurChain, SortedChain))
            different += int(((ours > 0) != (theirs > 0)).sum())
            distance = max(distance, float((ours.double() - theirs.double()).abs().sum()) / 2)
    return different, distance


def timed(logits: Tensor, rounds: int, draws: int) -> tuple[float, float]:
    """Median seconds per token of the warpers and of ours, at a context of the middle length."""
    context = contexts(logits)[1]

    def side(chain: type[SortedChain | OurChain]) -> Callable[[], object]:
        def turn() -> None:
            fresh = chain(PARAMS, context)  # what is drawn changes what is drawn next
            for _ in range(draws):
                fresh.draw(logits)

        return turn

    with torch.inference_mode():
        seconds = interleaved(side(SortedChain), side(OurChain), rounds)
    theirs, ours = (statistics.median(side) / draws for side in seconds)
    return theirs, ours


def token_time(cache: Path, count: int = 32) -> float:
    """Median seconds in which the starter model reads one token of a reply."""
    network = network_of(load("starter", cache).model)
    past = network.past(2 * count)
    seconds = []
    with torch.inference_mode():
        for token in range(2 * count):
            start = perf_counter()
            network.read([Segment(past, (100 + token,))])
            seconds.append(perf_counter() - start)
    return statistics.median(seconds[count:])


if __name__ == "__main__":
    main()
