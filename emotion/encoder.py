"""The MiniLM sentence encoder: text in, one unit vector of 384 numbers out.

It is the ground the emotion classifier stands on; whoever else needs a sentence as a vector (a prompt, a memory)
uses it too. It knows nothing of emotions. Loading happens where the caller runs it: on the device's own thread.

Source: Wang et al., *MiniLM* (NeurIPS 2020); the weights are sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertModel

from inference.carriers import minilm_folder
from inference.job import ModelMissing

WIDTH = 384  # numbers in a sentence vector
MAX_TOKENS = 256  # what the encoder was trained with (its sentence_bert_config.json); longer texts lose their end


@dataclass(frozen=True, slots=True)
class Encoder:
    """MiniLM with its tokenizer, on one device."""

    model: BertModel
    tokenizer: Tokenizer
    device: torch.device

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Sentence vectors, (n, 384) float32 on the CPU: token mean, L2-normalised. Any text will do, also ""."""
        if not texts:
            return torch.empty(0, WIDTH)
        # A lone surrogate is a Python string but not a text; the tokenizer would refuse it.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        ids, mask = padded([encoding.ids for encoding in self.tokenizer.encode_batch(clean)])
        ids, mask = ids.to(self.device), mask.to(self.device)
        hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state  # (n, L, 384)
        return torch.nn.functional.normalize(mean_over(hidden.float(), mask), dim=-1).cpu()


def encoder_bytes() -> int:
    """What the encoder takes on a device: its weights are float32 there as in their file."""
    return (minilm_folder() / "model.safetensors").stat().st_size


def load_encoder(folder: Path | None = None, device: torch.device | str = "cpu") -> Encoder:
    """Read MiniLM from `folder` (default: the installed starter package). Raises ModelMissing with a sentence."""
    folder = folder or minilm_folder()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise ModelMissing(f"The sentence encoder in {folder} lacks {name}: run `mien starter`.")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return Encoder(load_bert(folder).to(device), tokenizer, torch.device(device))


def load_bert(folder: Path) -> BertModel:
    """The bare encoder in float32, in evaluation mode, without the pooler (nothing here reads it)."""
    model = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    # position_ids is a counter that older checkpoints stored as if it were a weight.
    wanted = {k: v for k, v in weights.items() if not k.startswith("pooler.") and k != "embeddings.position_ids"}
    model.load_state_dict(wanted)
    return model.eval()


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
