"""What comes before every sampler: the tokens a grammar allows, bans, and biases. From a tensor to candidates."""

import math
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from inference.sampling.candidates import Candidates


def candidates_of(
    logits: Tensor,
    allowed: Tensor | None = None,
    bias: Mapping[int, float] | None = None,
    without: Collection[int] = (),
) -> Candidates:
    """All tokens that may be drawn at all.

    logits: (V,) of any float type, on any device; not modified. allowed: (V,) bool; None allows every token. bias: is
    added to these tokens' logits, -inf bans. without: more banned tokens. Raises ValueError when nothing is allowed, or
    a bias is for none of the V tokens.
    """
    assert logits.ndim == 1, f"one row of logits at a time, not {tuple(logits.shape)}"
    scores: NDArray[np.float32] = logits.detach().float().cpu().numpy()
    if bias or without:
        scores = _biased(scores, bias or {}, without)
    candidates = Candidates(None, scores)
    if allowed is not None:
        assert allowed.shape == logits.shape, f"{tuple(allowed.shape)} allowed for {tuple(logits.shape)} logits"
        candidates = candidates.keep(np.flatnonzero(allowed.cpu().numpy()))
        if not len(candidates):
            raise ValueError("No token may be drawn here: the grammar allows none.")
    return candidates


def _biased(scores: NDArray[np.float32], bias: Mapping[int, float], without: Collection[int]) -> NDArray[np.float32]:
    beyond = [token for token in (*bias, *without) if not 0 <= token < len(scores)]
    if beyond:
        raise ValueError(f"The sampler's logit_bias names token {beyond[0]}, but the model has {len(scores)} tokens.")
    scores = scores.copy()
    scores[list(bias)] += np.array(list(bias.values()), dtype=np.float32)
    scores[list(without)] = -math.inf
    return scores
