"""Writing replies: the steps of one, and of several that share their prompt, as jobs for the device.

One step is one chunk of a prompt or one token of each of the job's replies; the reading of tokens is shared with all
other jobs (inference/batch.py). Knows token ids; messages and names of models are the engine's business.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Never

from inference.batch import Batch, Row
from inference.job import Steps
from inference.prefill import prefill
from inference.weigh import likelihoods
from inference.writer import Ended, Wish, Writer


@dataclass(frozen=True, slots=True)
class Draft:
    """One of several replies to the same prompt.

    ended: "end" when the model ended its turn, "stop" at a stop string, "length" when it was cut off.
    likelihood: mean log-probability (nats) of its tokens after the prompt, by the model without sampler or guidance;
    against: the same after another prompt, if one was given. Both are 0 for a reply of no token.
    """

    text: str
    ended: Ended
    likelihood: float
    against: float | None


def reply(batch: Batch, wish: Wish, writers: list[Writer] | None = None) -> Steps[str, list[int]]:
    """Write one reply, yielding its text in pieces; returns its tokens.

    Its draws depend on the wish, on nothing else the device does. writers: a list, empty at first; a second call with
    the list of one that ran out of memory goes on where that one was.
    """
    writers = [] if writers is None else writers
    share = batch.network.form.token_bytes * _tokens(wish, 1)
    yield from batch.budget.take(share)
    try:
        yield from _begin(batch, wish, [wish.params.seed], writers)
        while writers[0].ended is None:
            yield writers[0].write() or None
        return writers[0].tokens
    finally:
        _leave(batch, writers)
        batch.budget.give(share)


def drafts(
    batch: Batch, wish: Wish, count: int, against: Sequence[int] | None, writers: list[Writer] | None = None
) -> Steps[Never, list[Draft]]:
    """Write `count` replies side by side behind one prompt, each with its own draws; weigh them `against` another.

    writers: as for `reply`.
    """
    writers = [] if writers is None else writers
    behind = 0 if against is None else len(against) + count * wish.params.max_tokens
    share = batch.network.form.token_bytes * max(_tokens(wish, count), behind)
    yield from batch.budget.take(share)
    try:
        seeds = [seed_of(wish.params.seed, number) for number in range(count)]
        yield from _begin(batch, wish, seeds, writers, weighed=True)
        while unfinished := [writer for writer in writers if writer.ended is None]:
            for writer in unfinished:
                writer.write()
            yield None
        for writer in writers:
            writer.rows.clear()  # their pasts are no longer needed; what follows has others
        scores = yield from _against(batch, wish, against, [writer.tokens for writer in writers])
        return [_draft(writer, score) for writer, score in zip(writers, scores, strict=True)]
    finally:
        _leave(batch, writers)
        batch.budget.give(share)


def _against(
    batch: Batch, wish: Wish, prompt: Sequence[int] | None, replies: Sequence[Sequence[int]]
) -> Steps[Any, list[float] | list[None]]:
    """The mean log-probability (nats) of each reply after `prompt`; None of each without one."""
    if prompt is None:
        return [None] * len(replies)
    trunk, logits = yield from prefill(batch.network, batch.prefixes, prompt, 0, wish.adapter)
    scores = yield from likelihoods(batch, trunk, logits, replies, wish.adapter)
    return [_mean(each) for each in scores]


def seed_of(seed: int | None, number: int) -> int | None:
    """The seed of draft `number`: the first one has the reply's own, so that it is the reply; None stays None."""
    if seed is None or number == 0:
        return seed
    return int.from_bytes(hashlib.blake2b(f"{seed} {number}".encode(), digest_size=7).digest())


def _begin(
    batch: Batch, wish: Wish, seeds: Sequence[int | None], writers: list[Writer], *, weighed: bool = False
) -> Steps[Any, None]:
    """Read the prompts and put a writer for each of `seeds` into `writers`; or let those that are there go on."""
    if writers:
        for writer in writers:
            writer.rejoin()
        return
    rows = yield from _rows(batch, wish, wish.prompt, len(seeds))
    negatives: list[Row] | list[None] = [None] * len(seeds)
    if wish.negative is not None:
        yield None
        negatives = yield from _rows(batch, wish, wish.negative, len(seeds))
    for seed, row, negative in zip(seeds, rows, negatives, strict=True):
        writers.append(Writer(wish, batch, row, negative, seed, weighed=weighed))


def _rows(batch: Batch, wish: Wish, prompt: Sequence[int], count: int) -> Steps[Any, list[Row]]:
    """Rows that have read `prompt`: one that goes on in its past, or several that share it as their trunk."""
    room = wish.params.max_tokens
    past, logits = yield from prefill(batch.network, batch.prefixes, prompt, room if count == 1 else 0, wish.adapter)
    pasts = [past] if count == 1 else [batch.network.past(room, past) for _ in range(count)]
    return [Row(past, logits, wish.adapter) for past in pasts]


def _leave(batch: Batch, writers: Sequence[Writer]) -> None:
    for writer in writers:
        batch.leave(writer.rows)


def _tokens(wish: Wish, count: int) -> int:
    """Tokens that writing `count` replies keeps at most."""
    prompts = [wish.prompt, *([] if wish.negative is None else [wish.negative])]
    return sum(len(prompt) + count * wish.params.max_tokens for prompt in prompts)


def _draft(writer: Writer, against: float | None) -> Draft:
    assert writer.ended is not None, "a draft is taken when it has ended"
    return Draft(writer.text.visible, writer.ended, _mean(writer.likelihoods), against)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
