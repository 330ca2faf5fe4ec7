"""Reading a prompt, writing a reply, weighing options: the steps of a language model, as jobs for the device.

Knows token ids and probabilities; text comes in through `tokens.ReplyText`, the device through whoever runs the
steps. One step is one chunk of a prompt or one token of one reply.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Never, Self

import torch
from torch import Tensor

from inference.cache import CHUNK, Memory, Past, PrefixCache, memory_of
from inference.job import Steps
from inference.sampling import SamplingParams, distribution, draw
from inference.tokens import ReplyText

PENALTY_WINDOW = 64  # tokens that the repetition penalty looks back, prompt included: llama.cpp's penalty_last_n


@dataclass(frozen=True, slots=True)
class Reader:
    """A causal language model of transformers and what it has read already.

    model: in eval mode, on its device; called as `model(input_ids, past_key_values=…, logits_to_keep=…)`.
    """

    model: Any
    memory: Memory
    prefixes: PrefixCache

    @classmethod
    def of(cls, model: Any, prefixes: PrefixCache) -> Self:
        """A reader for `model`; ModelMissing when it is of a kind whose memory cannot be reused."""
        return cls(model, memory_of(model), prefixes)

    def past(self, room: int) -> Past:
        """An empty past for `room` tokens."""
        return Past(self.memory.layers, room)

    def read(self, tokens: Sequence[int], past: Past) -> Tensor:
        """Append `tokens` to `past`; the logits (V,) after the last of them."""
        ids = torch.tensor([tokens], device=self.model.device)  # (1, T)
        logits: Tensor = self.model(input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1).logits
        return logits[0, -1]

    def read_branches(self, branches: Sequence[Sequence[int]], past: Past) -> list[Tensor]:
        """Read token sequences that each continue `past`; the logits (len, V) after each of their tokens.

        `past` is as it was afterwards, and needs room for all of them together.
        """
        start = past.get_seq_length()
        if not self.memory.sliding:
            logits = self._read_side_by_side(branches, past)
            past.rewind(start)
            return logits
        one_by_one = []
        for branch in branches:
            ids = torch.tensor([branch], device=self.model.device)
            one_by_one.append(self.model(input_ids=ids, past_key_values=past, use_cache=True).logits[0])
            past.rewind(start)
        return one_by_one

    def _read_side_by_side(self, branches: Sequence[Sequence[int]], past: Past) -> list[Tensor]:
        """The branches one after another in a single row; a mask lets a token see the past and its own branch."""
        start, model = past.get_seq_length(), self.model
        lengths = [len(branch) for branch in branches]
        branch_of = torch.repeat_interleave(torch.tensor(lengths))  # (T,): to which branch a token belongs
        total = len(branch_of)
        own = (branch_of[:, None] == branch_of[None, :]).tril()  # (T, T)
        seen = torch.cat([torch.ones(total, start, dtype=torch.bool), own], dim=1)
        mask = torch.zeros(1, 1, total, start + total, dtype=model.dtype)
        mask.masked_fill_(~seen, torch.finfo(model.dtype).min)
        positions = torch.cat([torch.arange(start, start + length) for length in lengths])
        logits: Tensor = model(
            input_ids=torch.tensor([[token for branch in branches for token in branch]], device=model.device),
            attention_mask=mask.to(model.device),
            position_ids=positions[None].to(model.device),
            past_key_values=past,
            use_cache=True,
        ).logits
        return list(torch.split(logits[0], lengths))


def prefill(reader: Reader, tokens: Sequence[int], room: int) -> Steps[Any, tuple[Past, Tensor]]:
    """Read a prompt chunk by chunk, leaving out the chunks that are known.

    Returns its past, with room for `room` more tokens, and the logits (V,) after its last token.
    """
    past = reader.past(len(tokens) + room)
    done = reader.prefixes.fill(past, tokens)
    while True:
        chunk = tokens[done : done + CHUNK]
        logits = reader.read(chunk, past)
        done += len(chunk)
        if len(chunk) == CHUNK:
            reader.prefixes.keep(past, tokens[:done])
        if done == len(tokens):
            return past, logits
        yield None


def reply(
    reader: Reader,
    prompt: Sequence[int],
    params: SamplingParams,
    text: ReplyText,
    controls: frozenset[int],
) -> Steps[str, None]:
    """Write a reply to `prompt`, yielding its text in pieces.

    It ends with a control token (the model's end of turn, or the beginning of somebody else's), a stop string, or
    after max_tokens. The draws depend on params.seed and the prompt, on nothing else that the device does.
    """
    generator = torch.Generator()
    generator.manual_seed(params.seed) if params.seed is not None else generator.seed()
    past, logits = yield from prefill(reader, prompt, params.max_tokens)
    recent = [token for token in prompt[-PENALTY_WINDOW:] if token not in controls]
    for number in range(1, params.max_tokens + 1):
        token = draw(distribution(logits, params, recent), generator)
        if token in controls:
            break
        piece = text.push(token)
        if text.stopped:
            yield piece or None
            return
        yield piece or None
        if number < params.max_tokens:
            recent = [*recent, token][-PENALTY_WINDOW:]
            logits = reader.read([token], past)
    yield text.flush() or None


def weigh(reader: Reader, prompt: Sequence[int], options: Sequence[Sequence[int]]) -> Steps[Never, list[float]]:
    """How likely each of `options` (token ids, none empty) is after `prompt`.

    Returns the mean log-probability (nats) of each option's tokens: longer options are not at a disadvantage.
    """
    room = sum(len(option) - 1 for option in options)
    past, logits = yield from prefill(reader, prompt, room)
    first = torch.log_softmax(logits.double(), 0)
    # What follows an option's last token does not matter, so that token is not read.
    longer = [option[:-1] for option in options if len(option) > 1]
    after = iter(reader.read_branches(longer, past) if longer else [])
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
