"""MiniLM as Mien runs it: the weights read once, encoders built on them, sentences as vectors of 384 numbers.

It is the ground both emotion networks stand on; whoever else needs a sentence as a vector (a prompt, a memory) uses it
too. It knows nothing of emotions, and needs nothing of transformers, whose import alone takes seconds.

Source: Wang et al., *MiniLM* (NeurIPS 2020); the weights are sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from inference.arithmetic import Floating, Linear
from inference.bert import Bert, side_by_side
from inference.carriers import minilm_folder
from inference.formats.checkpoint import stored_in
from inference.job import ModelMissing

WIDTH = 384  # numbers in a sentence vector
MAX_TOKENS = 256  # what the encoder was trained with (its sentence_bert_config.json); longer texts lose their end


@dataclass(frozen=True, slots=True)
class Minilm:
    """The plain encoder's weights (float32, on the CPU, by transformers' names), its shape, and its tokenizer."""

    weights: Mapping[str, Tensor]
    heads: int
    epsilon: float
    tokenizer: Tokenizer

    def bert(self, weights: Mapping[str, Tensor] | None = None, linear: Linear | None = None) -> Bert:
        """An encoder of this shape; weights: other ones than the plain ones; linear: by default exact, in float32."""
        return Bert(self.weights if weights is None else weights, self.heads, self.epsilon, linear or Floating)


def read_minilm(folder: Path | None = None) -> Minilm:
    """Read MiniLM from `folder` (default: the installed starter package). Raises ModelMissing with a sentence."""
    folder = folder or minilm_folder()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise ModelMissing(f"The sentence encoder in {folder} lacks {name}: run `mien starter`.")
    try:
        shape = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "model.safetensors")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        return Minilm(weights, int(shape["num_attention_heads"]), float(shape["layer_norm_eps"]), tokenizer)
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelMissing(f"The sentence encoder in {folder} cannot be read ({error}): run `mien starter`.") from error


class SentenceEncoder:
    """Sentences to vectors, in float32 wherever `bert` is."""

    def __init__(self, plain: Minilm) -> None:
        self.bert = plain.bert()
        self._tokenizer = plain.tokenizer

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Sentence vectors, (n, 384) float32 on the CPU: token mean, L2-normalised. Any text will do, also ""."""
        if not texts:
            return torch.empty(0, WIDTH)
        # A lone surrogate is a Python string but not a text; the tokenizer would refuse it.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        self._tokenizer.enable_truncation(MAX_TOKENS)
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch(clean)]
        hidden = self.bert(side_by_side(rows, None, self.bert.device)).split([len(row) for row in rows])
        return torch.nn.functional.normalize(torch.stack([text.mean(0) for text in hidden]), dim=-1).cpu()


class Sizes(NamedTuple):
    """Bytes in float32: of everything, and of the word embeddings alone."""

    total: int
    words: int


def minilm_bytes() -> Sizes:
    """What the plain encoder takes, from the header of its file. Raises ModelMissing when it is not installed."""
    stored = {tensor.name: tensor.bytes for tensor in stored_in(minilm_folder())}
    return Sizes(sum(stored.values()), stored["embeddings.word_embeddings.weight"])
