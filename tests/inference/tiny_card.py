"""A card of a few kilobytes: real memory, really handed out and really refused."""

import weakref

import numpy as np
import torch
from torch import Tensor, nn

GRAIN = 64  # bytes; whatever is allocated takes a multiple of it, as on a real card


class _Block(np.ndarray[tuple[int], np.dtype[np.uint8]]):
    """A piece of the card; a plain array could not be watched."""


class TinyCard:
    """First fit in one array of bytes. A piece is free again when the last tensor over it is gone."""

    apart = True

    def __init__(self, total: int) -> None:
        self._memory = np.zeros(total, np.uint8)
        self._taken: dict[int, int] = {}  # where pieces begin and end
        self.moves: list[int] = []  # bytes that were moved in, in order

    @property
    def total(self) -> int:
        return len(self._memory)

    @property
    def taken(self) -> int:
        return sum(end - start for start, end in self._taken.items())

    def free(self) -> int:
        return self.total - self.taken

    def park(self, weight: Tensor) -> Tensor:
        assert not self.holds(weight), "what is parked comes from host memory"
        return weight.clone()

    def move_in(self, parked: Tensor) -> Tensor:
        moved = self.allocate(parked.nbytes).view(parked.dtype).as_strided(parked.shape, parked.stride())
        self.moves.append(parked.nbytes)
        return moved.copy_(parked)

    def allocate(self, count: int) -> Tensor:
        """So many bytes, anywhere; OutOfMemoryError when no gap is so large."""
        start, end = 0, self.total
        for begins, ends in sorted(self._taken.items()):
            if begins - start >= count:
                end = begins
                break
            start = ends
        if end - start < count:
            raise torch.OutOfMemoryError(f"Tried to allocate {count} bytes; {self.total - self.taken} are free")
        block = self._memory[start : start + count].view(_Block)
        self._taken[start] = start + -(-count // GRAIN) * GRAIN
        weakref.finalize(block, self._taken.pop, start)
        return torch.from_numpy(block)

    def holds(self, weight: Tensor) -> bool:
        return 0 <= weight.data_ptr() - self._memory.ctypes.data < self.total


def layers(grains: int) -> nn.Module:
    """A real module whose weights take so many grains, one each."""
    return nn.ParameterList([torch.randn(GRAIN // 4) for _ in range(grains)]).requires_grad_(False)
