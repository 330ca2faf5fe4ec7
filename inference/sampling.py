"""From logits to the probabilities a token is drawn from, exactly.

The chain, in llama.cpp's default order (common/common.h, `samplers`): repetition penalty, top-k, top-p, min-p,
temperature. The cuts see the probabilities at temperature 1; temperature then reshapes what was kept, so that a hot
sampler never lets the tail back in.

The whole vocabulary is never sorted unless it must be: min-p is a threshold on logits, and top-p is decided inside
the WINDOW largest logits, whose true mass a logsumexp over the vocabulary gives; the window widens until it holds the
nucleus, which for a language model it nearly always does at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

WINDOW = 256
ROUNDING = 1e-7  # a nucleus whose mass misses top_p by less than this has reached it: 0.5 + 0.3 is 0.8


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How a reply is drawn. Every value at its neutral setting leaves the model's distribution as it is.

    temperature: 0 always takes the likeliest token; 1 is neutral.
    top_k: keep the k likeliest tokens; 0 is neutral.
    top_p: keep the smallest set of likeliest tokens whose probability reaches top_p (never none); 1 is neutral.
    min_p: keep tokens at least min_p times as likely as the likeliest; 0 is neutral.
    repetition_penalty: seen tokens' positive logits are divided by it, negative ones multiplied; 1 is neutral
        (CTRL, arXiv 1909.05858, in transformers' form).
    max_tokens: the reply's length at most. stop: the reply ends before the first of these strings.
    seed: the same seed draws the same reply; None draws a new one each time.

    Raises ValueError with a sentence that names the value.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.05
    repetition_penalty: float = 1.1
    max_tokens: int = 220
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        _check(self.temperature >= 0 and math.isfinite(self.temperature), "temperature", "0 or more", self.temperature)
        _check(self.top_k >= 0, "top_k", "0 or more", self.top_k)
        _check(0 <= self.top_p <= 1, "top_p", "between 0 and 1", self.top_p)
        _check(self.min_p >= 0, "min_p", "0 or more", self.min_p)
        _check(
            self.repetition_penalty > 0 and math.isfinite(self.repetition_penalty),
            "repetition_penalty",
            "more than 0",
            self.repetition_penalty,
        )
        _check(self.max_tokens >= 1, "max_tokens", "1 or more", self.max_tokens)
        _check(all(self.stop), "stop", "made of strings that are not empty", self.stop)


def _check(holds: bool, name: str, expected: str, value: object) -> None:
    if not holds:
        raise ValueError(f"The sampler's {name} must be {expected}, not {value!r}.")


def distribution(logits: Tensor, params: SamplingParams, context: Sequence[int] = ()) -> Tensor:
    """The probabilities the next token is drawn from.

    logits: (V,) of any float type, on any device; not modified. context: the token ids that count as said already.
    Returns (V,) float32 that sum to 1, zero where a cut removed the token. Temperature 0 gives a one-hot vector.
    """
    assert logits.ndim == 1, f"one row of logits at a time, not {tuple(logits.shape)}"
    scores = penalised(logits.float(), params.repetition_penalty, context)
    if params.temperature == 0:
        return torch.zeros_like(scores).index_fill_(0, scores.argmax(), 1.0)
    ids, kept = _cut(scores, params)
    # float64: 49,152 float32 terms would sum to 1 only within 1e-5
    probabilities = torch.softmax(kept.double() / params.temperature, 0).float()
    return probabilities if ids is None else torch.zeros_like(scores).index_copy_(0, ids, probabilities)


def penalised(scores: Tensor, penalty: float, context: Sequence[int]) -> Tensor:
    """`scores` (V,) float32, not modified, with the tokens of `context` less likely, each once however often seen."""
    if penalty == 1.0 or not context:
        return scores
    seen = torch.tensor(sorted(set(context)), device=scores.device)
    values = scores[seen]
    return scores.index_copy(0, seen, torch.where(values < 0, values * penalty, values / penalty))


def draw(probabilities: Tensor, generator: torch.Generator) -> int:
    """One token id from `probabilities` (V,), by inverting their cumulative sum at one uniform number.

    generator: a CPU generator, one number of which is used up whatever the probabilities are; so the same seed draws
    the same token on every device that computes the same probabilities.
    """
    ids = probabilities.nonzero().squeeze(1)
    uniform = torch.rand((), generator=generator, dtype=torch.float64)
    if len(ids) == 1:
        return int(ids)
    cumulative = probabilities[ids].double().cumsum(0).cpu()
    place = torch.searchsorted(cumulative, uniform * cumulative[-1], right=True)
    return int(ids[min(int(place), len(ids) - 1)])


def _cut(scores: Tensor, params: SamplingParams) -> tuple[Tensor | None, Tensor]:
    """The ids and scores that top-k, top-p and min-p leave, in that order; ids None when nothing was looked up."""
    ids: Tensor | None = None
    kept = scores
    if 0 < params.top_k < len(scores):
        kept, ids = torch.topk(scores, params.top_k)
    if params.top_p < 1:
        kept, places = _nucleus(kept, params.top_p)
        ids = places if ids is None else ids[places]
    if params.min_p > 0:
        # p >= min_p * p_max, in logits; above 1 the likeliest token is kept all the same
        floor = kept.max() + min(math.log(params.min_p), 0.0)
        places = (kept >= floor).nonzero().squeeze(1)
        kept, ids = kept[places], places if ids is None else ids[places]
    return ids, kept


def _nucleus(scores: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The smallest set of largest scores whose probability reaches top_p: (scores, places), largest first."""
    total = torch.logsumexp(scores.double(), 0)
    window = WINDOW
    while True:
        values, places = torch.topk(scores, min(window, len(scores)))
        mass = (values.double() - total).exp().cumsum(0)
        if mass[-1] >= top_p - ROUNDING or len(values) == len(scores):
            break
        window *= 16
    # how many do not reach top_p yet, and the one that does
    count = int((mass < top_p - ROUNDING).sum()) + 1
    return values[:count], places[:count]
