"""Reading a prompt, writing a reply, weighing options: the steps of a language model, as jobs for the device.

Knows token ids and probabilities; text comes in through `tokens.ReplyText`, the device through whoever runs the
steps. One step is one chunk of a prompt or one token of one reply.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Never

import torch
from torch import Tensor

from inference.cache import CHUNK, Past, PrefixCache
from inference.job import Steps
from inference.network import Network, Segment
from inference.sampling import Sampler, SamplingParams
from inference.tokens import ReplyText


def prefill(
    network: Network, prefixes: PrefixCache, tokens: Sequence[int], room: int
) -> Steps[Any, tuple[Past, Tensor]]:
    """Read a prompt chunk by chunk, leaving out the chunks that are known.

    Returns its past, with room for `room` more tokens, and the logits (V,) after its last token.
    """
    past = network.past(len(tokens) + room)
    done = prefixes.fill(past, tokens)
    while True:
        chunk = tokens[done : done + CHUNK]
        [logits] = network.read([Segment(past, chunk)])
        done += len(chunk)
        if len(chunk) == CHUNK:
            prefixes.keep(past, tokens[:done])
        if done == len(tokens):
            return past, logits
        yield None


def reply(
    network: Network,
    prefixes: PrefixCache,
    prompt: Sequence[int],
    params: SamplingParams,
    text: ReplyText,
    controls: frozenset[int],
) -> Steps[str, None]:
    """Write a reply to `prompt`, yielding its text in pieces.

    It ends with a control token (the model's end of turn, or the beginning of somebody else's), a stop string, or
    after max_tokens. The draws depend on params.seed and the prompt, on nothing else that the device does.
    """
    sampler = Sampler(params, [token for token in prompt if token not in controls])
    past, logits = yield from prefill(network, prefixes, prompt, params.max_tokens)
    for number in range(1, params.max_tokens + 1):
        token = sampler.draw(logits)
        if token in controls:
            break
        piece = text.push(token)
        if text.stopped:
            yield piece or None
            return
        yield piece or None
        if number < params.max_tokens:
            sampler.accept(token)
            [logits] = network.read([Segment(past, (token,))])
    yield text.flush() or None


def weigh(
    network: Network, prefixes: PrefixCache, prompt: Sequence[int], options: Sequence[Sequence[int]]
) -> Steps[Never, list[float]]:
    """How likely each of `options` (token ids, none empty) is after `prompt`.

    Returns the mean log-probability (nats) of each option's tokens: longer options are not at a disadvantage.
    """
    past, logits = yield from prefill(network, prefixes, prompt, 0)
    first = torch.log_softmax(logits.double(), 0)
    # What follows an option's last token does not matter, so that token is not read.
    longer = [option[:-1] for option in options if len(option) > 1]
    branches = [Segment(network.past(len(option), trunk=past), option, every=True) for option in longer]
    after = iter(network.read(branches) if branches else [])
    scores = []
    for option in options:
        total = first[option[0]]
        if len(option) > 1:
            rest = torch.log_softmax(next(after).double(), -1)
            total = total + rest.gather(1, torch.tensor(option[1:], device=rest.device)[:, None]).sum()
        scores.append(float(total) / len(option))
    return scores


def shift(scores: Sequence[float], bias: Sequence[float], weight: float) -> list[float]:
    """softmax(scores + weight·bias): a product of two experts, in log-space. Sums to 1."""
    logits = torch.tensor(scores, dtype=torch.float64) + weight * torch.tensor(bias, dtype=torch.float64)
    return [float(probability) for probability in torch.softmax(logits, 0)]


def pick(probabilities: Sequence[float], seed: int | None) -> int:
    """The index of the largest probability, or with a seed one drawn by them."""
    if seed is None:
        return max(range(len(probabilities)), key=probabilities.__getitem__)
    generator = torch.Generator().manual_seed(seed)
    uniform = float(torch.rand((), generator=generator, dtype=torch.float64))
    edges = list(accumulate(probabilities))
    return next((index for index, edge in enumerate(edges) if uniform * edges[-1] < edge), len(edges) - 1)
