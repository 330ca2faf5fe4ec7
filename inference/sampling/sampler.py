"""The draws of one reply, and the distribution they follow."""

import math
from collections.abc import Callable, Collection, Sequence

import numpy as np
import torch
from torch import Tensor

from inference.sampling.bias import candidates_of
from inference.sampling.candidates import Candidates, Floats, Ids
from inference.sampling.chain import Moment, left, steps, tosses
from inference.sampling.dry import Table
from inference.sampling.mirostat import surprise
from inference.sampling.params import SamplingParams

ROW = 512  # weights whose sum is looked at before they are
AHEAD = 8  # random numbers asked for at once, as one costs as much as all; of 16 torch would draw others
Resolve = Callable[[tuple[str, ...]], Table]


def distribution(
    logits: Tensor, params: SamplingParams, context: Sequence[int] = (), breakers: Resolve | None = None
) -> Tensor:
    """The probabilities the next token is drawn from.

    logits: (V,) of any float type, on any device; not modified. context: the token ids that count as said already.
    breakers: as in Sampler. Returns (V,) float32 on that device that sum to 1, zero where a cut removed the token.
    Temperature 0 gives a one-hot vector. Mirostat is at its beginning, mu = 2·tau.

    XTC tosses a coin for each token, so the token follows a mixture: xtc_probability times the distribution without
    the top choices, plus the rest times the one with them. That mixture is what is returned.
    """
    return Sampler(params, context, breakers).distribution(logits)


class Sampler:
    """The draws of one reply: parameters, generator, what was said, mirostat's mu.

        sampler = Sampler(params, prompt)
        token = sampler.draw(logits)
        sampler.accept(token)

    context: the token ids that count as said already, oldest first. breakers: gives the tokens of DRY's sequence
    breakers from their texts (breakers.Breakers); without it DRY has none. Raises nothing of its own; `draw` and
    `distribution` raise what bias.candidates_of does.
    """

    def __init__(self, params: SamplingParams, context: Sequence[int] = (), breakers: Resolve | None = None) -> None:
        self._resolve = breakers
        self._generator = torch.Generator()
        self._generator.manual_seed(params.seed) if params.seed is not None else self._generator.seed()
        self._numbers: list[float] = []
        self._said = _Said(context)
        self._mu = 2 * params.mirostat_tau
        self._before: list[tuple[SamplingParams, float]] = []  # parameters and mu before each accepted token
        self._judged: Candidates | None = None  # what mirostat was given when the last token was drawn
        self._adopt(params)

    @property
    def params(self) -> SamplingParams:
        """The parameters in force."""
        return self._params

    @property
    def mu(self) -> float:
        """Mirostat's bound on the surprise, in bits."""
        return self._mu

    def distribution(self, logits: Tensor, allowed: Tensor | None = None) -> Tensor:
        """The probabilities (V,) that `draw` would draw from now; as the function of this name."""
        params = self._params
        candidates = candidates_of(logits, allowed, params.logit_bias)
        shown = np.zeros(len(logits), dtype=np.float32)
        chances = ((True, params.xtc_probability), (False, 1 - params.xtc_probability))
        for falls, chance in chances if tosses(params) else ((False, 1.0),):
            kept = left(candidates, self._steps, params, self._moment(len(logits), falls))
            shown[slice(None) if kept.ids is None else kept.ids] += chance / kept.total * kept.weights
        return torch.from_numpy(shown).to(logits.device)

    def draw(self, logits: Tensor, allowed: Tensor | None = None, without: Collection[int] = ()) -> int:
        """The next token.

        allowed: (V,) bool, what a grammar allows; it and `without`, banned tokens, come before everything else.
        Each call uses up one number of the generator, and one more before it where XTC is on, whatever the
        probabilities are: the token is where their sums, in the order of ids, pass that number. So a seed draws the
        same reply on every device that computes the same logits.
        """
        falls = tosses(self._params) and self._uniform() < self._params.xtc_probability
        uniform = self._uniform()
        moment = self._moment(len(logits), falls)
        candidates = candidates_of(logits, allowed, self._params.logit_bias, without)
        kept = left(candidates, self._steps, self._params, moment)
        self._judged = moment.judged
        return kept.token(_place(kept.weights, uniform))

    def accept(self, token: int) -> None:
        """`token` was said. Mirostat learns from it if it was among what the last draw drew from."""
        self._before.append((self._params, self._mu))
        self._said.push(token)
        bits = None if self._judged is None else surprise(self._judged, token)
        if bits is not None:
            self._mu -= self._params.mirostat_eta * (bits - self._params.mirostat_tau)
        self._judged = None

    def undo(self, count: int) -> None:
        """Take the last `count` accepted tokens back: context, mu and parameters are as before the first of them.

        The generator goes on, so that what is drawn instead is a new draw.
        """
        assert 0 <= count <= len(self._before), f"{count} tokens to take back, {len(self._before)} accepted"
        if not count:
            return
        params, self._mu = self._before[-count]
        del self._before[-count:]
        self._said.pop(count)
        self._judged = None
        if params is not self._params:
            self._adopt(params)

    def switch(self, params: SamplingParams) -> None:
        """Other parameters from here on. Seed and context go on; mu too, unless mirostat's target is another one."""
        if (params.mirostat, params.mirostat_tau) != (self._params.mirostat, self._params.mirostat_tau):
            self._mu = 2 * params.mirostat_tau
        self._judged = None
        self._adopt(params)

    def _adopt(self, params: SamplingParams) -> None:
        self._params = params
        self._steps = steps(params)
        self._breakers: Table = {}
        if params.dry_multiplier > 0 and self._resolve is not None:
            self._breakers = self._resolve(params.dry_sequence_breakers)

    def _moment(self, vocabulary: int, falls: bool) -> Moment:
        return Moment(self._said.tokens, self._breakers, vocabulary, self._mu, falls)

    def _uniform(self) -> float:
        if not self._numbers:
            self._numbers = torch.rand(AHEAD, generator=self._generator, dtype=torch.float64).tolist()[::-1]
        return self._numbers.pop()


class _Said:
    """Token ids in an array that grows at its end and is cut there."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._array = np.array(tokens, dtype=np.int64)
        self._length = len(tokens)

    @property
    def tokens(self) -> Ids:
        return self._array[: self._length]

    def push(self, token: int) -> None:
        if self._length == len(self._array):
            self._array = np.concatenate([self._array, np.zeros(self._length + 256, dtype=np.int64)])
        self._array[self._length] = token
        self._length += 1

    def pop(self, count: int) -> None:
        self._length -= count


def _place(weights: Floats, uniform: float) -> int:
    """The place whose weight holds the point `uniform`, from 0 to below 1, of all weights laid end to end.

    Found among the sums of rows first, so that a whole vocabulary is not added up one by one.
    """
    starts = np.arange(0, len(weights), ROW)
    ends = np.add.reduceat(weights, starts, dtype=np.float64).cumsum()
    point = min(uniform * ends[-1], math.nextafter(ends[-1], 0))  # never the very end, which rounding may reach
    row = int(ends.searchsorted(point, side="right"))
    start = int(starts[row])
    within = weights[start : start + ROW].cumsum(dtype=np.float64) + (ends[row - 1] if row else 0.0)
    # the row's sum, added in another order, may have reached beyond the point by rounding alone
    last = int(weights[start : start + ROW].nonzero()[0][-1])
    return start + min(int(within.searchsorted(point, side="right")), last)
