"""Mirostat (Basu et al., ICLR 2021, arXiv 2007.14966): text that stays about as surprising as one wishes.

A token's surprise is -log2 p, in bits. tau is the surprise wished for, mu the bound on it that is being enforced; it
begins at 2·tau and after each token moves against the error: mu <- mu - eta·(observed surprise - tau).

The observed surprise is taken under the probabilities that mirostat was given, before its own cut, as the paper does:
so it is the perplexity of what is read that comes to 2^tau. (llama.cpp takes it after the cut.)
"""

import math

import numpy as np

from inference.sampling.candidates import Candidates

LIKELIEST = 100  # tokens from which the exponent of Zipf's law is estimated: m in the paper


def mirostat_1(candidates: Candidates, mu: float, vocabulary: int) -> Candidates:
    """The k likeliest tokens, k from a Zipf law fitted to the likeliest 100 (algorithm 1 of the paper).

    k = (e·2^mu / (1 - N^-e))^(1/s), e = s - 1, N tokens in the `vocabulary`; rounded down, one at least.
    """
    candidates = candidates.finite()
    if len(candidates) == 1:
        return candidates
    exponent = zipf_exponent(candidates)
    excess = exponent - 1
    # e / (1 - N^-e) tends to 1 / log N as e tends to 0
    ratio = excess / -math.expm1(-excess * math.log(vocabulary)) if abs(excess) > 1e-9 else 1 / math.log(vocabulary)
    log_k = mu * math.log(2) + math.log(ratio)
    if log_k >= exponent * math.log(len(candidates)):
        return candidates
    count = int(math.exp(log_k / exponent)) if log_k > 0 else 1
    return candidates.likeliest(max(count, 1))


def zipf_exponent(candidates: Candidates) -> float:
    """s of p(rank) ∝ rank^-s, by least squares on the steps between neighbours among the 100 likeliest."""
    likeliest = candidates.likeliest(LIKELIEST)
    log_p = np.sort(likeliest.changeable().astype(np.float64))[::-1]  # but for a constant
    ranks = np.arange(1, len(log_p) + 1)
    steps = np.log(ranks[1:] / ranks[:-1])
    return float(steps @ (log_p[:-1] - log_p[1:]) / (steps @ steps))


def mirostat_2(candidates: Candidates, mu: float) -> Candidates:
    """The tokens whose surprise is at most mu; the likeliest where there is none.

    -log2 p <= mu is a floor under the logits, so nothing is sorted.
    """
    return candidates.from_logit(candidates.log_total - mu * math.log(2))


def surprise(candidates: Candidates, token: int) -> float | None:
    """-log2 of the token's probability among `candidates`; None where it cannot be drawn from them."""
    places = candidates.places(np.array([token]))
    if not len(places) or candidates.values[places[0]] == -math.inf:
        return None
    return (candidates.log_total - float(candidates.values[places[0]]) * candidates.scale) / math.log(2)
