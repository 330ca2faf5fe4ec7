"""BERT's forward pass over texts that lie side by side in one row of tokens: no padding, no modules of transformers.

Only what MiniLM-shaped encoders need: learned positions, two token types, LayerNorm after each half layer, exact GELU.
Its linear layers come from outside (`linear`), so the same few lines run in float32, in whole numbers or in half
precision. It does not know what the numbers mean or who asks.

Source: Devlin et al., *BERT* (2019), as in transformers' BertModel, which the tests hold it to.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inference.arithmetic import Linear
from kernels.layer import Layer


class Tokens(NamedTuple):
    """Texts side by side: ids, token types and positions, all (T,) int64, and how many tokens each text has."""

    ids: Tensor
    types: Tensor
    positions: Tensor
    lengths: tuple[int, ...]


def side_by_side(rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None, device: torch.device) -> Tokens:
    """Token ids of several texts, with their token types (None: all 0), as one row on the device."""
    lengths = tuple(len(row) for row in rows)
    ids = [token for row in rows for token in row]
    kinds = [0] * len(ids) if types is None else [kind for row in types for kind in row]
    places = [place for length in lengths for place in range(length)]
    table = torch.tensor([ids, kinds, places], dtype=torch.long).to(device)
    return Tokens(table[0], table[1], table[2], lengths)


class Bert(nn.Module):
    """The encoder, from the weights of a checkpoint under transformers' names (`embeddings.…`, `encoder.layer.…`)."""

    _words: Tensor
    _places: Tensor
    _kinds: Tensor

    def __init__(self, weights: Mapping[str, Tensor], heads: int, epsilon: float, linear: Linear) -> None:
        super().__init__()
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        words, places, kinds = (weights[f"embeddings.{name}.weight"] for name in names)
        self.register_buffer("_words", words)
        self.register_buffer("_places", places)
        self.register_buffer("_kinds", kinds)
        self._norm = _Norm(weights, "embeddings.LayerNorm", epsilon)
        depth = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
        layers = (_Layer(weights, f"encoder.layer.{i}", heads, epsilon, linear) for i in range(depth))
        self._layers = nn.ModuleList(layers)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._words.device

    def forward(self, tokens: Tokens) -> Tensor:
        """The last layer's vectors, (T, width)."""
        x = F.embedding(tokens.ids, self._words) + F.embedding(tokens.types, self._kinds)  # (T, width)
        x = self._norm(x + F.embedding(tokens.positions, self._places)).to(self._layers[0].dtype)
        for layer in self._layers:
            x = layer(x, tokens.lengths)
        hidden: Tensor = x
        return hidden


class _Norm(nn.Module):
    _weight: Tensor
    _bias: Tensor

    def __init__(self, weights: Mapping[str, Tensor], name: str, epsilon: float) -> None:
        super().__init__()
        self.register_buffer("_weight", weights[f"{name}.weight"])
        self.register_buffer("_bias", weights[f"{name}.bias"])
        self._epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self._weight, self._bias, self._epsilon)


class _Layer(nn.Module):
    def __init__(self, weights: Mapping[str, Tensor], name: str, heads: int, epsilon: float, linear: Linear) -> None:
        super().__init__()
        self._heads = heads

        def layer(*places: str) -> Layer:  # several that read the same input become one product
            parts = ([weights[f"{name}.{place}.{kind}"] for place in places] for kind in ("weight", "bias"))
            return linear(*(torch.cat(part) if len(part) > 1 else part[0] for part in parts))

        self._seen = layer(*(f"attention.self.{part}" for part in ("query", "key", "value")))
        self._said = layer("attention.output.dense")
        self._wide, self._narrow = layer("intermediate.dense"), layer("output.dense")
        self._norms = nn.ModuleList(
            [_Norm(weights, f"{name}.{place}.LayerNorm", epsilon) for place in ("attention.output", "output")]
        )

    @property
    def dtype(self) -> torch.dtype:
        return self._seen.dtype

    def forward(self, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """x (T, width) -> (T, width); a token attends to the tokens of its own text."""
        x = self._norms[0](self._said.plus(_attention(self._seen(x), self._heads, lengths), x))
        y: Tensor = self._norms[1](self._narrow.plus(self._wide.gelu(x), x))
        return y


def _attention(seen: Tensor, heads: int, lengths: Sequence[int]) -> Tensor:
    """seen: queries, keys and values beside each other, (T, 3 · width) -> what every token attends to, (T, width)."""
    q, k, v = seen.view(len(seen), 3, heads, -1).permute(1, 2, 0, 3)  # each (heads, T, width / heads)
    # A GPU hides other texts from one large product: starting many small ones takes longer there.
    said = attend_masked(q, k, v, lengths) if seen.is_cuda else attend_apart(q, k, v, lengths)
    return said.transpose(0, 1).flatten(1)


def attend_apart(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int]) -> Tensor:
    """Every text by itself: q, k, v (heads, T, d) -> (heads, T, d)."""
    if len(lengths) == 1:
        return _attend(q, k, v)
    parts = zip(*(torch.split_with_sizes(t, list(lengths), 1) for t in (q, k, v)), strict=True)
    return torch.cat([_attend(*part) for part in parts], 1)


def attend_masked(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int]) -> Tensor:
    """The same in one product, in which no token sees another text."""
    texts = torch.repeat_interleave(torch.tensor(lengths)).to(q.device)  # (T,): the number of each token's text
    return _attend(q, k, v, texts[:, None] == texts)


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return F.scaled_dot_product_attention(q[None], k[None], v[None], mask)[0]
