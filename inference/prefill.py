"""Reading a prompt, chunk by chunk, so that a long one does not keep the others waiting.

One chunk is one step, and is never read together with rows that write: so what a prompt computes is the same to the
last bit whether its beginning was in the cache or not, whoever else is writing.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from inference.cache import CHUNK, Past, PrefixCache
from inference.job import Steps
from inference.network import Network, Segment


def prefill(
    network: Network, prefixes: PrefixCache, tokens: Sequence[int], room: int, adapter: str | None = None
) -> Steps[Any, tuple[Past, Tensor]]:
    """Read a prompt, leaving out the chunks that are known.

    Returns its past, with room for `room` more tokens, and the logits (V,) after its last token.
    """
    past = network.past(len(tokens) + room)
    done = prefixes.fill(past, tokens, adapter)
    while True:
        chunk = tokens[done : done + CHUNK]
        [logits] = network.read([Segment(past, chunk, adapter)])
        done += len(chunk)
        if len(chunk) == CHUNK:
            prefixes.keep(past, tokens[:done], adapter)
        if done == len(tokens):
            return past, logits
        yield None
