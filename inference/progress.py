"""How long work tells what it is doing: one callable, and the bar on stderr that `mien` hands in.

Knows nothing of what is being done; a caller without a terminal passes `silent`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm import tqdm


class Progress(Protocol):
    """Called with what is being done, how much of it is done and how much there is, in any unit."""

    def __call__(self, what: str, done: int, total: int) -> None: ...


def silent(what: str, done: int, total: int) -> None:
    """The progress of work nobody watches."""


@contextmanager
def bar() -> Iterator[Progress]:
    """A progress bar on stderr; it appears with the first call and starts anew whenever `what` changes."""
    shown: dict[str, tqdm] = {}

    def advance(what: str, done: int, total: int) -> None:
        if what not in shown:
            for finished in shown.values():
                finished.close()
            shown.clear()
            shown[what] = tqdm(desc=what, total=total, unit_scale=True, leave=False)
        shown[what].update(done - shown[what].n)

    try:
        yield advance
    finally:
        for last in shown.values():
            last.close()
