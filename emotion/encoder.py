"""MiniLM as it learns: transformers' own modules in float32, and texts as padded batches.

For training alone; at run time `emotion/minilm.py` reads the same weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from emotion.minilm import WIDTH, read_minilm
from inference.carriers import minilm_folder

__all__ = ["WIDTH", "Encoder", "load_encoder", "mean_over", "padded"]


@dataclass(frozen=True, slots=True)
class Encoder:
    """MiniLM with its tokenizer, on the CPU, in evaluation mode, without the pooler (nothing here reads it)."""

    model: BertModel
    tokenizer: Tokenizer


def load_encoder(folder: Path | None = None) -> Encoder:
    """Read MiniLM from `folder` (default: the installed starter package). Raises ModelMissing with a sentence."""
    plain = read_minilm(folder)
    config = BertConfig.from_json_file((folder or minilm_folder()) / "config.json")
    model = BertModel(config, add_pooling_layer=False)
    # position_ids is a counter that older checkpoints stored as if it were a weight.
    left_out = ("pooler.", "embeddings.position_ids")
    model.load_state_dict({name: w for name, w in plain.weights.items() if not name.startswith(left_out)})
    return Encoder(model.eval(), plain.tokenizer)


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token rows of unequal length as (ids, mask), both (n, longest) int64; the padding id is 0, as in BERT."""
    longest = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[i, : len(row)] = 1
    return ids, mask


def mean_over(hidden: Tensor, mask: Tensor) -> Tensor:
    """Mean of the real tokens: hidden (n, L, d), mask (n, L) -> (n, d). [CLS] and [SEP] always count, so never 0/0."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)
