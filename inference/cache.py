"""What a model has read already: one reply's keys and values, and the beginnings that replies have in common.

A prompt is read in chunks of CHUNK tokens, counted from its first token. Every whole chunk that was read is kept as
a block, under a digest of all tokens up to its end. The next prompt that begins with the same tokens, of whatever
channel, copies the blocks instead of reading them again.

Only whole chunks are kept, and the rest of a prompt is always read in the same pieces. So what the model computes is
the same to the last bit whether the blocks were there or not, and the same seed gives the same reply.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from inference.job import ModelMissing

CHUNK = 64  # tokens; a step of prefill, and what a warm prompt reads again at most

Block: TypeAlias = list[tuple[Tensor, Tensor]]
"""Keys and values, each (1, H, CHUNK, D), of every layer."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a model keeps of the tokens it read: how many layers keep keys and values, and whether some look back only
    so far (they are kept whole all the same, so that prompts of any length share beginnings)."""

    layers: int
    sliding: bool


def memory_of(model: Any) -> Memory:
    """The memory of a transformers model; ModelMissing when it keeps anything else than keys and values."""
    layers = DynamicCache(config=model.config).layers
    if not layers or any(type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers):
        raise ModelMissing(
            f"Models like this one ({model.config.model_type}) keep more than keys and values of what they read, which"
            " Mien cannot reuse: choose a transformer without state-space or compressed layers."
        )
    return Memory(len(layers), any(type(layer) is DynamicSlidingWindowLayer for layer in layers))


class PastLayer(DynamicLayer):  # type: ignore[misc]  # transformers is untyped here
    """Keys and values of one layer in a buffer made once, instead of a longer tensor for every token.

    room: tokens the buffer holds.
    """

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room
        self._length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make the buffers for states like these, (1, H, any, D)."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self._key_room = key_states.new_empty((*key_states.shape[:2], self._room, key_states.shape[3]))
        self._value_room = value_states.new_empty((*value_states.shape[:2], self._room, value_states.shape[3]))
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Append (1, H, n, D); returns all keys and values so far as views of the buffers."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, self._length = self._length, self._length + key_states.shape[-2]
        assert self._length <= self._room, f"{self._length} tokens do not fit into a past of {self._room}"
        self._key_room[:, :, start : self._length] = key_states
        self._value_room[:, :, start : self._length] = value_states
        self.keys = self._key_room[:, :, : self._length]
        self.values = self._value_room[:, :, : self._length]
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Tokens stored."""
        return self._length

    def rewind(self, length: int) -> None:
        """Forget the tokens after the first `length`."""
        self._length = min(self._length, length)


class Past(Cache):  # type: ignore[misc]  # transformers is untyped here
    """The keys and values of one sequence, for `model(..., past_key_values=past)`.

    layers: how many layers of the model keep some. room: tokens it can hold.
    """

    def __init__(self, layers: int, room: int) -> None:
        super().__init__(layers=[PastLayer(room) for _ in range(layers)])

    def append(self, block: Block) -> None:
        """Append the keys and values of one chunk, copied."""
        for layer, (keys, values) in zip(self.layers, block, strict=True):
            layer.update(keys, values)

    def rewind(self, length: int) -> None:
        """Forget the tokens after the first `length`."""
        for layer in self.layers:
            layer.rewind(length)

    def block(self, start: int, end: int) -> Block:
        """A copy of the keys and values of tokens start..end."""
        return [(layer.keys[:, :, start:end].clone(), layer.values[:, :, start:end].clone()) for layer in self.layers]


class PrefixCache:
    """Blocks of what was read, the least recently used leaving first when they exceed `max_bytes`.

    Used on the device thread only.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()
        self.bytes = 0

    def fill(self, past: Past, tokens: Sequence[int]) -> int:
        """Append to the empty `past` every leading chunk of `tokens` that is known; returns how many tokens that is.

        At least the last token is left to be read, for its logits are wanted.
        """
        known = []
        for digest in _digests(tokens[:-1]):
            if digest not in self._blocks:
                break
            known.append(digest)
        for digest in known:
            past.append(self._blocks[digest])
        for digest in reversed(known):  # a chunk is of use only after those before it: they leave last
            self._blocks.move_to_end(digest)
        return len(known) * CHUNK

    def keep(self, past: Past, tokens: Sequence[int]) -> None:
        """Remember the last chunk of `tokens`, a whole number of chunks that `past` has just read."""
        assert tokens and len(tokens) % CHUNK == 0, "only whole chunks are kept"
        digests = list(_digests(tokens))
        if digests[-1] not in self._blocks:
            block = past.block(len(tokens) - CHUNK, len(tokens))
            self._blocks[digests[-1]] = block
            self.bytes += _bytes(block)
        for digest in reversed(digests):
            if digest in self._blocks:
                self._blocks.move_to_end(digest)
        while self.bytes > self._max_bytes:
            self.bytes -= _bytes(self._blocks.popitem(last=False)[1])


def _digests(tokens: Sequence[int]) -> Iterator[bytes]:
    """For each whole chunk of `tokens`, a digest of all tokens up to its end."""
    running = hashlib.blake2b(digest_size=16)
    for end in range(CHUNK, len(tokens) + 1, CHUNK):
        running.update(torch.tensor(tokens[end - CHUNK : end], dtype=torch.int64).numpy().tobytes())
        yield running.copy().digest()


def _bytes(block: Block) -> int:
    return sum(keys.nbytes + values.nbytes for keys, values in block)
