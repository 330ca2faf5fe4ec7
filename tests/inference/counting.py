"""A network that notes what it is asked to read, and can be told to run out of memory."""

from collections.abc import Sequence

import torch

from inference.network import Network, Segment


class Counting:
    """Reads as `network` does. reads: the lengths of the segments of each read; fails: which reads run out of memory,
    by their number."""

    def __init__(self, network: Network, fails: Sequence[int] = ()) -> None:
        self.network, self.device, self.form, self.past = network, network.device, network.form, network.past
        self.reads: list[list[int]] = []
        self.fails = fails

    def read(self, segments: Sequence[Segment]) -> list[torch.Tensor]:
        self.reads.append([len(segment.tokens) for segment in segments])
        if len(self.reads) - 1 in self.fails:
            raise torch.OutOfMemoryError("planted")
        return self.network.read(segments)
