"""Continuous batching: all replies that wait for a token share one read of the model.

There is no central loop. Every reply is a job of its own on the device (inference/gpu.py), so cancelling, priorities
and errors stay its own. Its rows *ask* for the logits after a token; the first reply whose turn comes finds none and
reads for all rows that asked; the others find theirs ready when their turn comes, for jobs of equal priority take
turns. Rows join when their prompt was read and leave when their reply ends.

A read that fails leaves every past as it was and takes only the job that ran it along; the next one reads without it.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from inference.cache import Past, PrefixCache
from inference.job import NoRoom, Steps
from inference.network import Network, Segment

KV_BYTES = 1 << 30  # of keys and values of the replies that are being written


class Row:
    """One sequence that is being continued: its past, and the logits (V,) after the last token it read."""

    def __init__(self, past: Past, logits: Tensor, adapter: str | None = None) -> None:
        self.past = past
        self.adapter = adapter
        self.logits: Tensor | None = logits
        self.token = 0  # the one it waits for, while `logits` is None


class Batch:
    """A model, what it has read already, and the rows that wait for it. Used on the device thread only.

    kv_bytes: what the pasts of all running replies may take together; a reply waits for its share.
    """

    def __init__(self, network: Network, prefixes: PrefixCache, kv_bytes: int = KV_BYTES) -> None:
        self.network = network
        self.prefixes = prefixes
        self.budget = Budget(kv_bytes)
        self._waiting: dict[Row, None] = {}  # in the order they asked

    def ask(self, row: Row, token: int) -> None:
        """Let `row` read `token` in the next shared step."""
        row.token, row.logits = token, None
        self._waiting[row] = None

    def logits(self, row: Row) -> Tensor:
        """The logits (V,) after the last token of `row`; reads for all that wait if they are not there yet."""
        if row.logits is None:
            self._step()
        assert row.logits is not None, "a row must ask for a token before it looks for the logits after it"
        return row.logits

    def leave(self, rows: Sequence[Row]) -> None:
        """These rows are done or no longer wanted."""
        for row in rows:
            self._waiting.pop(row, None)

    def _step(self) -> None:
        rows = list(self._waiting)
        logits = self.network.read([Segment(row.past, (row.token,), row.adapter) for row in rows])
        for row, after in zip(rows, logits, strict=True):
            row.logits = after
        self._waiting.clear()


class Budget:
    """Bytes that running replies may take together, given in the order of asking, all of a reply's share at once.

    So nobody holds a part and waits for the rest: whoever is first in the line gets its share when those before it
    have ended, and a small reply does not overtake a large one for ever.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used = 0
        self._line: deque[object] = deque()

    def take(self, share: int) -> Steps[Any, None]:
        """Wait for `share` bytes. NoRoom when the whole budget is smaller."""
        if share > self.max_bytes:
            raise NoRoom(
                f"This reply needs {_mib(share)} MiB to remember what it reads, and all replies together may have"
                f" {_mib(self.max_bytes)}: please shorten the message, or ask for fewer or shorter replies."
            )
        ticket = object()
        self._line.append(ticket)
        try:
            while self._line[0] is not ticket or self.used + share > self.max_bytes:
                yield None
            self.used += share
        finally:
            self._line.remove(ticket)

    def give(self, share: int) -> None:
        """Bytes that were taken are free again."""
        self.used -= share


def _mib(count: int) -> int:
    return -(-count >> 20)
