"""Sentence embeddings of the prompts, by all-MiniLM-L6-v2 (Reimers and Gurevych, arXiv 1908.10084)."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

WIDTH = 384


def minilm(folder: Path | None) -> Path:
    """The folder given, or the installed carrier's; ModelMissing says how to get it."""
    if folder is not None:
        return folder
    from inference.carriers import minilm_folder

    return minilm_folder()


@torch.no_grad()
def embed(phrases: dict[str, list[str]], folder: Path) -> dict[str, Tensor]:
    """label -> (number of phrasings, 384): mean over the tokens, length sqrt(384), so that each number is about 1."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    table = {}
    for label, texts in phrases.items():
        tokens = tokenizer(texts, padding=True, return_tensors="pt")
        states = model(**tokens).last_hidden_state  # (texts, tokens, 384)
        seen = tokens["attention_mask"][..., None]
        mean = (states * seen).sum(1) / seen.sum(1)
        table[label] = torch.nn.functional.normalize(mean, dim=1) * WIDTH**0.5
    return table
