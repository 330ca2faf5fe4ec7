"""What the C library does with freed memory while a model is loaded. Knows glibc; elsewhere nothing is changed."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's numbers for mallopt
RETURNED = 32 << 10  # bytes; while a model is loaded, freed blocks from this size on go back to the system
KEPT = 32 << 20  # bytes; smaller ones are kept for later otherwise: the most that glibc allows


@contextmanager
def memory_returned() -> Iterator[None]:
    """Meanwhile the C library gives big freed blocks back at once.

    glibc keeps blocks of up to 32 MiB for later as soon as some were freed; between them the packed weights of every
    layer end up, and what is kept grows to several times the model (measured: 381 MiB for 110 MiB of NF4). Afterwards
    it keeps them again, for the many big temporaries of a forward pass are served faster so.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        yield
        return
    mallopt(M_MMAP_THRESHOLD, RETURNED)
    mallopt(M_TRIM_THRESHOLD, RETURNED)
    try:
        yield
    finally:
        mallopt(M_MMAP_THRESHOLD, KEPT)
        mallopt(M_TRIM_THRESHOLD, 2 * KEPT)
