"""Every sampler by its definition, in sorted lists of Python floats: what the fast ones must equal.

`plain` is one step of `samplers`, `plain_probabilities` the whole chain, `PlainSampler` the draws of a reply with the
same random numbers in the same order as `Sampler`.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import torch

from inference.sampling import SamplingParams
from inference.sampling.dry import Table

Scores = dict[int, float]  # token -> logit, of those that may be drawn


def probabilities(scores: Scores) -> dict[int, float]:
    top = max(scores.values())
    weights = {token: math.exp(score - top) for token, score in scores.items()}
    total = math.fsum(weights.values())
    return {token: weight / total for token, weight in weights.items()}


def likeliest_first(scores: Scores) -> list[int]:
    return sorted(scores, key=lambda token: (-scores[token], token))


def only(scores: Scores, tokens: Sequence[int]) -> Scores:
    return {token: scores[token] for token in sorted(tokens)}


def penalties(scores: Scores, p: SamplingParams, said: Sequence[int]) -> Scores:
    last = list(said) if p.penalty_last_n < 0 else list(said)[len(said) - min(p.penalty_last_n, len(said)) :]
    changed = dict(scores)
    for token in set(last) & set(scores):
        score = scores[token]
        score = score / p.repetition_penalty if score > 0 else score * p.repetition_penalty
        changed[token] = score - p.presence_penalty - p.frequency_penalty * last.count(token)
    return changed


def dry(scores: Scores, p: SamplingParams, said: Sequence[int], breakers: Table) -> Scores:
    """Every place where the last tokens stood before; the reach ends at the last breaker."""
    last = list(said) if p.dry_penalty_last_n < 0 else list(said)[len(said) - min(p.dry_penalty_last_n, len(said)) :]
    reach = len(last)
    for start in reversed(range(len(last))):
        fits = [t for t in breakers.get(last[start], ()) if tuple(last[start + 1 : start + 1 + len(t)]) == tuple(t)]
        if fits:
            reach = len(last) - 1 - start - max(map(len, fits))
            break
    longest: dict[int, int] = {}
    for place in range(len(last) - 1):
        length = 0
        while length < min(reach, place + 1) and last[place - length] == last[-1 - length]:
            length += 1
        if length >= p.dry_allowed_length:
            longest[last[place + 1]] = max(length, longest.get(last[place + 1], 0))
    changed = dict(scores)
    for token, length in longest.items():
        if token in scores and () not in breakers.get(token, ()):
            changed[token] -= p.dry_multiplier * p.dry_base ** (length - p.dry_allowed_length)
    return changed


def reaching(order: Sequence[int], p: dict[int, float], share: float) -> list[int]:
    """The beginning of `order` whose probability reaches `share`."""
    kept, mass = [], 0.0
    for token in order:
        kept.append(token)
        mass += p[token]
        if mass >= share - 1e-7:
            break
    return kept


def typical_p(scores: Scores, share: float) -> Scores:
    p = probabilities(scores)
    entropy = -math.fsum(p[token] * math.log(p[token]) for token in p if p[token] > 0)
    top = max(scores.values())
    log_total = top + math.log(math.fsum(math.exp(score - top) for score in scores.values()))
    off = {token: abs(log_total - score - entropy) for token, score in scores.items()}
    return only(scores, reaching(sorted(scores, key=lambda token: (off[token], token)), p, share))


def top_n_sigma(scores: Scores, count: float) -> Scores:
    mean = math.fsum(scores.values()) / len(scores)
    sigma = math.sqrt(math.fsum((score - mean) ** 2 for score in scores.values()) / len(scores))
    top = max(scores.values())
    return only(scores, [token for token, score in scores.items() if score >= top - count * sigma])


def xtc(scores: Scores, threshold: float) -> Scores:
    p = probabilities(scores)
    likely = [token for token in likeliest_first(scores) if p[token] >= threshold]
    return only(scores, [token for token in scores if token not in likely[:-1]])


def temperature(scores: Scores, p: SamplingParams) -> Scores:
    heat = p.temperature
    if heat > 0 and p.dynatemp_range > 0 and len(scores) > 1:
        share = probabilities(scores)
        entropy = -math.fsum(share[token] * math.log(share[token]) for token in share if share[token] > 0)
        low, high = max(0.0, heat - p.dynatemp_range), heat + p.dynatemp_range
        heat = low + (high - low) * (max(entropy, 0.0) / math.log(len(scores))) ** p.dynatemp_exponent
    elif heat > 0 and p.dynatemp_range > 0:
        return scores
    if heat == 0:
        return only(scores, likeliest_first(scores)[:1])
    return {token: score / heat for token, score in scores.items()}


def mirostat(scores: Scores, p: SamplingParams, mu: float, vocabulary: int) -> Scores:
    share, order = probabilities(scores), likeliest_first(scores)
    if p.mirostat == 2:
        return only(scores, [token for token in order if -math.log2(max(share[token], 1e-300)) <= mu] or order[:1])
    best = [scores[token] for token in order[:100]]
    if len(best) == 1:
        return scores
    t = [math.log((rank + 1) / rank) for rank in range(1, len(best))]
    b = [more - less for more, less in pairwise(best)]
    s = math.fsum(x * y for x, y in zip(t, b, strict=True)) / math.fsum(x * x for x in t)
    k = (((s - 1) * 2**mu) / (1 - vocabulary ** (1 - s))) ** (1 / s)
    return only(scores, order[: max(int(k), 1)])


def plain(name: str, scores: Scores, p: SamplingParams, said: Sequence[int], mu: float, falls: bool, table: Table,
          vocabulary: int) -> Scores:  # fmt: skip
    """What the sampler `name` makes of the scores."""
    order, share = likeliest_first(scores), probabilities(scores)
    match name:
        case "penalties":
            return penalties(scores, p, said)
        case "dry":
            return dry(scores, p, said, table) if p.dry_multiplier > 0 else scores
        case "top_n_sigma":
            return top_n_sigma(scores, p.top_n_sigma) if p.top_n_sigma > 0 else scores
        case "top_k":
            return only(scores, order[: p.top_k or None])
        case "typical_p":
            return typical_p(scores, p.typical_p) if p.typical_p < 1 else scores
        case "top_p":
            return only(scores, reaching(order, share, p.top_p)) if p.top_p < 1 else scores
        case "min_p":
            floor = min(p.min_p, 1.0) * share[order[0]]
            return only(scores, [token for token in order if share[token] >= floor])
        case "xtc":
            return xtc(scores, p.xtc_threshold) if falls else scores
        case "temperature":
            return temperature(scores, p)
        case "mirostat":
            return mirostat(scores, p, mu, vocabulary) if p.mirostat else scores
    raise AssertionError(f"no sampler {name!r}")


class PlainSampler:
    """`Sampler`, slowly."""

    def __init__(self, params: SamplingParams, context: Sequence[int] = (), breakers: Table | None = None) -> None:
        self.params = params
        self.said = list(context)
        self.mu = 2 * params.mirostat_tau
        self._breakers = breakers or {}
        self._generator = torch.Generator().manual_seed(params.seed or 0)

    def draw(self, logits: torch.Tensor) -> int:
        """The next token, said and learnt from at once."""
        xtc_is_on = self.params.xtc_probability > 0 and "xtc" in self.params.samplers
        falls = xtc_is_on and self._uniform() < self.params.xtc_probability
        point, seen = self._uniform(), {}
        scores = {token: score for token, score in enumerate(logits.tolist()) if score > -math.inf}
        for name in self.params.samplers:
            seen = probabilities(scores) if name == "mirostat" else seen
            scores = plain(name, scores, self.params, self.said, self.mu, falls, self._breakers, len(logits))
        shares = list(probabilities(scores).items())
        ends = accumulate(share for _, share in shares)
        token = next((token for (token, _), end in zip(shares, ends, strict=True) if end > point), shares[-1][0])
        if self.params.mirostat:
            self.mu -= self.params.mirostat_eta * (-math.log2(seen[token]) - self.params.mirostat_tau)
        self.said.append(token)
        return token

    def _uniform(self) -> float:
        return float(torch.rand((), generator=self._generator, dtype=torch.float64))


def plain_probabilities(
    logits: torch.Tensor, params: SamplingParams, context: Sequence[int] = (), breakers: Table | None = None
) -> list[float]:
    """`distribution`, slowly; XTC's mixture included."""
    if params.xtc_probability > 0 and "xtc" in params.samplers:
        on = plain_probabilities(logits, replace(params, xtc_probability=0.0), context, breakers)
        off = _chain(logits, params, context, True, breakers)
        chance = params.xtc_probability
        return [chance * a + (1 - chance) * b for a, b in zip(off, on, strict=True)]
    return _chain(logits, params, context, False, breakers)


def _chain(
    logits: torch.Tensor, params: SamplingParams, context: Sequence[int], falls: bool, breakers: Table | None
) -> list[float]:
    scores = {token: score for token, score in enumerate(logits.tolist()) if score > -math.inf}
    for name in params.samplers:
        scores = plain(name, scores, params, context, 2 * params.mirostat_tau, falls, breakers or {}, len(logits))
    share = probabilities(scores)
    return [share.get(token, 0.0) for token in range(len(logits))]
