"""The card: where the device keeps its weights, how much fits there, and how weights go in and out.

A CUDA card has memory of its own; what is not needed there is parked in pinned host memory, from which the card reads
at the full speed of its bus. On a CPU everything is where it is. Who may be on the card is decided elsewhere
(inference/residency.py). Everything here belongs to the device's thread.
"""

import os
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

MEMINFO = Path("/proc/meminfo")


class Card(Protocol):
    """Memory for weights, in bytes."""

    @property
    def apart(self) -> bool:
        """Whether this is other memory than the host's; if not, everything is here and nothing moves."""
        ...

    @property
    def total(self) -> int:
        """Bytes of the card."""
        ...

    def free(self) -> int:
        """Bytes that can be had now: measured, after what nobody holds any more was given back."""
        ...

    def park(self, weight: Tensor) -> Tensor:
        """A copy of `weight` in host memory, from which it can be moved in quickly."""
        ...

    def move_in(self, parked: Tensor) -> Tensor:
        """A copy of `parked` on the card; torch.OutOfMemoryError when it does not fit."""
        ...


class CudaCard:
    """The memory of one CUDA device."""

    apart = True

    def __init__(self, device: torch.device) -> None:
        self._device = device

    @property
    def total(self) -> int:
        """Bytes of the device, whoever uses them."""
        return torch.cuda.mem_get_info(self._device)[1]

    def free(self) -> int:
        """See Card. torch keeps freed memory for itself, where the driver counts it as used: it is given back first."""
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(self._device)[0]

    def park(self, weight: Tensor) -> Tensor:
        """See Card: page-locked, in the same memory layout."""
        return torch.empty_like(weight, device="cpu", pin_memory=True).copy_(weight)

    def move_in(self, parked: Tensor) -> Tensor:
        """See Card; the step that this happens in ends synchronised, so the copy need not be waited for here."""
        return parked.to(self._device, non_blocking=True)


class HostCard:
    """The machine's own memory: the device is the CPU."""

    apart = False

    @property
    def total(self) -> int:
        """Bytes of memory in the machine."""
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    def free(self) -> int:
        """See Card: what can be had without swapping, as Linux estimates it; elsewhere all there is."""
        for line in MEMINFO.read_text().splitlines() if MEMINFO.is_file() else []:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
        return self.total

    def park(self, weight: Tensor) -> Tensor:
        """See Card: it is parked already."""
        return weight

    def move_in(self, parked: Tensor) -> Tensor:
        """See Card: it is here already."""
        return parked


def card_of(device: torch.device) -> Card:
    """The card of a device."""
    return CudaCard(device) if device.type == "cuda" else HostCard()
