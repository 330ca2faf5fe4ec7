"""What a model has read already: one sequence's keys and values, and the beginnings that sequences have in common.

A prompt is read in chunks of CHUNK tokens, counted from its first token. Every whole chunk that was read is kept as
a block, under a digest of all tokens up to its end. The next prompt that begins with the same tokens, of whatever
channel, copies the blocks instead of reading them again.

Only whole chunks are kept, and the rest of a prompt is always read in the same pieces. So what the model computes is
the same to the last bit whether the blocks were there or not, and the same seed gives the same reply.

Knows tensors and token ids; which model they belong to is `inference/network.py`'s business.
"""

import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

CHUNK = 64  # tokens; a step of prefill, and what a warm prompt reads again at most

Block: TypeAlias = list[tuple[Tensor, Tensor]]
"""Keys (H, CHUNK, D) and values (H, CHUNK, D') of every layer."""


class LayerShape(NamedTuple):
    """What one layer keeps of a token: so many heads with a key and a value of these widths."""

    heads: int
    key: int
    value: int


class Form(NamedTuple):
    """What a model keeps of a token, in all its layers, in the type that it computes in."""

    layers: tuple[LayerShape, ...]
    dtype: torch.dtype
    device: torch.device

    @property
    def alike(self) -> bool:
        """Whether all layers keep the same of a token."""
        return len(set(self.layers)) == 1

    @property
    def token_bytes(self) -> int:
        """Bytes that one token takes in a `Past`."""
        return self.dtype.itemsize * sum(layer.heads * (layer.key + layer.value) for layer in self.layers)


class Past:
    """Keys and values of one sequence, in memory taken once, for `room` tokens.

    With a trunk it continues the tokens that the trunk holds now, without copying them. Several pasts may share one
    trunk; while they live it must not be rewound to less than they share.

    keys, values: of each layer, (H, room, D), this past's own tokens only. start: tokens of the trunk. length: tokens
    held, the trunk's included.
    """

    def __init__(self, form: Form, room: int, trunk: "Past | None" = None) -> None:
        self.form, self.room, self.trunk = form, room, trunk
        self.start: int = 0 if trunk is None else trunk.length
        self.length: int = self.start
        memory = torch.empty(room * form.token_bytes // form.dtype.itemsize, dtype=form.dtype, device=form.device)
        sizes = [layer.heads * room * width for layer in form.layers for width in (layer.key, layer.value)]
        self._memory = memory
        parts = iter(torch.split(memory, sizes))
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        for layer in form.layers:
            self.keys.append(next(parts).view(layer.heads, room, layer.key))
            self.values.append(next(parts).view(layer.heads, room, layer.value))
        self._branches: weakref.WeakSet[Past] = weakref.WeakSet()
        if trunk is not None:
            trunk._branches.add(self)

    @property
    def own(self) -> int:
        """Tokens held beside the trunk's."""
        return self.length - self.start

    def bytes(self) -> int:
        """Bytes of memory this past has taken, its trunk's not counted."""
        return self.room * self.form.token_bytes

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Put the keys (H, n, D) and values (H, n, D') of the next n tokens in their place; `grow` makes them count."""
        end = self.own + keys.shape[1]
        self.keys[layer][:, self.own : end] = keys
        self.values[layer][:, self.own : end] = values

    def check(self, count: int) -> None:
        """An assertion that says when `count` more tokens do not fit."""
        assert self.own + count <= self.room, f"{self.own + count} tokens do not fit into a past of {self.room}"

    def grow(self, count: int) -> None:
        """The next `count` tokens are written in every layer."""
        self.check(count)
        self.length += count

    def rewind(self, length: int) -> None:
        """Forget the tokens after the first `length`; never tokens of the trunk, nor of what branches share."""
        held = max((branch.start for branch in self._branches), default=self.start)
        assert held <= length <= self.length, f"a past of {held} to {self.length} tokens cannot go back to {length}"
        self.length = length

    def stacked(self) -> tuple[Tensor, Tensor]:
        """Keys and values of all layers at once, (L, H, room, D) each, for models whose layers are alike."""
        assert self.form.alike, "the layers of this model differ"
        layer = self.form.layers[0]
        flat = self._memory.view(len(self.form.layers), -1)
        cut = layer.heads * self.room * layer.key
        heads = (len(self.form.layers), layer.heads, self.room)
        return flat[:, :cut].view(*heads, layer.key), flat[:, cut:].view(*heads, layer.value)

    def chain(self, more: int = 0) -> list[tuple["Past", int]]:
        """Whose tokens this sequence is made of, from its first on: pasts, and how many of each one's own tokens; at
        the end this one, with the `more` tokens that were written and do not count yet."""
        pasts, past, end = [], self, self.length + more
        while True:
            pasts.append((past, end - past.start))
            if past.trunk is None:
                return pasts[::-1]
            past, end = past.trunk, past.start

    def append(self, block: Block) -> None:
        """Append the keys and values of one chunk, copied."""
        for layer, (keys, values) in enumerate(block):
            self.write(layer, keys, values)
        self.grow(block[0][0].shape[1])

    def block(self, start: int, end: int) -> Block:
        """A copy of the keys and values of this past's own tokens start..end, counted from the sequence's first."""
        start, end = start - self.start, end - self.start
        return [
            (keys[:, start:end].clone(), values[:, start:end].clone())
            for keys, values in zip(self.keys, self.values, strict=True)
        ]


class PrefixCache:
    """Blocks of what was read, the least recently used leaving first when they exceed `max_bytes`.

    Used on the device thread only.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()
        self.bytes = 0

    def fill(self, past: Past, tokens: Sequence[int], adapter: str | None = None) -> int:
        """Append to the empty `past` every leading chunk of `tokens` that is known; returns how many tokens that is.

        adapter: the LoRA that reads them; each keeps its own. At least the last token is left to be read, for its
        logits are wanted.
        """
        known = []
        for digest in _digests(tokens[:-1], adapter):
            if digest not in self._blocks:
                break
            known.append(digest)
        for digest in known:
            past.append(self._blocks[digest])
        for digest in reversed(known):  # a chunk is of use only after those before it: they leave last
            self._blocks.move_to_end(digest)
        return len(known) * CHUNK

    def keep(self, past: Past, tokens: Sequence[int], adapter: str | None = None) -> None:
        """Remember the last chunk of `tokens`, a whole number of chunks that `past` has just read."""
        assert tokens and len(tokens) % CHUNK == 0, "only whole chunks are kept"
        digests = list(_digests(tokens, adapter))
        if digests[-1] not in self._blocks:
            block = past.block(len(tokens) - CHUNK, len(tokens))
            self._blocks[digests[-1]] = block
            self.bytes += _bytes(block)
        for digest in reversed(digests):
            if digest in self._blocks:
                self._blocks.move_to_end(digest)
        while self.bytes > self._max_bytes:
            self.bytes -= _bytes(self._blocks.popitem(last=False)[1])


def _digests(tokens: Sequence[int], adapter: str | None) -> Iterator[bytes]:
    """For each whole chunk of `tokens`, a digest of all tokens up to its end and of who reads them."""
    running = hashlib.blake2b((adapter or "").encode(), digest_size=16)
    for end in range(CHUNK, len(tokens) + 1, CHUNK):
        running.update(torch.tensor(tokens[end - CHUNK : end], dtype=torch.int64).numpy().tobytes())
        yield running.copy().digest()


def _bytes(block: Block) -> int:
    return sum(keys.nbytes + values.nbytes for keys, values in block)
